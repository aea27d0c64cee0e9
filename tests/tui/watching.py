"""What tests of the screen share: a cockpit on a made night, and a lab that only listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from autoresearch_tui.control.messages import AnyCommand, Reply
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.tui.app import Cockpit
from autoresearch_tui.tui.text import Line
from autoresearch_tui.tui.widgets.canvas import Canvas
from tests.tui.nights import MadeNight


@asynccontextmanager
async def watching(
    made: MadeNight, size: tuple[int, int] = (80, 24), **chosen: Any
) -> AsyncIterator[Pilot[None]]:
    """Open a cockpit, and go on once its night is read; `chosen` are arguments of it."""
    options: dict[str, Any] = {"now": lambda: made.now} | chosen
    cockpit = Cockpit(made.session, **options)
    async with cockpit.run_test(size=size) as pilot:
        await settle(pilot)
        yield pilot


async def settle(pilot: Pilot[None]) -> None:
    """Wait until workers are done and what they led to is shown."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    # A refresh may lead to another: a pane that was hidden takes the focus once it is laid out.
    for _ in range(2):
        refreshed = asyncio.Event()
        pilot.app.screen.call_after_refresh(refreshed.set)
        await refreshed.wait()
        await pilot.pause()


async def look(pilot: Pilot[None]) -> None:
    """Have the cockpit read its files now, instead of with its next tick."""
    cockpit = pilot.app
    assert isinstance(cockpit, Cockpit)
    cockpit.look()
    await settle(pilot)


def shown(pilot: Pilot[None], selector: str) -> str:
    """Return the text of a widget, as it is on the screen."""
    widget = pilot.app.screen.query_one(selector, Canvas)
    height = widget.content_size.height
    return "\n".join(widget.render_line(row).text.rstrip() for row in range(height))


def plain(line: Line) -> str:
    """Return a row without its styles."""
    return "".join(text for text, _ in line)


class ListeningLab:
    """Answers every command, and remembers it."""

    def __init__(self, made: MadeNight) -> None:
        self.commands: list[AnyCommand] = []
        self.reply = Reply(ok=True, changed=True, detail="it is done")
        self._server = ControlServer(made.session.new_socket(), self._handle)

    async def _handle(self, command: AnyCommand) -> Reply:
        self.commands.append(command)
        return self.reply

    async def __aenter__(self) -> "ListeningLab":
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()
