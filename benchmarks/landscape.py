"""A script whose best constants are known, and nights on it that cost nothing.

Its val_bpb is a formula of its constants plus noise. A seed has an optimum of its own, one to two
doublings away from where the script begins.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from autoresearch_tui.agents import constants
from autoresearch_tui.agents.base import Context
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.samples import StepSample
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import ApprovalMode, DataSet, Hardware, Status

NOISE = 0.01
"""Standard deviation of one val_bpb: that of a CPU run of 60 s."""
TOLERANCE = 2 * NOISE
FLOOR = 1.4
"""The val_bpb of the optimum."""
MEMORY = 2**16
"""Width times depth times rows that still fit."""

SCRIPT = """\
DEPTH = 2  # blocks, 1 to 8
WIDTH = 128  # channels, a multiple of HEAD_WIDTH
HEAD_WIDTH = 64  # channels of a head, 32 to 128
BATCH_ROWS = 16  # rows of a step
MATRIX_LR = 0.02  # Muon, 0.002 to 0.2
EMBEDDING_LR = 0.3  # AdamW, 0.03 to 3
HEAD_LR = 0.004  # AdamW, 0.0004 to 0.04
WARMDOWN = 0.5  # share of the budget
MOMENTUM = 0.95  # Muon
ACTIVATION = "relu"  # one of: relu, gelu, squared
USE_VALUES = False  # value embeddings
ROPE_BASE = 10000.0  # wavelength
SMEAR_BLOCKS = 2  # blocks that mix in the token before

print(DEPTH, WIDTH, HEAD_WIDTH, BATCH_ROWS, MATRIX_LR, EMBEDDING_LR, HEAD_LR, WARMDOWN, MOMENTUM)
print(ACTIVATION, USE_VALUES, ROPE_BASE, SMEAR_BLOCKS)
"""

WEIGHTS = {
    "MATRIX_LR": 0.060,
    "BATCH_ROWS": 0.045,
    "DEPTH": 0.035,
    "WIDTH": 0.035,
    "EMBEDDING_LR": 0.025,
    "WARMDOWN": 0.020,
    "HEAD_LR": 0.012,
    "MOMENTUM": 0.010,
}
"""Bits per byte that a doubling away from the optimum costs, about; what is not named costs none.
Few constants matter much and many hardly do."""
WORDS = {"ACTIVATION": ("squared", 0.025), "USE_VALUES": (True, 0.015)}
"""The better choice, and what another one costs."""

Values = Mapping[str, constants.Value]


@dataclass(frozen=True)
class Landscape:
    """One seed's val_bpb as a function of the constants."""

    optimum: dict[str, float]

    @classmethod
    def drawn(cls, seed: int) -> "Landscape":
        """Draw an optimum, each constant's one to two doublings up or down (a size's: one)."""
        rng = random.Random(seed)
        start = read(SCRIPT)
        optimum: dict[str, float] = {}
        for name in WEIGHTS:
            octaves = rng.choice([-1, 1]) * rng.uniform(1.0, 2.0)
            if name in {"DEPTH", "WIDTH", "BATCH_ROWS"}:
                octaves = math.copysign(1.0, octaves)
            optimum[name] = _place(name, start[name]) + octaves * _UNIT.get(name, 1.0)
        return cls(optimum)

    def true(self, values: Values) -> float:
        """Return val_bpb without noise: square near the optimum, straight far from it.

        Learning rates cost twice as much above their optimum as below it, and depth and width lean
        on each other.
        """
        loss = FLOOR
        away = {
            name: (_place(name, values[name]) - best) / _UNIT.get(name, 1.0)
            for name, best in self.optimum.items()
        }
        for name, distance in away.items():
            steep = 2.0 if name.endswith("_LR") and distance > 0 else 1.0
            loss += steep * WEIGHTS[name] * distance**2 / (1 + abs(distance))
        loss += 0.01 * abs(away["DEPTH"] + away["WIDTH"])
        return loss + sum(cost for name, (best, cost) in WORDS.items() if values[name] != best)

    def measured(self, values: Values, rng: random.Random) -> float | None:
        """Return val_bpb as a run has it; none where it runs out of memory or heads do not fit."""
        width, depth, rows = (number(values[k]) for k in ("WIDTH", "DEPTH", "BATCH_ROWS"))
        if width * depth * rows > MEMORY or width % number(values["HEAD_WIDTH"]):
            return None
        return self.true(values) + rng.gauss(0.0, NOISE)


_UNIT = {"WARMDOWN": 0.15, "MOMENTUM": 1.0}
"""What counts as a doubling of a share."""


def number(value: constants.Value) -> float:
    """Return the value of a constant that is a number."""
    assert not isinstance(value, str)
    return value


def _place(name: str, value: constants.Value) -> float:
    size = number(value)
    if name == "WARMDOWN":
        return size
    return math.log2(1 - size if name == "MOMENTUM" else size)


def read(source: str) -> dict[str, constants.Value]:
    """Return the constants of a script."""
    return {each.key: each.value for each in constants.find(source, "cpu")}


class Night:
    """A session as an agent sees it; its experiments cost nothing."""

    def __init__(self, source: str) -> None:
        """Begin with a script that is not measured yet."""
        self.trains: list[str] = []
        self.state = SessionState()
        self._source = source
        self._tell(
            events.LabStarted(
                at=0.0, pid=1, version="0", agent="tpe", model=None, approval=ApprovalMode.AUTO,
                budget_s=60.0, hardware=_HARDWARE, data=_DATA,
            )
        )  # fmt: skip

    def _tell(self, fact: events.KnownFact) -> None:
        apply(self.state, fact)

    def add(self, train: str, measured: float | None) -> None:
        """Add an experiment and judge it as the lab does."""
        at, best = len(self.trains), self.state.best
        self.trains.append(train)
        commit = f"{at:040}"
        self._tell(
            events.Proposed(
                at=float(at), experiment=at, parent=best.number if best else None,
                commit=commit, title="An edit", hypothesis="", expected_change=None, agent="tpe",
            )
        )  # fmt: skip
        before = best.val_bpb if best else None
        better = measured is not None and (before is None or measured < before)
        status = Status.CRASH if measured is None else [Status.DISCARD, Status.KEEP][better]
        change = None if measured is None or before is None else measured - before
        reason = "torch.OutOfMemoryError: out of memory" if measured is None else ""
        self._tell(
            events.Judged(
                at=float(at), experiment=at, status=status, reason=reason, commit=commit,
                val_bpb=measured, change=change,
            )
        )  # fmt: skip

    @property
    def incumbent(self) -> str:
        """The script that edits start from."""
        return self.trains[self.state.incumbent] if self.state.incumbent else self._source

    def context(self, seed: int) -> Context:
        """Return what the agent is asked next."""
        return Context(
            experiment=self.state.next_number,
            seed=seed,
            program="",
            incumbent=self.state.incumbent or 0,
            train=self.incumbent,
            state=self.state,
            archive=self,
        )

    def curve(self, experiment: int) -> list[StepSample]:  # noqa: ARG002
        """Return nothing: no run trains here."""
        return []

    def train(self, experiment: int) -> str:
        """Return an experiment's script."""
        return self.trains[experiment]

    def diff(self, experiment: int) -> str:  # noqa: ARG002
        """Return nothing: tpe reads no diffs."""
        return ""

    def output_tail(self, experiment: int) -> str:  # noqa: ARG002
        """Return nothing: nothing ran."""
        return ""


_HARDWARE = Hardware(
    device="cpu", name="none", cores=1, memory_mb=1, torch="0", python="3", host="nowhere"
)
_DATA = DataSet(name="synthetic", profile="small", fingerprint="0")
