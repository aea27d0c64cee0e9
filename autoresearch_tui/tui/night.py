"""One night as a viewer knows it: the state, and the samples beside it."""

import contextlib
import math
import os
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from autoresearch_tui.record import fold
from autoresearch_tui.record.events import LabStarted, UnknownFact
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.lines import LineTail
from autoresearch_tui.record.masking import SECRET_CHARACTERS, mask
from autoresearch_tui.record.news import news
from autoresearch_tui.record.samples import StepSample, TelemetrySample
from autoresearch_tui.record.state import IN_FLIGHT, Experiment, Permission, Phase, SessionState
from autoresearch_tui.session import LabLife, Session, lab_life
from autoresearch_tui.stats.spread import smoothed
from autoresearch_tui.tui.text import clean
from autoresearch_tui.tui.thoughts import ThoughtLog, open_regular
from autoresearch_tui.tui.words import LABLESS, LIVELY, Word, word_for

TELEMETRY_KEPT = 600
TELEMETRY_READ_BYTES = 512 * 1024
CURVE_POINTS = 4000
SMOOTHING_SHARE = 0.02
"""The half-life of a curve's average, as a share of its points."""
LIFE_POLL_INTERVAL_S = 1.0
"""With the heartbeat's own patience, a lab that hangs is shown so within 10 s."""
RATE_AFTER_S = 600.0
"""Before that, experiments an hour would be a guess."""
FILE_LIMIT_BYTES = 4 * 1024 * 1024
OUTPUT_TAIL_BYTES = 16 * 1024

_steps = msgspec.json.Decoder(StepSample)
_telemetry = msgspec.json.Decoder(TelemetrySample)


class Curve:
    """The training loss of one run: seconds since the clock started, nats per token."""

    def __init__(self, path: Path) -> None:
        """Follow the step losses at `path`, which need not exist yet."""
        self._tail = LineTail(path)
        self.points: list[tuple[float, float]] = []
        self.last: StepSample | None = None
        self._smooth: list[tuple[float, float]] | None = None

    @property
    def smooth(self) -> list[tuple[float, float]]:
        """The same points, each with the average of the losses up to it."""
        if self._smooth is None:
            halflife = len(self.points) * SMOOTHING_SHARE
            losses = smoothed([loss for _, loss in self.points], halflife)
            moments = (at for at, _ in self.points)
            self._smooth = list(zip(moments, losses, strict=True))
        return self._smooth

    def read(self) -> bool:
        """Take in what was added, and return whether that was anything."""
        lines = self._tail.read()
        if lines:
            self._smooth = None
        for line in lines:
            try:
                sample = _steps.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if not (math.isfinite(sample.loss) and math.isfinite(sample.t)):
                continue
            if self.last is not None and sample.t < self.last.t:
                # The experiment runs again, and its file began anew.
                self.points.clear()
            self.points.append((sample.t, sample.loss))
            self.last = sample
        if len(self.points) > CURVE_POINTS:
            self.points = self.points[::2]
        return bool(lines)


class Night:
    """A session followed through its files; nothing here asks the lab anything."""

    def __init__(self, session: Session, now: Callable[[], float] = time.time) -> None:
        """Follow `session`, by the clock `now`."""
        self.session = session
        self.now = now
        self.state = SessionState()
        self.life = LabLife.NONE
        self.loaded = False
        self.unknown_facts = 0
        """Facts of kinds, or with meanings, that only a newer version knows."""
        self.news: list[str] = []
        """What the last read found that is worth telling; nothing of what was there before."""
        self.telemetry: deque[TelemetrySample] = deque(maxlen=TELEMETRY_KEPT)
        self.marked: int | None = None
        """The experiment that waits for another to be compared with."""
        self.labs: list[LabStarted] = []
        """Who ran the session from when on, and with what, oldest first."""
        self.thoughts = ThoughtLog(session.reasoning)
        self.curve: Curve | None = None
        self.curve_of: int | None = None
        self.incumbent_curve: Curve | None = None
        self._incumbent_curve_of: int | None = None
        self._journal = JournalReader(session.journal)
        self._telemetry = LineTail(session.telemetry, last_bytes=TELEMETRY_READ_BYTES)
        self._life_polled_at = -math.inf

    def read(self) -> bool:
        """Take in what was written since the last call, and return whether that was anything."""
        state = self.state
        before = (state.facts, self.life)
        lab_before = (state.lab_pid, state.stop_reason)
        self.news.clear()
        for fact in self._journal.read():
            fold.apply(state, fact)
            if isinstance(fact, LabStarted):
                self.labs.append(fact)
            self.unknown_facts += isinstance(fact, UnknownFact)
            if self.loaded and (told := news(state, fact)):
                self.news.append(told)
        self._poll_life(at_once=(state.lab_pid, state.stop_reason) != lab_before)
        samples = self._read_telemetry()
        thoughts = self.thoughts.read()
        steps = self._read_curves()
        self.loaded = True
        return samples or thoughts or steps or before != (state.facts, self.life)

    @property
    def word(self) -> Word:
        """What the session is doing."""
        return word_for(self.state, self.life)

    @property
    def lively(self) -> bool:
        """Whether anything is under way, so that numbers may move."""
        return self.word in LIVELY

    @property
    def moment(self) -> float:
        """The time that durations are counted to: now, or the last fact where all stands still."""
        return self.now() if self.lively else self.state.last_fact_at

    @property
    def awaiting(self) -> Experiment | None:
        """The experiment that a living lab holds back until a person decides."""
        return self.state.waiting if self.lively or self.word is Word.YOUR_TURN else None

    @property
    def asked(self) -> Permission | None:
        """What an agent of a living lab asks a person to be allowed."""
        return None if self.word in LABLESS else self.state.asked

    @property
    def in_flight(self) -> int | None:
        """The experiment that has a process, if one has."""
        current = self.state.current
        return current.number if current is not None and current.phase in IN_FLIGHT else None

    @property
    def seconds_left(self) -> float | None:
        """What remains of the budget of the run in flight; none when no clock runs."""
        current = self.state.current
        if current is None or current.phase is not Phase.TRAINING or not self.lively:
            return None
        run = current.last_run
        if run is None or run.clock_started_at is None:
            return None
        return max(0.0, run.clock_started_at + run.budget_s - self.now())

    @property
    def rate_per_hour(self) -> float | None:
        """Experiments judged in an hour of the lab's life; none before that says anything."""
        spent = sum(self.state.ledger_at(self.moment).values())
        return None if spent < RATE_AFTER_S else self.state.judged_count / spent * 3600

    @property
    def session_left_s(self) -> tuple[float, bool] | None:
        """What remains until a limit ends the session, and whether that is a guess by the rate.

        None where no limit of time or number is set, or the rate is not known yet.
        """
        left: list[tuple[float, bool]] = []
        for value in self.state.limits.values():
            try:
                ends_at = datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
            # A number can be read as a date too, the year 100 for one.
            if "T" in value:
                left.append((max(0.0, ends_at - self.now()), False))
        rate = self.rate_per_hour
        with contextlib.suppress(ValueError):
            most = float(self.state.limits.get("experiments", ""))
            if rate:
                left.append((max(0.0, most - self.state.judged_count) / rate * 3600, True))
        return min(left, default=None)

    def diff(self, experiment: int) -> str:
        """Return an experiment's change against its parent, made safe to show; may be empty."""
        return clean(_read(self.session.diff(experiment), FILE_LIMIT_BYTES))

    def source(self, experiment: int) -> str:
        """Return the file that an experiment ran, made safe to show; empty where it is gone."""
        return clean(_read(self.session.train_file(experiment), FILE_LIMIT_BYTES))

    def change(self, experiment: int, base: int | None) -> str:
        """Return what differs between an experiment's file and that of another one.

        Against its parent it is what was stored with it. Empty where a file is gone.
        """
        known = self.state.experiments.get(experiment)
        if base is None or known is None or base == known.parent:
            return self.diff(experiment)
        old, new = self.source(base), self.source(experiment)
        if not (old and new):
            return ""
        # A fifth of the time from the start of a screen to its first paint, and seldom needed.
        import pygit2  # noqa: PLC0415

        # A patch reads from these bytes without holding them: they have to outlive it.
        before, after = old.encode(), new.encode()
        patch = pygit2.Patch.create_from(before, after)
        return patch.text or ""

    def output_tail(self, experiment: int) -> str:
        """Return the last lines that an experiment's run printed, made safe to show."""
        limit = OUTPUT_TAIL_BYTES + SECRET_CHARACTERS
        tail = _read(self.session.output(experiment), limit, from_end=True)
        return mask(clean(tail))[-OUTPUT_TAIL_BYTES:].rstrip()

    def train_file(self, experiment: int) -> str:
        """Return an experiment's edited file as it ran; empty where it is no longer there."""
        return _read(self.session.train_file(experiment), FILE_LIMIT_BYTES)

    def page(self) -> str:
        """Return the notebook's page; empty where there is none, or it can not be read."""
        number = self.state.page
        return _read(self.session.page(number), FILE_LIMIT_BYTES) if number else ""

    def lab_of(self, experiment: Experiment) -> LabStarted | None:
        """Return the lab that ran an experiment last: on which machine, with what data."""
        run = experiment.last_run
        at = experiment.proposed_at if run is None else run.started_at
        return next((lab for lab in reversed(self.labs) if lab.at <= at), None)

    def curve_for(self, experiment: int) -> Curve:
        """Return the losses of any experiment's latest run, as far as they are written."""
        curve = Curve(self.session.metrics(experiment))
        curve.read()
        return curve

    def _poll_life(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or now - self._life_polled_at >= LIFE_POLL_INTERVAL_S:
            self._life_polled_at = now
            self.life = lab_life(self.session)

    def _read_telemetry(self) -> bool:
        lines = self._telemetry.read()
        for line in lines:
            try:
                self.telemetry.append(_telemetry.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return bool(lines)

    def _read_curves(self) -> bool:
        running = self._running()
        if running is not None and running != self.curve_of:
            self.curve = Curve(self.session.metrics(running))
            self.curve_of = running
        incumbent = self.state.incumbent
        if incumbent is not None and incumbent != self._incumbent_curve_of:
            self.incumbent_curve = self.curve_for(incumbent)
            self._incumbent_curve_of = incumbent
        return self.curve is not None and self.curve.read()

    def _running(self) -> int | None:
        current = self.state.current
        if current is not None and current.runs:
            return current.number
        if self.curve_of is not None:
            return self.curve_of
        with_runs = [number for number, each in self.state.experiments.items() if each.runs]
        return max(with_runs, default=None)


def _read(path: Path, limit_bytes: int, *, from_end: bool = False) -> str:
    """Return the start or the end of a file; empty where it can not be read.

    An experiment may have put anything there.
    """
    file = open_regular(path)
    if file is None:
        return ""
    with file:
        if from_end:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit_bytes))
        return file.read(limit_bytes).decode(errors="replace")
