"""Whether tpe finds what is there: nights on a script whose best constants are known.

    python benchmarks/search.py                          20 seeds of 40 experiments, and the table
    python benchmarks/search.py --plot docs/search.svg   ... and the picture of docs/performance.md

No process trains anything: val_bpb is a formula of the script's constants, plus noise. The agent is
the one of a real night, asked as in a real night; only the lab between two questions is left out.
Each seed has an optimum of its own, one to two doublings away from where the script begins.

A night has *reached* the optimum once the true val_bpb of its incumbent, which the night itself
never sees, is within two standard deviations of the noise of the best that there is.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autoresearch_tui.agents import constants
from autoresearch_tui.agents.base import Context, ProposalError
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.tpe import TpeAgent, movable
from autoresearch_tui.record import events
from autoresearch_tui.record.events import ApprovalMode, DataSet, Hardware, Status
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import SessionState

EXPERIMENTS = 40
SEEDS = 20
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
        width, depth, rows = (_number(values[k]) for k in ("WIDTH", "DEPTH", "BATCH_ROWS"))
        if width * depth * rows > MEMORY or width % _number(values["HEAD_WIDTH"]):
            return None
        return self.true(values) + rng.gauss(0.0, NOISE)


_UNIT = {"WARMDOWN": 0.15, "MOMENTUM": 1.0}
"""What counts as a doubling of a share."""


def _number(value: constants.Value) -> float:
    assert not isinstance(value, str)
    return value


def _place(name: str, value: constants.Value) -> float:
    number = _number(value)
    if name == "WARMDOWN":
        return number
    return math.log2(1 - number if name == "MOMENTUM" else number)


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
        number, best = len(self.trains), self.state.best
        self.trains.append(train)
        commit = f"{number:040}"
        self._tell(
            events.Proposed(
                at=float(number), experiment=number, parent=best.number if best else None,
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
                at=float(number), experiment=number, status=status, reason=reason, commit=commit,
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

Propose = Callable[[Night, int], str | None]
"""Returns the next script of a night, by a seed; none where there is none left."""


def tpe() -> Propose:
    """Return the agent of a real night."""
    agent = TpeAgent()

    def propose(night: Night, seed: int) -> str | None:
        try:
            return asyncio.run(agent.propose(night.context(seed), _think)).train
        except ProposalError:
            return None

    return propose


def _think(kind: ThoughtKind, text: str) -> None:
    """Listen to nothing."""


def random_search() -> Propose:
    """Return what draws every constant anew, from all that tpe may set it to."""

    def propose(night: Night, seed: int) -> str:  # noqa: ARG001
        rng = random.Random(seed)
        return constants.rewrite(SCRIPT, drawn(rng))

    return propose


def random_moves() -> Propose:
    """Return what moves one to three constants of the incumbent at random: a harder rival."""

    def propose(night: Night, seed: int) -> str:
        rng = random.Random(seed)
        ladders = tpe_ladders(night.incumbent)
        moved = rng.sample(ladders, rng.choice([1, 2, 3]))
        return constants.rewrite(
            night.incumbent, {each.constant.key: rng.choice(each.rungs) for each in moved}
        )

    return propose


def drawn(rng: random.Random) -> dict[str, constants.Value]:
    """Draw every constant from the values around the script's own, heads that fit the width."""
    ladders = tpe_ladders(SCRIPT)
    while True:
        values = {each.constant.key: rng.choice(each.rungs) for each in ladders}
        if _number(values["WIDTH"]) % _number(values["HEAD_WIDTH"]) == 0:
            return values


RIVALS: dict[str, Callable[[], Propose]] = {
    "tpe": tpe,
    "random moves": random_moves,
    "random search": random_search,
}


@dataclass
class Result:
    """What nights of one kind came to."""

    curves: list[list[float]] = field(default_factory=list[list[float]])
    """Of each seed, the incumbent's true val_bpb less the optimum's, after each experiment."""
    failures: int = 0
    seconds: list[float] = field(default_factory=list[float])
    """Of each proposal."""

    @property
    def reached(self) -> int:
        """Of how many seeds the optimum was reached."""
        return sum(curve[-1] <= TOLERANCE for curve in self.curves)


def spend(rival: Callable[[], Propose], seeds: Sequence[int], experiments: int) -> Result:
    """Spend a night for each seed."""
    result = Result()
    for seed in seeds:
        land, night, propose = Landscape.drawn(seed), Night(SCRIPT), rival()
        noise = random.Random(1_000_003 * seed + 1)
        night.add(SCRIPT, land.measured(read(SCRIPT), noise))
        curve = [land.true(read(night.incumbent)) - FLOOR]
        for number in range(1, experiments + 1):
            started = time.perf_counter()
            train = propose(night, seed * 10_007 + number)
            result.seconds.append(time.perf_counter() - started)
            if train is None:
                break
            measured = land.measured(read(train), noise)
            result.failures += measured is None
            night.add(train, measured)
            curve.append(land.true(read(night.incumbent)) - FLOOR)
        result.curves.append(curve + [curve[-1]] * (experiments + 1 - len(curve)))
    return result


def tpe_ladders(source: str) -> list[Ladder]:
    """Return what tpe may set the constants of a script to."""
    return movable(source, "cpu")[0]


COLUMNS = ("reached", "mean gap", "after 20", "out of memory", "ms a proposal")
COLOURS = {"tpe": "#1f6feb", "random moves": "#8b949e", "random search": "#d29922"}
WIDTH, HEIGHT, LEFT, TOP = 640, 360, 60, 30


def picture(results: Mapping[str, Result]) -> str:
    """Return the median night of each rival, and the middle half of them, as SVG."""
    longest = max(len(curve) for result in results.values() for curve in result.curves) - 1
    highest = max(statistics.median(curve[0] for curve in r.curves) for r in results.values())

    def at(number: int, gap: float) -> str:
        x = LEFT + (WIDTH - LEFT - 20) * number / longest
        y = TOP + (HEIGHT - TOP - 50) * (1 - min(gap, 1.1 * highest) / (1.1 * highest))
        return f"{x:.1f},{y:.1f}"

    def text(x: float, y: float, words: str, anchor: str = "start") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12" fill="#57606a">'
        ),
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        text(LEFT, 18, "val_bpb above the optimum: the median night, and the middle half"),
        text(WIDTH / 2, HEIGHT - 10, "experiments", "middle"),
    ]
    for gap in (0.0, TOLERANCE, 0.1, 0.2):
        x, y = at(0, gap).split(",")
        end = at(longest, gap).split(",")[0]
        dashes = ' stroke-dasharray="4 3"' if gap == TOLERANCE else ""
        parts.append(f'<path d="M{x},{y}H{end}" stroke="#d0d7de"{dashes}/>')
        parts.append(text(LEFT - 8, float(y) + 4, f"{gap:g}", "end"))
    parts += [
        text(float(at(number, 0).split(",")[0]), HEIGHT - 30, str(number), "middle")
        for number in range(0, longest + 1, 10)
    ]
    for place, (name, result) in enumerate(results.items()):
        columns = [sorted(curve[n] for curve in result.curves) for n in range(longest + 1)]
        count = len(result.curves)
        low = [at(n, column[count // 4]) for n, column in enumerate(columns)]
        high = [at(n, column[-1 - count // 4]) for n, column in enumerate(columns)]
        middle = [at(n, statistics.median(column)) for n, column in enumerate(columns)]
        colour = COLOURS[name]
        parts.append(f'<path d="M{"L".join(low + high[::-1])}Z" fill="{colour}" opacity="0.15"/>')
        parts.append(
            f'<path d="M{"L".join(middle)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        said = f"{name}: {result.reached} of {count} reach it"
        y = TOP + 20 + 18 * place
        parts.append(f'<path d="M400,{y - 4}h24" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(430, y, said))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Spend the nights, print the table, and write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first-seed", type=int, default=0, help="to tune on others than these")
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS)
    parser.add_argument("--rivals", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    results: dict[str, Result] = {}
    print("rival          " + "  ".join(COLUMNS))
    for name in arguments.rivals:
        result = results[name] = spend(RIVALS[name], seeds, arguments.experiments)
        cells = (
            f"{result.reached} of {len(seeds)}",
            f"{statistics.mean(curve[-1] for curve in result.curves):.4f}",
            f"{statistics.mean(curve[len(curve) // 2] for curve in result.curves):.4f}",
            str(result.failures),
            f"{1000 * statistics.median(result.seconds):.1f}",
        )
        padded = (cell.rjust(len(head)) for cell, head in zip(cells, COLUMNS, strict=True))
        print(f"{name:<15}" + "  ".join(padded), flush=True)
    if arguments.plot:
        arguments.plot.write_text(picture(results))
    if arguments.json:
        told = {
            name: {"reached": result.reached, "gaps": [curve[-1] for curve in result.curves]}
            for name, result in results.items()
        }
        arguments.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
