"""A recorded session, unrolled again: its files as they were at any moment of the night.

They are written to a folder of their own, a line when its moment comes, so that whoever follows
that folder sees what a viewer saw then, through the same code. Of what carries no moment, an
experiment's edit comes with its proposal and its output when its run has ended; of an experiment
that ran more than once, the last run is all that there is.
"""

import os
import shutil
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autoresearch_tui import __version__
from autoresearch_tui import session as sessions
from autoresearch_tui.session import LabLife, Session, SessionError, SessionLock, lab_life

IDLE_WAIT_S = 1.5
"""The longest wait for the next line before a screen, however long it was in the night."""
IDLE_AFTER_S = 3.0
"""Shorter waits of the night are not cut: samples come once a second."""
NEVER_SILENT_AT = 4_000_000_000
"""The heartbeat of a lab that is only played."""
WITH_PROPOSAL = ("train.py", "change.diff", "proposal.json")
AT_THE_START = ("session.toml", "launch.json")


class _Told(msgspec.Struct):
    at: float
    kind: str = ""
    experiment: int | None = None


class _Step(msgspec.Struct):
    t: float


_told = msgspec.json.Decoder(_Told)
_step = msgspec.json.Decoder(_Step)


class Reel:
    """One file of lines, and the moment of each; what has no moment comes with what is before."""

    def __init__(self, source: Path, target: Path, moment: Callable[[bytes], float]) -> None:
        """Read `source`, to be written to `target`; it may be missing."""
        self._target = target
        self._data = source.read_bytes() if source.is_file() else b""
        self._ends: list[int] = []
        self.moments: list[float] = []
        self._at = 0
        end, latest = 0, 0.0
        for line in self._data.splitlines(keepends=True):
            end += len(line)
            try:
                latest = max(latest, moment(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                if not self.moments:
                    continue
            self.moments.append(latest)
            self._ends.append(end)

    @property
    def next_at(self) -> float | None:
        """The moment of the next line; none when all are written."""
        return self.moments[self._at] if self._at < len(self.moments) else None

    def play(self, until: float) -> None:
        """Write the lines up to a moment."""
        at = bisect_right(self.moments, until)
        if at <= self._at:
            return
        start = self._ends[self._at - 1] if self._at else 0
        self._target.parent.mkdir(parents=True, exist_ok=True)
        with self._target.open("ab") as file:
            file.write(self._data[start : self._ends[at - 1]])
        self._at = at

    def rewind(self) -> None:
        """Begin anew; the written file is somebody else's to remove."""
        self._at = 0


@dataclass(frozen=True)
class Turn:
    """A moment at which more than lines changes: by the fact of a kind, about an experiment."""

    at: float
    kind: str
    experiment: int | None


class Tape:
    """A night that plays: `session` holds its files as they were at `moment`."""

    def __init__(self, recorded: Session, folder: Path) -> None:
        """Play `recorded` into `folder`, which is empty and ours; it stands before its first fact.

        Raises:
            SessionError: nothing is recorded.
        """
        self.recorded = recorded
        self.session = Session(folder / recorded.tag)
        self._turns: list[Turn] = []
        self._journal = Reel(recorded.journal, self.session.journal, self._turn)
        self._reels = [
            self._journal,
            Reel(recorded.telemetry, self.session.telemetry, _moment),
            Reel(recorded.reasoning, self.session.reasoning, _moment),
        ]
        if not self._journal.moments:
            raise SessionError(
                f"Session {recorded.tag} has no facts to play. Its journal is {recorded.journal}."
            )
        self.began_at = self._journal.moments[0]
        self.ends_at = max(reel.moments[-1] for reel in self._reels if reel.moments)
        self.proposals = [
            (turn.at, turn.experiment)
            for turn in self._turns
            if turn.kind == "proposed" and turn.experiment is not None
        ]
        """When each experiment was proposed, and its number."""
        self._last = {(turn.kind, turn.experiment): turn for turn in self._turns}
        self._runs: dict[int, Reel] = {}
        self._lock: SessionLock | None = None
        self._begin()

    def _turn(self, line: bytes) -> float:
        told = _told.decode(line)
        self._turns.append(Turn(told.at, told.kind, told.experiment))
        return told.at

    @property
    def next_at(self) -> float | None:
        """When the next line comes, of whatever file; none at the end."""
        coming = [reel.next_at for reel in (*self._reels, *self._runs.values())]
        return min((at for at in coming if at is not None), default=None)

    @property
    def ended(self) -> bool:
        """Whether all is played."""
        return self.moment >= self.ends_at

    def run(self, seconds: float, speed: float) -> None:
        """Play what `seconds` before the screen are worth at a speed; long waits are cut."""
        moment, following = self.moment + seconds * speed, self.next_at
        if following is not None:
            moment = max(moment, following - max(IDLE_AFTER_S, IDLE_WAIT_S * speed))
        self.seek(max(self.moment, min(moment, self.ends_at)))

    def seek(self, moment: float) -> bool:
        """Go to a moment, and return whether that was back, so that followers begin anew."""
        back = moment < self.moment
        if back:
            self._begin()
        self.moment = moment
        while self._next < len(self._turns) and self._turns[self._next].at <= moment:
            self._take(self._turns[self._next])
            self._next += 1
        for reel in (*self._reels, *self._runs.values()):
            reel.play(moment)
        if self.ended and lab_life(self.recorded) not in (LabLife.ALIVE, LabLife.SILENT):
            # A lab that never said that it stopped was killed, and is shown as that.
            self._leave()
        return back

    def close(self) -> None:
        """Give up what the played lab holds."""
        self._leave()

    def _begin(self) -> None:
        self._leave()
        shutil.rmtree(self.session.folder, ignore_errors=True)
        self.session.folder.mkdir(parents=True)
        for name in AT_THE_START:
            _copy(self.recorded.folder / name, self.session.folder / name)
        for reel in self._reels:
            reel.rewind()
        self._runs.clear()
        self._next = 0
        self.moment = self.began_at - 1.0

    def _take(self, turn: Turn) -> None:
        """Do what a fact says beside its line."""
        number = turn.experiment
        match turn.kind:
            case "lab_started":
                self._arrive()
            case "lab_stopped":
                self._leave()
                self.session.lab_file.unlink(missing_ok=True)
            case "proposed" if number is not None:
                for name in WITH_PROPOSAL:
                    there = self.recorded.experiment(number) / name
                    _copy(there, self.session.experiment(number) / name)
            case "clock_started" if number is not None and self._is_last(turn):
                reel = Reel(
                    self.recorded.metrics(number),
                    self.session.metrics(number),
                    lambda line: turn.at + _step.decode(line).t,
                )
                self._runs[number] = reel
            case "run_ended" if number is not None and self._is_last(turn):
                _copy(self.recorded.output(number), self.session.output(number))
                if reel := self._runs.pop(number, None):
                    # Seconds of a clock that began a little later than its fact says.
                    reel.play(float("inf"))
            case _:
                pass

    def _is_last(self, turn: Turn) -> bool:
        return self._last[turn.kind, turn.experiment] is turn

    def _arrive(self) -> None:
        if self._lock is None:
            nobody = self.session.folder / "replay.sock"
            sessions.write_lab_file(self.session, nobody, __version__)
            os.utime(self.session.lab_file, (NEVER_SILENT_AT, NEVER_SILENT_AT))
            self._lock = SessionLock(self.session)

    def _leave(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _moment(line: bytes) -> float:
    return _told.decode(line).at


def _copy(source: Path, target: Path) -> None:
    # An experiment may have put a link or a pipe in a file's place.
    if source.is_file() and not source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
