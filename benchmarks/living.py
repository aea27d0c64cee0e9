"""A night that goes on: what a lab appends to a session's files while a run trains.

    python benchmarks/living.py SESSION_FOLDER --seconds 30 --stream

Load samples come once a second, step losses ten times; with `--stream` an agent thinks aloud in
fifty fragments a second; with `--turn S` the run ends after S seconds, is judged, and the next
one begins, as once in five minutes in a night. The session is one of `tests.tui.nights`, whose
last experiment trains.
"""

import argparse
import itertools
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

# Run by its path, the repository is not on the way to modules.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.lines import LineWriter
from autoresearch_tui.record.samples import (
    DeviceSample,
    StepSample,
    TelemetrySample,
    Thought,
    ThoughtKind,
)
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from autoresearch_tui.session import Session

TELEMETRY_S = 1.0
STEP_S = 0.1
FRAGMENT_S = 0.02
THOUGHT = (
    "The loss still falls when the clock ends, so a larger step should get further before that; "
    "two layers can not copy and look back at once, which a third one might pay for."
)


@dataclass
class Living:
    """Appends what has become due since it began."""

    session: Session
    stream: bool = False
    turn_after_s: float = math.inf
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        """Open the files of the run in flight."""
        state = fold(JournalReader(self.session.journal).read())
        assert state.current is not None, "no run is in flight in this session"
        self._number = state.current.number
        self._parent = state.incumbent
        self._best = (state.best.val_bpb if state.best else None) or 1.0
        self._gpu = state.hardware is not None and state.hardware.device == "cuda"
        self._journal = LineWriter(self.session.journal)
        self._telemetry = LineWriter(self.session.telemetry)
        self._reasoning = LineWriter(self.session.reasoning)
        self._metrics = LineWriter(self.session.metrics(self._number))
        run = state.current.last_run
        self._clock_at = (run.clock_started_at if run else None) or self.began
        self._samples = self._steps = self._fragments = 0
        self._turned = False
        self._words = itertools.cycle(THOUGHT.split())

    def write(self) -> None:
        """Append what is due now."""
        now = time.time()
        since = now - self.began
        while self._samples * TELEMETRY_S <= since:
            self._sample(self.began + self._samples * TELEMETRY_S)
            self._samples += 1
        while self._steps * STEP_S <= since:
            self._step(self.began + self._steps * STEP_S)
            self._steps += 1
        if self.stream:
            self._say(since)
        if since >= self.turn_after_s and not self._turned:
            self._turned = True
            self._turn(now)

    def _sample(self, at: float) -> None:
        wave = math.sin(self._samples / 3)
        device = DeviceSample(
            name="NVIDIA H100 80GB HBM3",
            utilization_percent=95.0 + 4 * wave,
            memory_used_mb=45_060.0 + 9 * wave,
            memory_total_mb=81_559.0,
            power_w=660.0 + 30 * wave,
            power_limit_w=700.0,
            temperature_c=61.0 + 2 * wave,
            clock_mhz=1_980.0,
        )
        sample = TelemetrySample(
            at=at,
            cpu_percent=88.0 + 9 * wave,
            memory_used_mb=6_200.0 + 40 * wave,
            memory_total_mb=24_100.0,
            devices=[device] if self._gpu else [],
        )
        self._telemetry.write(msgspec.json.encode(sample))

    def _step(self, at: float) -> None:
        clock = at - self._clock_at
        sample = StepSample(
            t=clock,
            step=500 + self._steps,
            tokens=(500 + self._steps) * 1024,
            loss=2.6 + 0.6 * math.exp(-clock / 60) + 0.02 * math.sin(7.0 * self._steps),
            tokens_per_s=22_000 + 40 * (self._steps % 7),
        )
        self._metrics.write(msgspec.json.encode(sample))

    def _say(self, since: float) -> None:
        """Think aloud as labs write it: what came within half a second, in one go."""
        due = int(since / 0.5) * 0.5
        lines: list[bytes] = []
        while self._fragments * FRAGMENT_S < due:
            self._fragments += 1
            end = ".\n" if self._fragments % 150 == 0 else " "
            thought = Thought(
                at=self.began + since,
                experiment=self._number + 1,
                kind=ThoughtKind.TEXT,
                text=f"{next(self._words)}{end}",
            )
            lines.append(msgspec.json.encode(thought))
        if lines:
            self._reasoning.write(*lines)

    def _turn(self, now: float) -> None:
        """End the run, judge it, and begin the next one."""
        number, following = self._number, self._number + 1
        diff = self.session.diff(number).read_text(encoding="utf-8")
        self.session.experiment(following).mkdir(parents=True, exist_ok=True)
        self.session.diff(following).write_text(diff, encoding="utf-8")
        facts: list[KnownFact] = [
            events.RunEnded(
                at=now,
                experiment=number,
                replicate=0,
                outcome=RunOutcome.TRAINED,
                reason="",
                trained_s=300.0,
                tokens=440_000,
                steps=430,
                peak_memory_mb=1_310,
                exit_code=0,
            ),
            events.Evaluated(
                at=now,
                experiment=number,
                replicate=0,
                valid=True,
                reason=None,
                val_bpb=self._best + 0.002,
                seconds=2.0,
            ),
            events.Judged(
                at=now,
                experiment=number,
                status=Status.DISCARD,
                reason="not lower than the incumbent",
                commit=f"{number:040x}",
                val_bpb=self._best + 0.002,
                change=0.002,
            ),
            events.Proposed(
                at=now,
                experiment=following,
                parent=self._parent,
                commit=f"{following:040x}",
                title="tie the embeddings to the output",
                hypothesis="Fewer parameters to move in the same number of steps.",
                expected_change=-0.002,
                agent="claude",
                lines_added=1,
                lines_removed=1,
            ),
            events.RunStarted(
                at=now,
                experiment=following,
                replicate=0,
                seed=1,
                pid=1,
                threads=2,
                budget_s=300.0,
            ),
            events.ClockStarted(at=now, experiment=following, replicate=0, startup_s=3.0),
        ]
        self._journal.write(*map(events.encode, facts))
        self._number, self._clock_at = following, now
        self._metrics.close()
        self.session.metrics(following).parent.mkdir(parents=True, exist_ok=True)
        self._metrics = LineWriter(self.session.metrics(following))


def main() -> None:
    """Go on with a session for some seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--turn", type=float, default=math.inf)
    arguments = parser.parse_args()
    living = Living(Session(arguments.session), arguments.stream, arguments.turn)
    until = time.monotonic() + arguments.seconds
    while time.monotonic() < until:
        living.write()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
