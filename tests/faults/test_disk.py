"""The disk is full at any one write, for that write alone or from there on."""

import contextlib
import errno
import io
import os
from collections.abc import Callable
from typing import Any

import pygit2
import pytest
from pygit2.references import References

from autoresearch_tui.lab import clock
from autoresearch_tui.lab.repository import RepositoryError
from autoresearch_tui.record import events
from tests.faults.conftest import Watched
from tests.faults.instant import BetterEachTime, InstantExecutor
from tests.workshop import Workshop

WRITES_OF_A_LIFE = 30
"""A lab that judges an experiment writes at least so often."""
FOR_EVER = 1_000_000


class Disk:
    """Refuses the writes whose turn it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writes = 0
        self.refused = range(0)
        real_write, real_open = os.write, io.open

        def write(fd: int, data: bytes) -> int:
            if self._is_full():
                # What fits is written, as a file system does.
                real_write(fd, bytes(data)[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_write(fd, data)

        def opened(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            opened = real_open(file, mode, *arguments, **named)
            if mode[:1] in "wax" and self._is_full():
                opened.close()
                raise OSError(errno.ENOSPC, "No space left on device", str(file))
            return opened

        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(io, "open", opened)
        for name in ("mkdir", "replace"):
            no_space = OSError(errno.ENOSPC, "No space left on device")
            monkeypatch.setattr(os, name, self._refusing(getattr(os, name), no_space))
        for owner, name in (
            (pygit2.Repository, "create_blob"),
            (pygit2.Repository, "create_commit"),
            (References, "create"),
        ):
            git_error = pygit2.GitError("failed to write: No space left on device")
            monkeypatch.setattr(owner, name, self._refusing(getattr(owner, name), git_error))

    def _refusing(self, do: Callable[..., Any], error: Exception) -> Callable[..., Any]:
        def doing(*arguments: Any, **named: Any) -> Any:
            if self._is_full():
                raise error
            return do(*arguments, **named)

        return doing

    def _is_full(self) -> bool:
        self.writes += 1
        return self.writes in self.refused

    def refuse(self, writes: range) -> None:
        """Refuse these, counted from 1 and from now."""
        self.writes, self.refused = 0, writes


@pytest.mark.parametrize("lasting", [False, True], ids=["for one write", "from there on"])
async def test_a_full_disk_at_any_write_loses_nothing(
    workshop: Workshop, watched: Watched, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    monkeypatch.setattr("tests.workshop.LocalExecutor", InstantExecutor)
    disk = Disk(monkeypatch)
    turn = judged = 0
    while disk.writes >= turn:
        turn += 1
        lab = workshop.lab(BetterEachTime(), max_experiments=judged + 1)
        disk.refuse(range(turn, FOR_EVER) if lasting else range(turn, turn + 1))
        with contextlib.suppress(OSError, RepositoryError):
            await lab.run()
        disk.refused = range(0)
        writes = disk.writes
        # The lab's process has a last word, which must not join what was refused half way.
        lab.record(events.LabStopped(at=clock.now(), reason="the disk is full", trouble=True))
        assert all(map(events.decode, watched.session.journal.read_bytes().splitlines()))
        assert watched.lost() == []
        watched.remember()
        judged = watched.state().judged_count + 1
        end = await workshop.lab(BetterEachTime(), max_experiments=judged).run()
        assert end.finished, end.reason
        assert watched.lost() == watched.wrong() == watched.touched() == []
        watched.remember()
        disk.writes = writes
    assert turn > WRITES_OF_A_LIFE
    assert watched.state().judged_count == judged
