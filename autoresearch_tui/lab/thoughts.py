"""What agents think aloud, on its way to the session's file."""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from autoresearch_tui.lab import clock
from autoresearch_tui.record.lines import LineWriter
from autoresearch_tui.record.masking import mask
from autoresearch_tui.record.samples import Thought, ThoughtKind

FLUSH_INTERVAL_S = 0.5
STREAMED = (ThoughtKind.TEXT, ThoughtKind.THINKING)


class Thoughts:
    """Writes what agents think aloud to `reasoning.jsonl`, twice a second at most."""

    def __init__(self, path: Path) -> None:
        self._writer = LineWriter(path)
        self._pending: list[Thought] = []

    def add(self, experiment: int, kind: ThoughtKind, text: str) -> None:
        """Keep a piece for the next write; pieces of one stream become one."""
        last = self._pending[-1] if self._pending else None
        if last and last.kind is kind and kind in STREAMED and last.experiment == experiment:
            self._pending[-1] = msgspec.structs.replace(last, text=last.text + text)
        else:
            thought = Thought(at=clock.now(), experiment=experiment, kind=kind, text=text)
            self._pending.append(thought)

    def flush(self) -> None:
        """Write what was kept. Thoughts that can not be stored are lost; the night goes on."""
        pending, self._pending = self._pending, []
        with contextlib.suppress(OSError):
            self._writer.write(
                *(
                    msgspec.json.encode(msgspec.structs.replace(one, text=mask(one.text)))
                    for one in pending
                )
            )

    async def flush_regularly(self) -> None:
        """Write at every interval, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            if self._pending:
                self.flush()
