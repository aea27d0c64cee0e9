"""What the cockpit costs: bytes over the link, first paint, delay of a key, processor, memory.

    python benchmarks/tui.py                   all of it, with the aims beside; two minutes
    python benchmarks/tui.py --part keys       one part: idle, live, stream, paint, keys, others
    python benchmarks/tui.py --json FILE       ... and the figures as JSON

`autoresearch attach` is started on a pseudo-terminal with the environment of an SSH link and 256
colours, on a session that was made for it. While a run trains, another process appends to its
files what a lab does: load once a second, step losses ten times, facts as they happen. The first
paint is counted from the start of the process to the night's own numbers on the screen; a key's
delay from the keypress to the bytes that move the cursor in the table, while a run trains and an
agent streams. The bare Textual application beside it shows one line of text. nvitop and wandb's
leet are measured where they are installed.
"""

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/tui.py` finds the packages beside it, too

from benchmarks.terminals import Silent, Terminal, cockpit  # noqa: E402
from tests.tui import nights  # noqa: E402
from tests.tui.nights import IDEAS, Ending, MadeNight, make_night  # noqa: E402

Figures = dict[str, float]

SETTLED_S = 3.0
IDLE_S = 10.0
LIVE_S = 30.0
TURN_S = 15.0
"""In the middle of what is measured a run ends, is judged, and the next one begins."""
STREAM_S = 15.0
PAINTS = 5
KEYS = 200
KEY_PAUSE_S = (0.05, 0.15)
KEY_PATIENCE_S = 2.0
SEED = 5

AIMS: dict[str, tuple[str, str, float]] = {
    "idle_bytes_per_s": ("bytes a second, idle", "{:,.0f} B/s", 0.0),
    "live_bytes_per_s_80x24": ("a run trains, 80x24", "{:,.0f} B/s", 3_000.0),
    "live_bytes_per_s_160x45": ("a run trains, 160x45", "{:,.0f} B/s", 6_000.0),
    "stream_bytes_per_s": ("an agent streams, 160x45", "{:,.0f} B/s", 15_000.0),
    "stream_cpu_percent": ("... of a core", "{:.1f} %", 10.0),
    "first_paint_s_100": ("first paint, 100 experiments", "{:.2f} s", 0.6),
    "first_paint_s_10000": ("first paint, 10,000", "{:.2f} s", 1.2),
    "key_ms_p50": ("a key's effect, median", "{:.0f} ms", 50.0),
    "key_ms_p99": ("a key's effect, 99th percentile", "{:.0f} ms", 100.0),
    "idle_cpu_percent": ("processor, idle", "{:.2f} %", 1.0),
    "rss_mb": ("memory, 100 experiments", "{:.0f} MB", 110.0),
}
"""What each figure is, how it is written, and what it may be at most."""

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App[None]):
    def compose(self):
        yield Static("bare, and on the screen")
Bare().run()
"""


@contextmanager
def night(
    ending: Ending, experiments: int = 100, *, now: bool = False
) -> Iterator[tuple[Path, MadeNight]]:
    """Make a repository with one session, and give both."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        pygit2.init_repository(str(repository))
        made = make_night(
            repository / ".git", ending, experiments, gpu=True, ends_at=time.time() if now else None
        )
        try:
            yield repository, made
        finally:
            nights.end_labs()


@contextmanager
def living(made: MadeNight, seconds: float, *options: str) -> Iterator[None]:
    """Have another process append to a session's files."""
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "living.py"),
        str(made.session.folder),
        "--seconds",
        str(seconds),
        *options,
    ]
    writer = subprocess.Popen(command)
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


def numbers_of(experiments: int) -> bytes:
    """Return what stands on the screen once a night of so many experiments is read."""
    return f"{experiments} done".encode()


def idle() -> Figures:
    """Measure a night that is paused: nothing may be written, and next to nothing computed."""
    with night(Ending.PAUSED) as (repository, _), cockpit(repository, 160, 45) as screen:
        screen.read_until(numbers_of(100))
        screen.read(SETTLED_S)
        cpu_s, began = screen.cpu_s, time.perf_counter()
        data = screen.read(IDLE_S)
        seconds = time.perf_counter() - began
        return {
            "idle_bytes_per_s": len(data) / seconds,
            "idle_cpu_percent": 100 * (screen.cpu_s - cpu_s) / seconds,
        }


def live() -> Figures:
    """Measure a run that trains, with one verdict and one beginning in the midst of it."""
    figures: Figures = {}
    for columns, lines in ((80, 24), (160, 45)):
        with (
            night(Ending.TRAINING, now=True) as (repository, made),
            cockpit(repository, columns, lines) as screen,
            living(made, LIVE_S + 60, "--turn", str(SETTLED_S + TURN_S)),
        ):
            screen.read_until(numbers_of(100))
            screen.read(SETTLED_S)
            data = screen.read(LIVE_S)
            figures[f"live_bytes_per_s_{columns}x{lines}"] = len(data) / LIVE_S
            figures["rss_mb"] = screen.rss_mb
    return figures


def stream() -> Figures:
    """Measure an agent that thinks aloud in fifty fragments a second while a run trains."""
    with (
        night(Ending.TRAINING, now=True) as (repository, made),
        cockpit(repository, 160, 45) as screen,
        living(made, STREAM_S + 60, "--stream"),
    ):
        screen.read_until(numbers_of(100))
        screen.read(SETTLED_S)
        cpu_s, began = screen.cpu_s, time.perf_counter()
        data = screen.read(STREAM_S)
        seconds = time.perf_counter() - began
        return {
            "stream_bytes_per_s": len(data) / seconds,
            "stream_cpu_percent": 100 * (screen.cpu_s - cpu_s) / seconds,
        }


def paint() -> Figures:
    """Measure the time from the start of the process to the night's numbers on the screen."""
    figures: Figures = {}
    for experiments in (100, 10_000):
        with night(Ending.PAUSED, experiments) as (repository, _):
            times: list[float] = []
            cpu_times: list[float] = []
            for _ in range(PAINTS + 1):
                with cockpit(repository, 160, 45) as screen:
                    screen.read_until(numbers_of(experiments))
                    times.append(time.perf_counter() - screen.began)
                    cpu_times.append(screen.cpu_s)
                    if experiments > 100:
                        screen.read(SETTLED_S)
                        figures["rss_mb_10000"] = screen.rss_mb
            # The first one finds cold files.
            figures[f"first_paint_s_{experiments}"] = statistics.median(times[1:])
            figures[f"first_paint_cpu_s_{experiments}"] = statistics.median(cpu_times[1:])
    return figures


def keys() -> Figures:
    """Measure from a keypress to the moved cursor, while a run trains and an agent streams."""
    pauses = random.Random(SEED)
    times: list[float] = []
    with (
        night(Ending.TRAINING, now=True) as (repository, made),
        cockpit(repository, 160, 45) as screen,
        living(made, KEYS * 1.0 + 60, "--stream"),
    ):
        screen.read_until(numbers_of(100))
        screen.read(SETTLED_S)
        # From the run in flight, #100, to the experiment before it and back again.
        for key, number in [(b"\x1b[B", 99), (b"\x1b[A", 100)] * (KEYS // 2):
            screen.read(pauses.uniform(*KEY_PAUSE_S))
            title = IDEAS[number % len(IDEAS)][0].encode()
            began = time.perf_counter()
            screen.send(key)
            screen.read_until(title, KEY_PATIENCE_S)
            times.append((time.perf_counter() - began) * 1000)
    percentiles = statistics.quantiles(times, n=100)
    return {"key_ms_p50": statistics.median(times), "key_ms_p99": percentiles[98]}


def others() -> Figures:
    """Measure the same of other programs, as far as they have it."""
    figures = _other("bare_textual", [sys.executable, "-c", BARE], b"bare, and on the screen")
    if nvitop := shutil.which("nvitop"):
        figures |= _other("nvitop", [nvitop, "-m", "full"], b"MEM")
    if wandb := shutil.which("wandb"):
        with tempfile.TemporaryDirectory() as folder:
            made = _wandb_run(Path(folder))
            if made is not None:
                figures |= _other("wandb_leet", [wandb, "leet", str(made)], b"loss")
    return figures


def _other(name: str, argv: list[str], words: bytes) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Terminal(argv, 160, 45, Path(folder)) as screen:
                screen.read_until(words, 20.0)
                painted_s = time.perf_counter() - screen.began
                screen.read(SETTLED_S)
                cpu_s, began = screen.cpu_s, time.perf_counter()
                data = screen.read(IDLE_S)
                seconds = time.perf_counter() - began
                return {
                    f"{name}_first_paint_s": painted_s,
                    f"{name}_idle_bytes_per_s": len(data) / seconds,
                    f"{name}_idle_cpu_percent": 100 * (screen.cpu_s - cpu_s) / seconds,
                    f"{name}_rss_mb": screen.rss_mb,
                }
        except Silent as error:
            print(f"{name}: not measured: {error}", file=sys.stderr)
            return {}


def _wandb_run(folder: Path) -> Path | None:
    """Record a run of 300 steps offline, for leet to show."""
    code = (
        "import wandb\n"
        "run = wandb.init(mode='offline', project='cockpit')\n"
        "[run.log({'loss': 3.0 / (1 + step)}) for step in range(300)]\n"
        "run.finish()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, check=False
    )
    found = sorted(folder.glob("wandb/offline-run-*"))
    return found[0] if done.returncode == 0 and found else None


PARTS: dict[str, Callable[[], Figures]] = {
    "idle": idle,
    "live": live,
    "stream": stream,
    "paint": paint,
    "keys": keys,
    "others": others,
}


def table(figures: Figures) -> str:
    """Return the figures with their aims, and those of other programs below them."""
    rows = [("", "measured", "aim", "")]
    for name, (what, form, aim) in AIMS.items():
        if name in figures:
            value = figures[name]
            verdict = "" if value <= aim else "MISSED"
            rows.append((what, form.format(value), f"<= {form.format(aim)}", verdict))
    rest = sorted(set(figures) - set(AIMS))
    rows.extend((name, f"{figures[name]:,.2f}", "", "") for name in rest)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{what:<{widths[0]}}  {value:>{widths[1]}}  {aim:>{widths[2]}}  {verdict}".rstrip()
        for what, value, aim, verdict in rows
    )


def main() -> None:
    """Measure the parts that were asked for, and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=[*PARTS], action="append", help="more than once: more")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    figures: Figures = {}
    for name in arguments.part or PARTS:
        print(f"measuring: {name}", file=sys.stderr)
        figures |= PARTS[name]()
    print(table(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
