"""Makes the files of a night that never was: the same for the same arguments, to the byte."""

import difflib
import math
import os
import random
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from autoresearch_tui import session as sessions
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.samples import (
    DeviceSample,
    StepSample,
    TelemetrySample,
    Thought,
    ThoughtKind,
)
from autoresearch_tui.record.vocabulary import ApprovalMode, DataSet, Hardware, RunOutcome, Status
from autoresearch_tui.session import Session, SessionLock

BEGAN_AT = 1_790_000_000.0
BUDGET_S = 20.0
GPU_BUDGET_S = 300.0
FILES_KEPT = 30
"""So many of the latest experiments have files; more would only take time to write."""
FAR_FUTURE = 4_000_000_000
"""A heartbeat that is not lost while a test runs."""

TRAIN = """\
# The model and its training, in one file.
DEPTH = 2
WIDTH = 128
HEADS = 4
ROWS_PER_STEP = 8
MATRIX_RATE = 0.02
EMBEDDING_RATE = 0.3
WARM_DOWN = 0.4
WEIGHT_DECAY = 0.1
SOFT_CAP = 15.0


class Block(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(norm(x))
        return x + self.feed_forward(norm(x))


def main() -> None:
    trial = prepare.trial()
    model = build_model().to(trial.device)
    for step, batch in enumerate(trial.batches(ROWS_PER_STEP)):
        loss = step_once(model, batch, rate=schedule(trial.clock))
        trial.log(step, loss)
    trial.finish(model)
"""

IDEAS: tuple[tuple[str, str, str, str], ...] = (
    ("raise MATRIX_RATE from 0.02 to 0.03", "MATRIX_RATE = 0.02", "MATRIX_RATE = 0.03",
     "The loss still falls steeply when the clock ends, so larger steps should get further."),
    ("deepen the model to 3 layers", "DEPTH = 2", "DEPTH = 3",
     "Two layers can not copy and look back at once; a third may pay for its time."),
    ("halve ROWS_PER_STEP to 4", "ROWS_PER_STEP = 8", "ROWS_PER_STEP = 4",
     "Twice as many steps in the same budget; at this size steps count for more than their noise."),
    ("widen from 128 to 160", "WIDTH = 128", "WIDTH = 160",
     "More capacity where the matrix products are still far too small to fill the cores."),
    ("start the warm-down later, at 60 %", "WARM_DOWN = 0.4", "WARM_DOWN = 0.6",
     "The rate is lowered while the loss still profits from it."),
    ("drop weight decay", "WEIGHT_DECAY = 0.1", "WEIGHT_DECAY = 0.0",
     "Less than one epoch is seen, so there is nothing to regularise, and one constant less."),
    ("square the activation after the gate", "        return x + self.feed_forward(norm(x))",
     "        hidden = torch.relu(self.up(norm(x))).square()\n        return x + self.down(hidden)",
     "Squared units are sparser; in small models they have been worth about 5 mbpb."),
    ("raise EMBEDDING_RATE from 0.3 to 0.8", "EMBEDDING_RATE = 0.3", "EMBEDDING_RATE = 0.8",
     "Embeddings see few updates each; they tolerate a much larger step than matrices."),
)  # fmt: skip


_locks: dict[Path, SessionLock] = {}
"""Held by the labs that are alive."""


class Ending(StrEnum):
    """What the night is doing when one looks."""

    WAITING = "waiting"
    TRAINING = "training"
    APPROVAL = "approval"
    PAUSED = "paused"
    FINISHED = "finished"
    DEAD = "dead"


@dataclass(frozen=True)
class MadeNight:
    """A session's files, and the moment at which they are looked at."""

    session: Session
    now: float


def make_night(
    folder: Path,
    ending: Ending,
    experiments: int = 24,
    *,
    gpu: bool = False,
    tag: str = "nov23",
    ends_at: float | None = None,
) -> MadeNight:
    """Write a night of judged experiments and one more, which is at `ending`.

    It begins at `BEGAN_AT`, unless it is to end at a moment, such as now.
    """
    session = Session(folder / "autoresearch" / tag)
    session.folder.mkdir(parents=True)
    story = _Story(session, gpu=gpu)
    story.begin(ApprovalMode.ASK if ending is Ending.APPROVAL else ApprovalMode.AUTO)
    for number in range(experiments):
        story.keeps_files = number >= experiments - FILES_KEPT
        story.whole_experiment(number)
    story.keeps_files = True
    match ending:
        case Ending.WAITING:
            story.ask(experiments)
        case Ending.TRAINING:
            story.propose(experiments)
            story.start_run(experiments, seconds_in=0.6 * story.budget_s)
        case Ending.APPROVAL:
            story.propose(experiments)
            story.tell(events.ApprovalRequested(at=story.at, experiment=experiments))
        case Ending.PAUSED:
            story.tell(events.Paused(at=story.at, by="ada@lab on /dev/pts/3"))
        case Ending.FINISHED:
            story.tell(events.LabStopped(at=story.at, reason="24 experiments done", finished=True))
        case Ending.DEAD:
            story.propose(experiments)
            story.start_run(experiments, seconds_in=0.4 * story.budget_s)
    if ends_at is not None:
        story.move(ends_at - story.at)
    story.write()
    if ending is not Ending.FINISHED:
        write_lab(session, alive=ending is not Ending.DEAD)
    return MadeNight(session, story.at)


def write_lab(session: Session, *, alive: bool) -> None:
    """Say that this process is the session's lab; one that is alive holds the lock too."""
    sessions.write_lab_file(session, session.new_socket(), "0.1.0")
    os.utime(session.lab_file, (FAR_FUTURE, FAR_FUTURE))
    if alive:
        _locks[session.folder] = SessionLock(session)


def end_labs() -> None:
    """Have all labs end without a word, as if they were killed."""
    while _locks:
        _locks.popitem()[1].release()


class _Story:
    """Tells a night fact by fact; `at` is the moment the story has come to."""

    def __init__(self, session: Session, *, gpu: bool) -> None:
        self.session = session
        self.gpu = gpu
        self.budget_s = GPU_BUDGET_S if gpu else BUDGET_S
        self.at = BEGAN_AT
        self.facts: list[KnownFact] = []
        self.thoughts: list[Thought] = []
        self.random = random.Random(23)
        self.base = 0.9979 if gpu else 1.7906
        self.best = self.base
        self.incumbent: int | None = None
        self.sources: dict[int, str] = {}
        self.keeps_files = True

    def tell(self, fact: KnownFact) -> None:
        self.facts.append(fact)

    def think(self, number: int, kind: ThoughtKind, text: str) -> None:
        self.thoughts.append(Thought(at=self.at, experiment=number, kind=kind, text=text))

    def begin(self, approval: ApprovalMode) -> None:
        self.tell(
            events.SessionStarted(
                at=self.at,
                tag=self.session.tag,
                session_id="5e55",
                repository="/home/ada/gpt",
                base_commit="0" * 40,
            )
        )
        name = "NVIDIA H100 80GB HBM3" if self.gpu else "AMD EPYC 9654, 2 cores"
        self.tell(
            events.LabStarted(
                at=self.at,
                pid=os.getpid(),
                version="0.1.0",
                agent="claude" if self.gpu else "tpe",
                model="claude-sonnet-4-5" if self.gpu else None,
                approval=approval,
                budget_s=self.budget_s,
                hardware=Hardware(
                    device="cuda" if self.gpu else "cpu",
                    name=name,
                    cores=2,
                    memory_mb=24_000,
                    torch="2.13.0",
                    python="3.11.7",
                    host="lab",
                ),
                data=DataSet(name="pystdlib", profile="small", fingerprint="9a3e51c0"),
            )
        )

    def ask(self, number: int) -> None:
        self.at += 0.4
        agent = "claude" if self.gpu else "tpe"
        self.tell(events.ProposalStarted(at=self.at, experiment=number, agent=agent))
        if number == 0:
            return
        _, _, after, why = IDEAS[number % len(IDEAS)]
        self.think(number, ThoughtKind.TEXT, f"The incumbent is #{self.incumbent}, ")
        self.think(number, ThoughtKind.TEXT, f"val_bpb {self.best:.6f}. {why}\n")
        self.think(number, ThoughtKind.TOOL, f"edit train.py: {after.strip().splitlines()[0]}")
        if number % 7 == 3:
            self.think(number, ThoughtKind.STEERING, "keep the model small enough for one core")
            self.think(number, ThoughtKind.TEXT, "Understood: no change that adds parameters.")

    def propose(self, number: int) -> None:
        self.ask(number)
        self.at += 6.0 if self.gpu else 0.3
        title, before, after, why = ("baseline", "", "", "train.py as it stands")
        source = self.sources.get(self.incumbent or 0, TRAIN)
        if number:
            title, before, after, why = IDEAS[number % len(IDEAS)]
            edited = source.replace(before, after)
            changed = edited if edited != source else source.replace(after, before)
            diff = difflib.unified_diff(
                source.splitlines(keepends=True),
                changed.splitlines(keepends=True),
                "a/train.py",
                "b/train.py",
            )
            if self.keeps_files:
                self.session.experiment(number).mkdir(parents=True)
                self.session.diff(number).write_text("".join(diff))
            source = changed
        self.sources[number] = source
        if self.keeps_files:
            self.session.experiment(number).mkdir(parents=True, exist_ok=True)
            self.session.train_file(number).write_text(source)
        self.tell(
            events.Proposed(
                at=self.at,
                experiment=number,
                parent=self.incumbent,
                commit=f"{number:040x}",
                title=title,
                hypothesis=why,
                expected_change=-0.004 if number else None,
                agent="claude" if self.gpu else "tpe",
                lines_added=after.count("\n") + 1 if number else 0,
                lines_removed=1 if number else 0,
            )
        )

    def start_run(self, number: int, seconds_in: float) -> None:
        startup_s = 24.0 if self.gpu else 3.0
        self.tell(
            events.RunStarted(
                at=self.at,
                experiment=number,
                replicate=0,
                seed=1000 + number,
                pid=4242,
                threads=2,
                budget_s=self.budget_s,
            )
        )
        self.at += startup_s
        self.tell(
            events.ClockStarted(at=self.at, experiment=number, replicate=0, startup_s=startup_s)
        )
        self.at += seconds_in
        if not self.keeps_files:
            return
        steps = [
            StepSample(
                t=seconds_in * (step + 1) / 120,
                step=step,
                tokens=step * 1024,
                loss=2.6
                + 5.0 * math.exp(-step / 14)
                + 0.6 * math.exp(-step / 60)
                + 0.004 * (number % 9)
                + self.random.gauss(0, 0.03),
                tokens_per_s=22_000,
            )
            for step in range(120)
        ]
        _write_lines(self.session.metrics(number), steps)
        self.session.output(number).parent.mkdir(parents=True, exist_ok=True)
        self.session.output(number).write_text(
            "".join(f"step {each.step:>4} loss {each.loss:.4f}\n" for each in steps[::10])
        )

    def whole_experiment(self, number: int) -> None:
        self.propose(number)
        self.start_run(number, self.budget_s)
        crashed = number > 0 and number % 11 == 6
        outcome = RunOutcome.CRASH if crashed else RunOutcome.TRAINED
        self.tell(
            events.RunEnded(
                at=self.at,
                experiment=number,
                replicate=0,
                outcome=outcome,
                reason="RuntimeError: mat1 and mat2 shapes can not be multiplied"
                if crashed
                else "",
                trained_s=self.budget_s,
                tokens=440_000,
                steps=430,
                peak_memory_mb=1_310 + 13 * (number % 5),
                exit_code=1 if crashed else 0,
            )
        )
        value, status, reason = self._result(number, crashed)
        if value is not None:
            self.at += 2.0
            self.tell(
                events.Evaluated(
                    at=self.at,
                    experiment=number,
                    replicate=0,
                    valid=True,
                    reason=None,
                    val_bpb=value,
                    seconds=2.0,
                )
            )
        change = value - self.best if value is not None and number else None
        self.tell(
            events.Judged(
                at=self.at,
                experiment=number,
                status=status,
                reason=reason,
                commit=f"{number:040x}",
                val_bpb=value,
                change=change,
            )
        )
        if status is Status.KEEP and value is not None:
            self.best, self.incumbent = value, number

    def _result(self, number: int, crashed: bool) -> tuple[float | None, Status, str]:
        if crashed:
            return None, Status.CRASH, "RuntimeError: mat1 and mat2 shapes can not be multiplied"
        if number == 0:
            return self.base, Status.KEEP, "the baseline"
        scale = 0.004 if self.gpu else 0.03
        if number % 13 == 5:
            return self.best + 60 * scale, Status.DISCARD, "far above the incumbent"
        value = self.best + scale * (abs(self.random.gauss(0, 1)) + 0.05)
        if self.random.random() < 0.3:
            value = self.best - scale * self.random.random() * (0.6 if number < 12 else 0.2)
        if value < self.best:
            return value, Status.KEEP, f"lower than #{self.incumbent} ({self.best:.6f})"
        return value, Status.DISCARD, f"not lower than #{self.incumbent} ({self.best:.6f})"

    def move(self, seconds: float) -> None:
        """Have all of it happen later."""
        self.at += seconds
        self.facts = [msgspec.structs.replace(each, at=each.at + seconds) for each in self.facts]
        self.thoughts = [
            msgspec.structs.replace(each, at=each.at + seconds) for each in self.thoughts
        ]

    def write(self) -> None:
        _write_lines(self.session.journal, self.facts)
        _write_lines(self.session.reasoning, self.thoughts)
        _write_lines(self.session.telemetry, [self._sample(second) for second in range(300)])

    def _sample(self, second: int) -> TelemetrySample:
        wave = 0.5 + 0.5 * math.sin(second / 9)
        busy = 97.0 if second % 40 > 5 else 12.0 + 30 * wave
        devices = [
            DeviceSample(
                name="NVIDIA H100 80GB HBM3",
                utilization_percent=busy,
                memory_used_mb=45_060.0,
                memory_total_mb=81_559.0,
                power_w=180 + 5.1 * busy,
                power_limit_w=700.0,
                temperature_c=58 + 6 * wave,
                clock_mhz=1_980.0,
            )
        ]
        return TelemetrySample(
            at=self.at - 300 + second,
            cpu_percent=min(100.0, busy * 0.9 + 8 * wave),
            memory_used_mb=6_200 + 40 * wave,
            memory_total_mb=24_100,
            devices=devices if self.gpu else [],
        )


def _write_lines(
    path: Path, items: list[KnownFact] | list[Thought] | list[StepSample] | list[TelemetrySample]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))
