"""How fast training is, how good, and how long a device waits between two runs.

    python benchmarks/training.py                            every leg that suits this machine
    python benchmarks/training.py --json FILE                ... and write the figures
    python benchmarks/training.py --part gap --json FILE     one leg, joined with those in FILE

docs/performance.md says what the legs and the columns are. The table goes to standard output, what
is under way to standard error.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/training.py` finds the packages beside it, too

from autoresearch_tui import __version__  # noqa: E402
from autoresearch_tui.agents import constants  # noqa: E402
from autoresearch_tui.lab import launcher, stages  # noqa: E402
from autoresearch_tui.session import SessionError  # noqa: E402
from autoresearch_tui.settings import DataSettings, LimitSettings, RunSettings, Settings  # noqa: E402
from benchmarks import corpus, night  # noqa: E402

FIRST_TRAIN = ROOT / "benchmarks" / "first_train.py"
GAP_BUDGET_S = 20.0
UPSTREAM_FLOPS_PER_TOKEN = 239e6
"""As karpathy/autoresearch counts its default model (depth 8, width 512, windows SSSL of rows of
2,048, vocabulary 8,192): 6 a weight of its matrices, 12 x width a position attended to."""
UPSTREAM_PEAK_FLOPS = 989.5e12
"""The dense bfloat16 peak of an H100 that it divides by."""
UPSTREAM_SHAPE = {
    "DEPTH": 8,
    "WIDTH": 512,
    "HEAD_WIDTH": 128,
    "BATCH_ROWS": 256,  # 2**19 tokens in rows of 2,048
    "BIGRAM_ROWS": 0,
    "TRIGRAM_ROWS": 0,
    "SMEAR_BLOCKS": 0,
}
"""By the names of train.py's constants; its windows stay its own."""
KEYS = ("tokens_per_s", "mfu_percent", "val_bpb", "gap_s_warm", "gap_s_cold", "peak_memory_mb")
COLUMNS = ("tokens/s", "MFU %", "val_bpb", "warm gap s", "cold gap s", "peak MiB")
FORMATS = (",.0f", ".1f", ".4f", ".1f", ".1f", ",.0f")
MIB = 1 << 20


class BenchmarkError(Exception):
    """What happened, to what, and what to do."""


@dataclass(frozen=True)
class Row:
    """One line of the table; what a row does not measure is none."""

    name: str
    budget_s: float
    tokens_per_s: float | None = None
    mfu_percent: float | None = None
    val_bpb: float | None = None
    gap_s_warm: float | None = None
    gap_s_cold: float | None = None
    peak_memory_mb: float | None = None


@dataclass(frozen=True)
class Leg:
    """What one part of the benchmark found."""

    rows: list[Row]
    details: dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """The machine, the data, and how long to train."""

    machine: dict[str, Any]
    data: str
    """As `prepare.py --data` takes it."""
    budget_s: float | None
    """In place of every leg's own, for a trial."""
    night_rows: dict[float, Row] = field(default_factory=dict[float, Row])
    """What train.py as it stands came to in a night of this call, by its budget."""

    def budget(self, usual_s: float) -> float:
        """Return the budget of a run that usually has this one."""
        return self.budget_s or usual_s


# ------------------------------------------------------------------------------------------------
# Legs


def upstream_shape(bench: Bench) -> Leg:
    """Train a model of upstream's default shape and batch; MFU is counted upstream's way."""
    budget_s = bench.budget(300)
    row, details = train("train.py", in_upstream_shape(), budget_s, bench.data)
    assert row.tokens_per_s is not None
    details["own_mfu_percent"] = row.mfu_percent
    mfu = 100 * row.tokens_per_s * UPSTREAM_FLOPS_PER_TOKEN / UPSTREAM_PEAK_FLOPS
    known = "H100" in bench.machine["name"] or "H200" in bench.machine["name"]
    row = replace(row, name="upstream's shape", mfu_percent=mfu if known else None)
    return Leg([row], details)


def in_upstream_shape() -> str:
    """Return train.py with upstream's depth, width and batch, without what it has besides.

    Raises:
        BenchmarkError: its constants have other names.
    """
    source = (ROOT / "train.py").read_text()
    found = {each.name: each for each in constants.find(source, "cuda")}
    if missing := UPSTREAM_SHAPE.keys() - found.keys():
        raise BenchmarkError(
            f"train.py has no constant {', '.join(sorted(missing))}, so it can not be given "
            "upstream's shape; name the new ones in benchmarks/training.py."
        )
    return constants.rewrite(source, {found[name].key: n for name, n in UPSTREAM_SHAPE.items()})


def default(bench: Bench) -> Leg:
    """Train train.py as it stands for its usual budget."""
    row, details = train("train.py", (ROOT / "train.py").read_text(), bench.budget(300), bench.data)
    return Leg([row], details)


def against_first(usual_s: float) -> Callable[[Bench], Leg]:
    """Return the leg that trains train.py and its first version for this budget."""

    def leg(bench: Bench) -> Leg:
        rows: list[Row] = []
        details: dict[str, Any] = {}
        budget_s = bench.budget(usual_s)
        for path in (ROOT / "train.py", FIRST_TRAIN):
            if path != FIRST_TRAIN and (known := bench.night_rows.get(budget_s)):
                # The same script on the same machine for the same time: once is enough.
                rows.append(replace(known, gap_s_warm=None, gap_s_cold=None))
                continue
            row, found = train(path.name, path.read_text(), budget_s, bench.data)
            rows.append(row)
            details[path.name] = found
        return Leg(rows, details)

    return leg


def gap(bench: Bench) -> Leg:
    """Run a night of known edits, and measure what passes between its clocks."""
    cuda = bench.machine["device"] == "cuda"
    # Without a compiler every gap is alike, so that one of each kind will do.
    edits = [*([night.RATE] * (3 if cuda else 1)), night.SHAPE]
    settings = Settings(
        run=RunSettings(budget_s=bench.budget(GAP_BUDGET_S)),
        data=DataSettings(name=bench.data),
        limits=LimitSettings(max_experiments=1 + len(edits)),
    )
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    spent = night.spend(folder, ROOT, edits, settings)
    # A night that failed stays to be looked at.
    shutil.rmtree(folder)
    run = spent.baseline
    row = Row(
        name=f"train.py, {run.budget_s:g} s, night",
        budget_s=run.budget_s,
        tokens_per_s=run.tokens / run.trained_s,
        val_bpb=run.val_bpb,
        gap_s_warm=spent.typical(cold=False),
        gap_s_cold=spent.typical(cold=True),
        peak_memory_mb=run.peak_memory_mb,
    )
    bench.night_rows[run.budget_s] = row
    details = {
        "gaps": [asdict(each) for each in spent.gaps],
        "first_startup_s": run.startup_s,
    }
    return Leg([row], details)


LEGS: dict[str, dict[str, Callable[[Bench], Leg]]] = {
    "cuda": {"upstream-shape": upstream_shape, "default": default, "gap": gap},
    "cpu": {"gap": gap, "cpu-20": against_first(20), "cpu-60": against_first(60)},
}
SOURCES = {
    "cuda": dict.fromkeys(KEYS, "default")
    | dict.fromkeys(("tokens_per_s", "mfu_percent"), "upstream-shape")
    | dict.fromkeys(("gap_s_warm", "gap_s_cold"), "gap"),
    "cpu": dict.fromkeys(KEYS, "cpu-60") | dict.fromkeys(("gap_s_warm", "gap_s_cold"), "gap"),
}
"""The leg whose first row gives each figure of the whole."""


# ------------------------------------------------------------------------------------------------
# One run


def train(name: str, source: str, budget_s: float, data: str) -> tuple[Row, dict[str, Any]]:
    """Run a script as a person would, `python train.py`, and return what it came to.

    Raises:
        BenchmarkError: it failed.
    """
    print(f"{name}: training {budget_s:g} s", file=sys.stderr)
    threads = str(stages.thread_count())
    environment = {
        **os.environ,
        **dict.fromkeys(stages.THREAD_VARIABLES, threads),
        "AUTORESEARCH_BUDGET_S": str(budget_s),
        "AUTORESEARCH_DATASET": data,
        "PYTHONUNBUFFERED": "1",
    }
    with tempfile.TemporaryDirectory(prefix="benchmark-") as place:
        folder = Path(place)
        (folder / "train.py").write_text(source)
        shutil.copyfile(ROOT / "prepare.py", folder / "prepare.py")
        lines, memory_mb = _watch([sys.executable, "train.py"], folder, environment)
        summary = read_summary(lines)
        [metrics] = folder.glob("runs/*/metrics.jsonl")
        last = json.loads(metrics.read_text().splitlines()[-1])
    row = Row(
        name=f"{name}, {budget_s:g} s",
        budget_s=budget_s,
        tokens_per_s=last["tokens_per_s"],
        mfu_percent=summary["mfu_percent"] or None,
        val_bpb=summary["val_bpb"],
        # Without a GPU it is the memory of the process.
        peak_memory_mb=summary["peak_vram_mb"] or memory_mb,
    )
    return row, summary


def _watch(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> tuple[list[str], float]:
    """Return what a command printed, passed on as it came, and its peak memory in MiB."""
    lines: list[str] = []
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
        print(f"    {lines[-1]}", file=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed; the lines above say why.")
    return lines, _peak_mb(usage)


def _peak_mb(usage: resource.struct_rusage) -> float:
    # Linux counts in KiB, macOS in bytes.
    return usage.ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def read_summary(lines: list[str]) -> dict[str, float]:
    """Return the figures of the summary block that a run prints at its end.

    Raises:
        BenchmarkError: there is none.
    """
    if "---" not in lines:
        raise BenchmarkError("The run printed no summary; the lines above are all that it said.")
    block = lines[len(lines) - lines[::-1].index("---") :]
    return {key: float(value) for key, _, value in (line.partition(":") for line in block)}


# ------------------------------------------------------------------------------------------------
# The whole


def describe_machine() -> tuple[dict[str, Any], dict[str, str]]:
    """Return what makes figures comparable: the machine, and the versions."""
    found = launcher.describe(ROOT / "prepare.py", Settings())
    device = found["device"] if found["device"] in LEGS else "cpu"
    name = found["gpu"] if device == "cuda" else found["cpu"]
    versions = {"autoresearch": __version__, "torch": found["torch"], "python": found["python"]}
    return {"device": device, "name": name, "cores": found["cores"]}, versions


def prepare_data(device: str, cache: Path) -> str:
    """Prepare the data of this kind of machine, unless that was done; return its name."""
    data = str(corpus.build(cache / "corpus")) if device == "cuda" else "pystdlib"
    command = [sys.executable, str(ROOT / "prepare.py"), "--data", data]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise BenchmarkError(f"The data set {data} could not be prepared; the lines above say why.")
    return data


def join(path: Path | None, machine: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
    """Return the legs that a file holds; none where there is no file.

    Raises:
        BenchmarkError: they were measured on another machine, or with other versions.
    """
    if path is None or not path.exists():
        return {}
    try:
        known = json.loads(path.read_text())
        alike = known["machine"] == machine and known["versions"] == versions
        legs = dict(known["legs"])
    except (ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path} holds no figures of this benchmark: {error!r}.") from error
    if not alike:
        raise BenchmarkError(
            f"{path} holds figures of {known['machine']} with {known['versions']}, and this is "
            f"{machine} with {versions}. They do not compare: choose another file."
        )
    return legs


def report(
    machine: dict[str, Any], versions: dict[str, str], legs: dict[str, Any]
) -> dict[str, Any]:
    """Return all figures: the six of the whole, and every leg's in the order of `LEGS`."""
    legs = {name: legs[name] for name in LEGS[machine["device"]] if name in legs}
    whole: dict[str, Any] = {}
    for key, source in SOURCES[machine["device"]].items():
        whole[key] = legs[source]["rows"][0][key] if source in legs else None
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return {**whole, "machine": machine, "versions": versions, "date": date, "legs": legs}


def table(figures: dict[str, Any]) -> str:
    """Return the figures of all legs as a table."""
    lines: list[tuple[str, ...]] = [("leg", "run", *COLUMNS)]
    for name, leg in figures["legs"].items():
        for row in leg["rows"]:
            cells = [
                "-" if row[key] is None else format(row[key], form)
                for key, form in zip(KEYS, FORMATS, strict=True)
            ]
            lines.append((name, row["name"], *cells))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows: list[str] = []
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        rows.append("  ".join([*left, *right]))
    machine, versions = figures["machine"], figures["versions"]
    about = ", ".join(f"{name} {version}" for name, version in versions.items())
    rows.append(f"\n{machine['name']}, {machine['cores']} cores, {about}, {figures['date']}")
    return "\n".join(rows)


def main() -> None:
    """Run the legs that are asked for, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description="Measure training, and the time between runs.")
    names = sorted({name for legs in LEGS.values() for name in legs})
    parser.add_argument("--part", choices=names, help="one leg alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where figures are kept")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where corpus and rows are kept")
    parser.add_argument(
        "--budget-s", type=float, metavar="S", help="train for so long in every leg, as a trial"
    )
    options = parser.parse_args()
    cache = options.cache or platformdirs.user_cache_path("autoresearch") / "benchmark"
    os.environ["AUTORESEARCH_DATA"] = str(cache.absolute())
    machine, versions = describe_machine()
    chosen = LEGS[machine["device"]]
    if options.part and options.part not in chosen:
        raise BenchmarkError(
            f"The leg {options.part} is not for this machine, whose device is "
            f"{machine['device']}; there are {', '.join(chosen)}."
        )
    legs = join(options.json, machine, versions) if options.part else {}
    bench = Bench(machine, prepare_data(machine["device"], cache.absolute()), options.budget_s)
    for name in [options.part] if options.part else chosen:
        began = time.monotonic()
        found = chosen[name](bench)
        seconds = round(time.monotonic() - began, 1)
        legs[name] = {**asdict(found), "seconds": seconds}
        if options.json:
            _write(options.json, report(machine, versions, legs))
    print(table(report(machine, versions, legs)))


def _write(path: Path, figures: dict[str, Any]) -> None:
    path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (BenchmarkError, SessionError, RuntimeError) as problem:
        sys.exit(str(problem))
