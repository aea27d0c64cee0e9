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

*Optuna's TPE* is that library's sampler over all constants at once; *random search* draws every
constant anew from all values that tpe may choose among; *random moves* moves one to three constants
of the incumbent. All keep what is better, as tpe's night does.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/search.py` finds the packages beside it, too

from benchmarks import ranges  # noqa: E402
from benchmarks.landscape import FLOOR, NOISE, SCRIPT, TOLERANCE, Landscape, Night, read  # noqa: E402
from benchmarks.rivals import RIVALS, Propose  # noqa: E402

EXPERIMENTS = 40
SEEDS = 20


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
