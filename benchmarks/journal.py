"""How long a night of any length takes to be taken up again, and how much memory it needs then.

    python benchmarks/journal.py                     nights of 1,000, 10,000 and 125,000 experiments
    python benchmarks/journal.py --facts 1000000     the last of them: a million facts
    python benchmarks/journal.py --json FILE         ... and the figures as JSON

A journal is written as a lab would write it, eight facts an experiment and a notice now and then,
with a commit and a loose reference for each experiment in a repository beside it. Then a fresh
process does what a lab does before it goes on: it reads the journal, folds it, and reconciles git
and the table of results with it. After that the lab's own part of one more experiment is timed.
The table goes to standard output, what is under way to standard error.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pygit2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/journal.py` finds the packages beside it, too

from autoresearch_tui import session as sessions  # noqa: E402
from autoresearch_tui.agents import catalogue  # noqa: E402
from autoresearch_tui.executors.local import LocalExecutor  # noqa: E402
from autoresearch_tui.lab import notebook, stages  # noqa: E402
from autoresearch_tui.lab.limits import Limits  # noqa: E402
from autoresearch_tui.lab.repository import ExperimentRepository  # noqa: E402
from autoresearch_tui.lab.tools import Tools  # noqa: E402
from autoresearch_tui.lab.verdicts import Verdicts  # noqa: E402
from autoresearch_tui.record import events  # noqa: E402
from autoresearch_tui.record.events import KnownFact  # noqa: E402
from autoresearch_tui.record.fold import apply, fold  # noqa: E402
from autoresearch_tui.record.journal import JournalReader  # noqa: E402
from autoresearch_tui.record.state import SessionState  # noqa: E402
from autoresearch_tui.record.vocabulary import (  # noqa: E402
    ApprovalMode,
    DataSet,
    Hardware,
    Level,
    RunOutcome,
    Status,
    Usage,
)
from autoresearch_tui.session import Session  # noqa: E402
from autoresearch_tui.settings import Settings  # noqa: E402

TAG = "benchmark"
FACTS = (8_000, 80_000, 1_000_000)
FACTS_AN_EXPERIMENT = 8
NOTICE_EVERY = 50
KEEP_EVERY = 50
BUDGET_S = 60.0
HYPOTHESIS = (
    "The learning rate of the embedding moves first and settles last, so that a larger one early "
    "on should cost nothing; it was moved {moved} times so far, and the curve of #{parent} was "
    "still falling steeply when its clock ended. If the gain is real it shows within the budget."
)
MORE_EXPERIMENTS = 20
MIB = 1 << 20
COLUMNS = (
    "    facts", "experiments", "fold s", "facts/s", "reconcile s", "resume s", "RSS MiB",
    "each ms",
)  # fmt: skip


def night(facts: int, commits: Callable[[], str]) -> Iterator[KnownFact]:
    """Yield about as many facts as asked for, two commits an experiment."""
    yield events.SessionStarted(
        at=0.0, tag=TAG, session_id="5e55", repository="/r", base_commit=None
    )
    yield events.LabStarted(
        at=0.0, pid=7, version="0", agent="claude", model=None, approval=ApprovalMode.AUTO,
        budget_s=BUDGET_S, data=DataSet(name="d", profile="small", fingerprint="f"),
        hardware=Hardware(
            device="cpu", name="a", cores=2, memory_mb=1, torch="2", python="3", host="h"
        ),
    )  # fmt: skip
    at, incumbent = 1.0, None
    for number in range(facts // FACTS_AN_EXPERIMENT):
        kept = number % KEEP_EVERY == 0
        yield from experiment(at, number, incumbent, kept=kept, commits=commits)
        if number % NOTICE_EVERY == 0:
            yield events.Notice(at=at, level=Level.INFO, text=f"#{number} is a round number.")
        incumbent = number if kept else incumbent
        at += BUDGET_S + 20


def experiment(
    at: float, number: int, parent: int | None, *, kept: bool, commits: Callable[[], str]
) -> list[KnownFact]:
    """Return the life of one experiment."""
    bpb = 1.7 - 1e-6 * number
    return [
        events.ProposalStarted(at=at, experiment=number, agent="claude"),
        events.Proposed(
            at=at + 2, experiment=number, parent=parent, commit=commits(),
            title=f"EMBEDDING_LR 0.{number} -> 0.{number + 1}, WARMDOWN 0.2 -> 0.{number % 10}",
            hypothesis=HYPOTHESIS.format(moved=number % 17, parent=parent),
            expected_change=-0.001, agent="claude", model="model-of-a-name", lines_added=2,
            lines_removed=2,
            usage=Usage(seconds=2.0, input_tokens=9_000, output_tokens=700, cost_usd=0.0375),
        ),
        events.RunStarted(
            at=at + 2.1, experiment=number, replicate=0, seed=number * 7919, pid=1000 + number,
            threads=2, budget_s=BUDGET_S,
        ),
        events.TrialOpened(at=at + 3, experiment=number, replicate=0),
        events.ClockStarted(at=at + 5, experiment=number, replicate=0, startup_s=2.9),
        events.RunEnded(
            at=at + 5.3 + BUDGET_S, experiment=number, replicate=0, outcome=RunOutcome.TRAINED,
            reason="", trained_s=BUDGET_S, clock_ended_at=at + 5 + BUDGET_S, tokens=1_200_000,
            steps=2_400, peak_memory_mb=505, exit_code=0,
        ),
        events.Evaluated(
            at=at + 13 + BUDGET_S, experiment=number, replicate=0, valid=True, reason=None,
            val_bpb=bpb, seconds=7.7,
        ),
        events.Judged(
            at=at + 13.1 + BUDGET_S, experiment=number,
            status=Status.KEEP if kept else Status.DISCARD, commit=commits(), val_bpb=bpb,
            reason=f"its val_bpb is {1e-6 * number:.6f} below the {bpb:.6f} of #{parent}",
            change=-1e-6 * number,
        ),
    ]  # fmt: skip


def make(folder: Path, facts: int) -> None:
    """Fill a folder with a repository and its session, as a long night leaves them."""
    repository = pygit2.init_repository(str(folder))
    pygit2.settings.enable_fsync_gitdir(False)
    blob = repository.create_blob(b"LEARNING_RATE = 0.1\n")
    builder = repository.TreeBuilder()
    builder.insert("train.py", blob, pygit2.enums.FileMode.BLOB)
    tree = builder.write()
    author = pygit2.Signature("a", "a@localhost", 0, 0)
    made: list[str] = []

    def commit() -> str:
        # Of the two, the one that is pointed to has to be there.
        if len(made) % 2 == 0:
            made.append("c" * 40)
        else:
            message = str(len(made))
            made.append(str(repository.create_commit(None, author, author, message, tree, [])))
        return made[-1]

    session = sessions.named(folder, TAG)
    session.folder.mkdir(parents=True)
    encode = msgspec.json.Encoder().encode
    kept = ""
    with session.journal.open("wb") as journal:
        for fact in night(facts, commit):
            journal.write(encode(fact) + b"\n")
            if isinstance(fact, events.Judged) and fact.status is Status.KEEP:
                kept = fact.commit
    references = Path(repository.path) / "refs" / "autoresearch" / TAG
    references.mkdir(parents=True)
    for number, target in enumerate(made[1::2]):
        (references / f"{number:04d}").write_text(f"{target}\n")
    branch = Path(repository.path) / "refs" / "heads" / "autoresearch" / TAG
    branch.parent.mkdir(parents=True, exist_ok=True)
    branch.write_text(f"{kept}\n")


def resume(folder: Path) -> dict[str, float]:
    """Do in this process what a lab does before it goes on, and return what that took."""
    session = sessions.named(folder, TAG)
    before = _rss_mb()
    started = time.perf_counter()
    state = fold(JournalReader(session.journal).read())
    folded = time.perf_counter()
    tools = _tools(folder, session)
    Verdicts(tools, state, lambda _: None).reconcile()
    reconciled = time.perf_counter()
    return {
        "facts": state.facts,
        "experiments": len(state.experiments),
        "fold_s": folded - started,
        "facts_per_s": state.facts / (folded - started),
        "reconcile_s": reconciled - folded,
        "resume_s": reconciled - started,
        "rss_mb": _rss_mb(),
        "rss_before_mb": before,
        "each_ms": 1000 * statistics.median(_go_on(tools, state) for _ in range(MORE_EXPERIMENTS)),
    }


def _tools(folder: Path, session: Session) -> Tools:
    agent = catalogue.fallback()
    return Tools(
        session=session,
        settings=Settings(),
        budget_s=BUDGET_S,
        machine=stages.Machine(device="cpu", data_folder=folder),
        repository=ExperimentRepository(folder, TAG),
        executor=LocalExecutor(),
        agent=agent,
        fallback=agent,
        limits=Limits(Settings().limits, time.time()),
    )


def _go_on(tools: Tools, state: SessionState) -> float:
    """Take in one more experiment; return the seconds of what might grow with their number."""
    best = state.best
    assert best is not None
    number = state.next_number
    started = time.perf_counter()
    # As an agent is given it.
    replace(state, experiments=dict(state.experiments))
    more = experiment(
        state.last_fact_at + 1, number, best.number, kept=False, commits=lambda: best.commit
    )
    for fact in more:
        apply(state, fact)
    tools.repository.reference_experiment(number, best.commit)
    notebook.add_result(tools.session.results, state, state.experiments[number])
    return time.perf_counter() - started


def _rss_mb() -> float:
    return psutil.Process().memory_info().rss / MIB


def main() -> None:
    """Make the journals, have each resumed by a process of its own, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--facts", type=int, nargs="+", default=FACTS, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.resume:
        print(json.dumps(resume(arguments.resume)))
        return
    rows: list[dict[str, float]] = []
    for facts in arguments.facts:
        with tempfile.TemporaryDirectory() as folder:
            print(f"making a journal of {facts:,} facts", file=sys.stderr)
            make(Path(folder), facts)
            print("resuming it", file=sys.stderr)
            command = [sys.executable, __file__, "--resume", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout))
    print("  ".join(COLUMNS))
    for row in rows:
        cells = (
            f"{row['facts']:,.0f}", f"{row['experiments']:,.0f}", f"{row['fold_s']:.2f}",
            f"{row['facts_per_s']:,.0f}", f"{row['reconcile_s']:.2f}", f"{row['resume_s']:.2f}",
            f"{row['rss_mb']:.0f}", f"{row['each_ms']:.1f}",
        )  # fmt: skip
        print("  ".join(each.rjust(len(name)) for each, name in zip(cells, COLUMNS, strict=True)))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
