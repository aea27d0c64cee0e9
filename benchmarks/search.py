"""Whether tpe finds what is there: nights on a script whose best constants are known.

    python benchmarks/search.py                    20 seeds of 40 experiments each, and the table
    python benchmarks/search.py --json FILE        ... and every figure as JSON
    python benchmarks/search.py --plot docs/images/search.svg   ... and the picture

No process trains anything: val_bpb is a formula of the script's constants, plus noise. The agent is
the one of a real night, asked as in a real night; only the lab between two questions is left out.
Each seed has an optimum of its own, one to two doublings away from where the script begins.

A night has *reached* the optimum once the true val_bpb of its incumbent, which the night itself
never sees, is within two standard deviations of the noise (`TOLERANCE`) of the best that there is.
It may leave it again for what was luckier, so the table also says how many nights are there at
their end. The gap is that true val_bpb less the best.

*random search* draws every constant anew from all values that tpe may choose among; *random moves*
moves one to three constants of the incumbent. Both keep what is better, as tpe's night does.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/search.py` finds the packages beside it, too

from autoresearch_tui.agents import constants  # noqa: E402
from autoresearch_tui.agents.base import Context, ProposalError  # noqa: E402
from autoresearch_tui.agents.ladders import Ladder  # noqa: E402
from autoresearch_tui.agents.tpe import TpeAgent, movable  # noqa: E402
from autoresearch_tui.record import events  # noqa: E402
from autoresearch_tui.record.fold import apply  # noqa: E402
from autoresearch_tui.record.samples import StepSample, ThoughtKind  # noqa: E402
from autoresearch_tui.record.state import SessionState  # noqa: E402
from autoresearch_tui.record.vocabulary import ApprovalMode, DataSet, Hardware, Status  # noqa: E402
from benchmarks import ranges  # noqa: E402

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
        return sum(when is not None for when in self.reached_after)

    @property
    def reached_after(self) -> list[int | None]:
        """After which experiment that was, by seed; none where it was not."""
        return [
            next((at for at, gap in enumerate(curve) if gap <= TOLERANCE), None)
            for curve in self.curves
        ]

    @property
    def there_at_end(self) -> int:
        """In how many seeds the last incumbent is within the tolerance."""
        return sum(curve[-1] <= TOLERANCE for curve in self.curves)

    @property
    def quartiles(self) -> list[tuple[float, float, float]]:
        """The gap's lower quartile, median and upper quartile, after each experiment."""
        found: list[tuple[float, float, float]] = []
        for gaps in zip(*self.curves, strict=True):
            low, middle, high = statistics.quantiles(gaps, n=4, method="inclusive")
            found.append((low, middle, high))
        return found


def spend(rival: Callable[[], Propose], seeds: Iterable[int], experiments: int) -> Result:
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


COLUMNS = ("agent", "reached", "there at the end", "after", "gap: median", "worst", "crashes", "ms")


def table(results: Mapping[str, Result]) -> str:
    """Return a row a rival; `after` is the median experiment of those nights that reached it."""
    lines: list[tuple[str, ...]] = [COLUMNS]
    for name, result in results.items():
        seeds, ends = len(result.curves), [curve[-1] for curve in result.curves]
        when = [each for each in result.reached_after if each is not None]
        lines.append((
            name,
            f"{result.reached} of {seeds}",
            f"{result.there_at_end} of {seeds}",
            f"{statistics.median(when):.0f}" if when else "-",
            f"{statistics.median(ends):.4f}",
            f"{max(ends):.4f}",
            str(result.failures),
            f"{1000 * statistics.median(result.seconds):.1f}",
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        f"{line[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )


def figures(results: Mapping[str, Result]) -> dict[str, object]:
    """Return what goes into the JSON."""
    return {
        "tolerance": TOLERANCE,
        "noise": NOISE,
        "rivals": {
            name: {
                "reached": result.reached,
                "reached_after": result.reached_after,
                "there_at_end": result.there_at_end,
                "crashes": result.failures,
                "median_s": statistics.median(result.seconds),
                "gaps": result.curves,
            }
            for name, result in results.items()
        },
    }


def main() -> None:
    """Search, print the table, and draw the plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="where the picture goes, as SVG")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    results: dict[str, Result] = {}
    for name in arguments.rivals:
        print(f"{name} ...", file=sys.stderr)
        results[name] = spend(RIVALS[name], seeds, arguments.experiments)
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures(results), indent=2) + "\n")
    if arguments.plot:
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        drawn = ranges.draw(
            {name: result.quartiles for name, result in results.items()},
            title="True val_bpb of the incumbent above the optimum",
            subtitle=f"median and quartiles of {len(seeds)} seeds",
            along="experiments",
            line=(TOLERANCE, "reached"),
        )
        arguments.plot.write_text(drawn)


if __name__ == "__main__":
    main()
