"""Nights that never were: states and files for an agent to read."""

from dataclasses import dataclass, field

from autoresearch_tui.agents.base import Context
from autoresearch_tui.record import events, fold
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.samples import StepSample, ThoughtKind
from autoresearch_tui.record.vocabulary import ApprovalMode, DataSet, Hardware, Status

TRAIN = '''\
"""A script."""

import prepare

DEVICE = prepare.device()
if DEVICE == "cuda":
    DEPTH = 8  # blocks, 2 to 24
    BATCH = 2**14
else:
    DEPTH = 2  # blocks, 1 to 6
    BATCH = 2**10  # tokens

MATRIX_LR = 0.04  # Muon, 0.004 to 0.4
HEAD_LR = 3e-4
WARMDOWN = 0.5  # share of the budget
BETA2 = 0.95
SEED = 7


def main() -> None:
    print(DEPTH, BATCH, MATRIX_LR, HEAD_LR, WARMDOWN, BETA2, SEED)
'''


@dataclass
class Night:
    """A session whose experiments are added one by one; it is its own archive."""

    facts: list[AnyFact] = field(default_factory=list[AnyFact])
    trains: dict[int, str] = field(default_factory=dict[int, str])
    outputs: dict[int, str] = field(default_factory=dict[int, str])
    curves: dict[int, list[StepSample]] = field(default_factory=dict[int, list[StepSample]])
    device: str = "cpu"

    def __post_init__(self) -> None:
        hardware = Hardware(
            device=self.device,
            name="A Machine",
            cores=2,
            memory_mb=8_000,
            torch="2.13",
            python="3.11",
            host="here",
        )
        self.facts.append(
            events.LabStarted(
                at=0.0,
                pid=1,
                version="0",
                agent="tpe",
                model=None,
                approval=ApprovalMode.AUTO,
                budget_s=20.0,
                hardware=hardware,
                data=DataSet(name="pystdlib", profile="small", fingerprint="f"),
            )
        )

    def add(
        self,
        train: str,
        status: Status | None,
        val_bpb: float | None = None,
        *,
        parent: int | None = None,
        title: str = "An edit",
        reason: str = "",
    ) -> int:
        """Add an experiment, judged where it has a status, and return its number."""
        number = len(self.trains)
        self.trains[number] = train
        self.facts.append(
            events.Proposed(
                at=float(number),
                experiment=number,
                parent=parent,
                commit=f"{number:040}",
                title=title,
                hypothesis="It may help.",
                expected_change=None,
                agent="tpe",
            )
        )
        if status is None:
            return number
        before = None if parent is None else self.state.experiments[parent].val_bpb
        self.facts.append(
            events.Judged(
                at=float(number),
                experiment=number,
                status=status,
                reason=reason,
                commit=f"{number:040}",
                val_bpb=val_bpb,
                change=None if val_bpb is None or before is None else val_bpb - before,
            )
        )
        return number

    @property
    def state(self) -> "fold.SessionState":
        return fold.fold(self.facts)

    def train(self, experiment: int) -> str:
        return self.trains.get(experiment, "")

    def diff(self, experiment: int) -> str:
        return f"--- a\n+++ b\n+change {experiment}\n" if experiment else ""

    def output_tail(self, experiment: int) -> str:
        return self.outputs.get(experiment, "")

    def curve(self, experiment: int) -> list[StepSample]:
        return self.curves.get(experiment, [])

    def context(self, *, seed: int = 1, steering: list[str] | None = None) -> Context:
        """Return what an agent is asked next."""
        state = self.state
        incumbent = state.incumbent or 0
        return Context(
            experiment=state.next_number,
            seed=seed,
            program="Make it better.",
            incumbent=incumbent,
            train=self.trains[incumbent],
            state=state,
            archive=self,
            steering=steering or [],
        )


def begun(train: str = TRAIN, device: str = "cpu") -> Night:
    """Return a night with a measured baseline."""
    night = Night(device=device)
    night.add(train, Status.KEEP, 1.8, title="baseline")
    return night


class Thoughts:
    """Keeps what an agent thinks aloud; to be called as `think`."""

    def __init__(self) -> None:
        self.all: list[tuple[ThoughtKind, str]] = []

    def __call__(self, kind: ThoughtKind, text: str) -> None:
        self.all.append((kind, text))

    def text(self, kind: ThoughtKind) -> str:
        """Return all of one kind."""
        return "".join(text for one, text in self.all if one is kind)
