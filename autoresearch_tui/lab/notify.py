"""Tells people who are away: the desktop, and any service that apprise knows.

Messages are sent from processes beside the lab, one after the other and bounded in time: a service
that hangs, or a library that fails, is a line in `lab.log` and no more. The addresses of services
hold secrets: they are in no argument, no log and no fact.
"""

import asyncio
import contextlib
import importlib
import logging
import shutil
import sys
from collections import deque
from collections.abc import Awaitable
from typing import Any

import msgspec

from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.news import news
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.settings import NotifySettings

SEND_LIMIT_S = 30.0
FINISH_LIMIT_S = 40.0
"""How long the end of a lab waits for its last messages."""
WAITING_MOST = 20
"""Messages that wait while one is sent; of more, the latest are kept."""
NO_APPRISE = 3
"""The child's exit code where apprise is not installed."""

log = logging.getLogger(__name__)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What the child that asks apprise reads on its standard input."""

    urls: list[str]
    title: str
    body: str


class Notifier:
    """Sends what is news to whom the settings name."""

    def __init__(self, settings: NotifySettings, tag: str) -> None:
        """Speak of the session `tag`."""
        self._settings = settings
        self._title = f"autoresearch {tag}"
        self._waiting: deque[str] = deque(maxlen=WAITING_MOST)
        self._sending: asyncio.Task[None] | None = None

    def hear(self, state: SessionState, fact: KnownFact) -> None:
        """Take a fact, and send it if it is news. This never blocks and never fails."""
        if not (self._settings.desktop or self._settings.urls):
            return
        text = news(state, fact)
        if text is None:
            return
        self._waiting.append(text)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    async def finish(self) -> None:
        """Wait until all is sent, but not for ever."""
        if self._sending is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FINISH_LIMIT_S):
                    await self._sending

    async def _send_all(self) -> None:
        while self._waiting:
            # What came up meanwhile is one message: services count them.
            body = "\n".join(self._waiting)
            self._waiting.clear()
            for failure in await send(self._settings, self._title, body):
                log.warning("a notification was not sent: %s", failure)


async def send(settings: NotifySettings, title: str, body: str) -> list[str]:
    """Send a message to all that the settings name, and return what went wrong, if anything."""
    ways: list[Awaitable[str | None]] = []
    if settings.desktop:
        ways.append(_send_to_desktop(title, body))
    if settings.urls:
        ways.append(_send_to_services(settings.urls, title, body))
    return [failure for failure in await asyncio.gather(*ways) if failure]


def send_now(settings: NotifySettings, title: str, body: str) -> list[str]:
    """Do the same for a caller without an event loop."""
    return asyncio.run(send(settings, title, body))


async def _send_to_desktop(title: str, body: str) -> str | None:
    command = desktop_command(title, body)
    if command is None:
        return "this machine has neither notify-send nor osascript"
    code = await _run(*command)
    return None if code == 0 else f"{command[0]} failed"


async def _send_to_services(urls: list[str], title: str, body: str) -> str | None:
    message = Message(urls=urls, title=title, body=body)
    child = (sys.executable, "-m", "autoresearch_tui.lab.notify")
    match await _run(*child, given=msgspec.json.encode(message)):
        case 0:
            return None
        case code if code == NO_APPRISE:
            return "apprise is not installed; mend it with: pip install apprise"
        case _:
            return "a service of notify.urls is unknown to apprise, refused it or is not there"


def desktop_command(title: str, body: str) -> list[str] | None:
    """Return what shows a notification on this desktop, or none where nothing does."""
    if shutil.which("notify-send"):
        return ["notify-send", "--app-name=autoresearch", "--", title, body]
    if shutil.which("osascript"):
        script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\n"
        return ["osascript", "-e", script + "end run", title, body]
    return None


async def _run(*command: str, given: bytes = b"") -> int | None:
    """Run a command and return its exit code; none where it could not be, or took too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            # A library's own words could hold an address.
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(SEND_LIMIT_S):
            await process.communicate(given)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode


def _ask_apprise() -> int:
    """Send the message on standard input, and return the exit code."""
    try:
        # An extra, which only this process is to load.
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        return NO_APPRISE
    message = msgspec.json.decode(sys.stdin.buffer.read(), type=Message)
    services = apprise.Apprise()
    unknown = [url for url in message.urls if not services.add(url)]
    sent = services.notify(body=message.body, title=message.title)
    return 0 if sent and not unknown else 1


if __name__ == "__main__":
    sys.exit(_ask_apprise())
