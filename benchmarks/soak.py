"""A long night of short experiments to which faults are done at random: what holds at its end?

    python benchmarks/soak.py --minutes 20 [--json FILE] [--seed N] [--folder FOLDER]

It runs a repository with the tests' stand-in for training, whose experiments take about a second,
and starts the lab again whenever it ended, as a system unit would. Rough stretches, in which labs
die, alternate with long calm ones, in which everything else happens, and the lab's memory and open
files are watched. After each fault the night is looked at from outside (`aftermath.py`).
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
import psutil
import pygit2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/soak.py` finds the packages beside it, too

from autoresearch_tui import session as sessions  # noqa: E402
from autoresearch_tui.record import events  # noqa: E402
from autoresearch_tui.record.journal import JournalReader  # noqa: E402
from autoresearch_tui.record.state import Activity  # noqa: E402
from autoresearch_tui.session import LabLife  # noqa: E402
from benchmarks.aftermath import Aftermath, lab_pid  # noqa: E402
from benchmarks.faults import Faults, NotDone, await_end  # noqa: E402

TAG = "soak"
BUDGET_S = 0.6
CYCLE_S = 300.0
"""A rough and a calm stretch together."""
ROUGH_SHARE = 0.2
ROUGH_PAUSE_S = (1.0, 5.0)
CALM_PAUSE_S = (4.0, 12.0)
WARM_UP_S = 30.0
SETTLE_LIMIT_S = 10.0
STARTS_ALLOWED = 10
SAMPLE_INTERVAL_S = 0.5
MIB = 1 << 20


@dataclass
class Life:
    """One lab, from its start to its end, on the soak's own clock."""

    pid: int
    begun: float
    samples: list["Sample"] = field(default_factory=list["Sample"])

    def sample(self, experiments: int) -> None:
        """Look at the process, if it is there."""
        try:
            process = psutil.Process(self.pid)
            size, files = process.memory_info().rss / MIB, process.num_fds()
        except psutil.Error:
            return
        self.samples.append(Sample(time.monotonic() - self.begun, size, files, experiments))

    def growth(self) -> "Growth | None":
        """Return by how much the lab grew after its warm-up; none of a life too short to tell."""
        warm = [sample for sample in self.samples if sample.age_s > WARM_UP_S]
        if len(warm) < 4 or warm[-1].age_s < 2 * WARM_UP_S:
            return None
        quarter = len(warm) // 4
        parts = warm[:quarter], warm[-quarter:]
        sizes = [median(each.memory_mb for each in part) for part in parts]
        files = [median(each.descriptors for each in part) for part in parts]
        counts = [median(each.experiments for each in part) for part in parts]
        return Growth(
            memory_mb=sizes[1] - sizes[0],
            descriptors=int(files[1] - files[0]),
            experiments=counts[1] - counts[0],
            watched_s=warm[-1].age_s - warm[0].age_s,
        )


@dataclass(frozen=True)
class Sample:
    """A lab at one moment."""

    age_s: float
    memory_mb: float
    descriptors: int
    experiments: int
    """Of the whole session, so far."""


@dataclass(frozen=True)
class Growth:
    """From the first to the last quarter of a life after its warm-up."""

    memory_mb: float
    descriptors: int
    experiments: float
    watched_s: float


class Result(msgspec.Struct, kw_only=True):
    """All that was found, as the JSON file has it."""

    experiments: int
    faults: int
    lost: int
    orphans: int
    wrong_incumbents: int
    ledger_error_percent: float
    ledger_s: dict[str, float]
    off_s: float
    """Without a lab."""
    wall_s: float
    memory_growth_mb: float
    """Of the lab that grew most."""
    memory_growth_kb_an_experiment: float
    """Of all labs: each holds what it knows of its experiments."""
    descriptor_growth: int
    watched_s: float
    """For how long labs were watched after their warm-up."""
    labs: int
    faults_by_kind: dict[str, int]
    statuses: dict[str, int]
    findings: list[str]


class Soak:
    """One night, and all that is done to it."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Make a repository in `folder`."""
        self.root = make_repository(folder)
        self.session = sessions.named(self.root, TAG)
        self._chance = random.Random(seed)
        self._faults = Faults(self.root, self.session, self._chance)
        self.aftermath = Aftermath(self.root, self.session)
        self.injected: Counter[str] = Counter()
        self.lost: list[str] = []
        self.orphans: list[str] = []
        self.wrong: list[str] = []
        self.other: list[str] = []
        """What else was not as it should be."""
        self.lives: list[Life] = []
        self.off_s = 0.0
        """Seconds without a lab between the first one's start and the last one's end."""
        self._off_since: float | None = None
        self.wall_s = 0.0

    def run(self, minutes: float) -> None:
        """Spend a night."""
        self._start()
        begun, end = self._lab_started(), time.monotonic() + 60 * minutes
        cycle_s = min(CYCLE_S, 60 * minutes)
        while (left_s := end - time.monotonic()) > 0:
            is_rough = (60 * minutes - left_s) % cycle_s < ROUGH_SHARE * cycle_s
            pause_s = self._chance.uniform(*(ROUGH_PAUSE_S if is_rough else CALM_PAUSE_S))
            self._wait(min(pause_s, left_s))
            self._inject(is_rough)
        self._faults.clear()
        lab = self._lab()
        lab.terminate()
        await_end(lab)
        self.wall_s = self._end_of_lab() - begun
        self._look(None, finally_=True)

    def _lab(self) -> psutil.Process:
        pid = lab_pid(self.session)
        if pid is None or sessions.lab_life(self.session) is not LabLife.ALIVE:
            self.other.append(f"the lab ended by itself: {self.aftermath.state().stop_reason}")
            self._ended()
            self._start()
            return psutil.Process(self.lives[-1].pid)
        return psutil.Process(pid)

    def _start(self) -> None:
        """Start a lab as `autoresearch run` does, again where that fails."""
        command = ("run", "--detach", "--tag", TAG, "--agent", "tpe", "--budget", f"{BUDGET_S}")
        for _ in range(STARTS_ALLOWED):
            done = subprocess.run(
                [sys.executable, "-m", "autoresearch_tui", *command],
                cwd=self.root,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                break
            self.other.append(f"a lab did not start: {done.stderr.strip()}")
            time.sleep(1.0)
        else:
            raise RuntimeError(f"No lab could be started: {self.other[-1]}")
        pid = lab_pid(self.session)
        assert pid is not None
        self.lives.append(Life(pid, time.monotonic()))
        if self._off_since is not None:
            self.off_s += self._lab_started() - self._off_since
            self._off_since = None

    def _lab_started(self) -> float:
        """Return when the last lab says that it started, on the soak's clock."""
        return self._on_our_clock(self._lives_told(events.LabStarted)[-1].at)

    def _end_of_lab(self) -> float:
        """Return since when there is no lab any more: by its own word, or else since now.

        One that ends in order writes a report after its last fact.
        """
        now = time.monotonic()
        last = self._lives_told(events.LabStarted, events.LabStopped)[-1]
        return self._on_our_clock(last.at) if isinstance(last, events.LabStopped) else now

    def _lives_told(self, *kinds: type[events.Fact]) -> list[events.Fact]:
        facts = JournalReader(self.session.journal).read()
        return [fact for fact in facts if isinstance(fact, kinds)]

    @staticmethod
    def _on_our_clock(at: float) -> float:
        return at - time.time() + time.monotonic()

    def _ended(self) -> None:
        if self._off_since is None:
            self._off_since = self._end_of_lab()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, SAMPLE_INTERVAL_S))
            self.lives[-1].sample(sum(1 for _ in self.session.folder.glob("experiments/*")))

    def _inject(self, is_rough: bool) -> None:
        self.aftermath.remember()
        is_fatal = is_rough and self._chance.random() < 0.5
        choices = self._faults.fatal if is_fatal else self._faults.harmless
        name = self._chance.choice(sorted(choices))
        lab = self._lab()
        try:
            choices[name]()
        except NotDone:
            return
        self.injected[name] += 1
        if not is_fatal:
            self._look(lab.pid)
            return
        self._ended()
        self._look(None)
        self._start()
        self._look(self.lives[-1].pid)

    def _look(self, lab: int | None, *, finally_: bool = False) -> None:
        """See that all holds, as soon as what is under way has settled."""
        but = [*self._faults.viewers, *([] if lab is None else [lab])]
        self.lost += self.aftermath.lost()
        self.other += self.aftermath.touched()
        self.orphans += [
            f"{process.pid} {' '.join(process.cmdline())}"
            for process in settled(lambda: self.aftermath.orphans(but))
            if process.is_running()
        ]
        if lab is not None or finally_:
            # Without a lab git may be a step behind the journal: the next one mends that.
            self.wrong += settled(self.aftermath.wrong)

    def ledger_error_percent(self) -> float:
        """Return how far the ledger and the time without a lab are from the wall's time."""
        ledger = self.aftermath.state().ledger_s
        counted_s = sum(s for activity, s in ledger.items() if activity is not Activity.OFF)
        return 100 * abs(counted_s + self.off_s - self.wall_s) / self.wall_s

    def result(self) -> Result:
        """Return all that was found."""
        state = self.aftermath.state()
        grown = [growth for life in self.lives if (growth := life.growth())]
        return Result(
            experiments=state.judged_count,
            faults=sum(self.injected.values()),
            lost=len(self.lost),
            orphans=len(self.orphans),
            wrong_incumbents=len(self.wrong),
            ledger_error_percent=round(self.ledger_error_percent(), 3),
            ledger_s={str(name): round(s, 1) for name, s in state.ledger_s.items()},
            off_s=round(self.off_s, 1),
            wall_s=round(self.wall_s, 1),
            memory_growth_mb=round(max((each.memory_mb for each in grown), default=0.0), 2),
            memory_growth_kb_an_experiment=round(
                1024
                * sum(each.memory_mb for each in grown)
                / max(1.0, sum(each.experiments for each in grown)),
                1,
            ),
            descriptor_growth=max((each.descriptors for each in grown), default=0),
            watched_s=round(sum(each.watched_s for each in grown), 1),
            labs=len(self.lives),
            faults_by_kind=dict(sorted(self.injected.items())),
            statuses={str(name): count for name, count in state.status_counts.items()},
            findings=[*self.lost, *self.orphans, *self.wrong, *self.other],
        )


T = TypeVar("T")


def settled(look: Callable[[], Sequence[T]]) -> Sequence[T]:
    """Return what is found still when nothing is under way any more."""
    until = time.monotonic() + SETTLE_LIMIT_S
    while (found := look()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def make_repository(folder: Path) -> Path:
    """Return a new repository with the stand-ins of `train.py` and `prepare.py`."""
    root = folder / "repository"
    root.mkdir(parents=True)
    for name in ("train.py", "prepare.py"):
        shutil.copyfile(ROOT / "tests" / "standin" / name, root / name)
    (root / "program.md").write_text("Make val_bpb small.\n")
    (root / ".gitignore").write_text("__pycache__/\n")
    git = pygit2.init_repository(str(root))
    git.index.add_all()
    git.index.write()
    person = pygit2.Signature("A Person", "person@example.com")
    git.create_commit("HEAD", person, person, "begin", git.index.write_tree(), [])
    return root


def table(result: Result) -> str:
    """Return what was found as lines of text."""
    rows: list[tuple[str, float]] = [
        ("experiments run", result.experiments),
        ("labs", result.labs),
        ("faults injected", result.faults),
        *((f"  {name}", count) for name, count in result.faults_by_kind.items()),
        ("experiments lost", result.lost),
        ("orphans", result.orphans),
        ("wrong incumbents", result.wrong_incumbents),
        ("memory growth, MiB", result.memory_growth_mb),
        ("  an experiment, KiB", result.memory_growth_kb_an_experiment),
        ("descriptor growth", result.descriptor_growth),
        ("  watched after warm-up, s", result.watched_s),
        ("ledger, s", round(sum(result.ledger_s.values()), 1)),
        *((f"  {name}", seconds) for name, seconds in result.ledger_s.items()),
        ("no lab, s", result.off_s),
        ("wall, s", result.wall_s),
        ("ledger error, %", result.ledger_error_percent),
    ]
    return "\n".join(f"{name:<34}{value:>10g}" for name, value in rows)


def main() -> int:
    """Run the soak; exit with 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the night lies (default: temporary)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    # Sockets have short paths; nothing of the user's own is met there.
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="ar-")
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.pop("ANTHROPIC_API_KEY", None)
    soak = Soak(folder, arguments.seed)
    soak.run(arguments.minutes)
    result = soak.result()
    print(table(result))
    for finding in result.findings:
        print(finding, file=sys.stderr)
    print(f"The night lies in {folder}.", file=sys.stderr)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    return 1 if soak.lost or soak.orphans or soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
