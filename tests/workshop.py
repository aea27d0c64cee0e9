"""A repository to run labs in, in this process or as commands."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil
import pygit2

from autoresearch_tui import session as sessions
from autoresearch_tui.agents.base import Agent, Context, Proposal, ProposalError, Think
from autoresearch_tui.executors.local import LocalExecutor
from autoresearch_tui.lab import stages
from autoresearch_tui.lab.limits import Limits
from autoresearch_tui.lab.loop import Lab, Tools
from autoresearch_tui.lab.prices import Prices
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact, KnownFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import Phase, SessionState
from autoresearch_tui.record.vocabulary import DataSet, Hardware, RunOutcome
from autoresearch_tui.session import Session
from autoresearch_tui.settings import Settings

STANDIN = Path(__file__).parent / "standin"
BUDGET_S = 0.1
DEADLINE_S = 60.0
TAG = "test"

T = TypeVar("T")


class ScriptedAgent:
    """Proposes what it is given: a learning rate, a whole file, or an error."""

    name: str = "scripted"
    model: str | None = None
    computes_here: bool = True

    def __init__(self, *steps: float | str | ProposalError) -> None:
        self.steps = list(steps)
        self.contexts: list[Context] = []

    async def propose(self, context: Context, think: Think) -> Proposal:
        self.contexts.append(context)
        think(ThoughtKind.TEXT, f"thinking about {context.experiment}")
        step = self.steps.pop(0) if self.steps else 0.04 + 0.001 * context.experiment
        match step:
            case ProposalError():
                raise step
            case str():
                return Proposal(train=step, title="a whole file", hypothesis="It may work.")
            case _:
                train = with_rate(context.train, step)
                return Proposal(
                    train=train,
                    title=f"LEARNING_RATE {step}",
                    hypothesis="Another rate is better.",
                    expected_change=-0.01,
                )


def with_rate(train: str, rate: float) -> str:
    """Return the stand-in's train.py with another learning rate."""
    return re.sub(r"LEARNING_RATE = \S+", f"LEARNING_RATE = {rate}", train, count=1)


class WatchedLab(Lab):
    """A lab whose facts a test can wait for."""

    happened: asyncio.Event

    def record(self, fact: KnownFact) -> None:
        super().record(fact)
        self.happened.set()

    async def until(self, holds: Callable[[SessionState], bool]) -> None:
        """Wait until the state is as asked for."""
        while not holds(self.state):
            self.happened.clear()
            await self.happened.wait()

    async def reach(self, phase: Phase, experiment: int) -> None:
        """Wait until an experiment is in a phase."""
        await self.until(
            lambda state: (
                experiment in state.experiments and state.experiments[experiment].phase is phase
            )
        )


class Workshop:
    """A repository, and what tests do with it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def begun(cls, root: Path) -> "Workshop":
        """Make a repository with one commit: the stand-ins of train.py and prepare.py."""
        root.mkdir()
        for name in ("train.py", "prepare.py"):
            shutil.copyfile(STANDIN / name, root / name)
        (root / "program.md").write_text("Make val_bpb small.\n")
        (root / ".gitignore").write_text("__pycache__/\nrows/\n")
        git = pygit2.init_repository(str(root))
        git.config["user.name"] = "A Person"
        git.config["user.email"] = "person@example.com"
        git.index.add_all()
        git.index.write()
        author = git.default_signature
        git.create_commit("HEAD", author, author, "begin", git.index.write_tree(), [])
        return cls(root)

    @property
    def session(self) -> Session:
        return sessions.named(self.root, TAG)

    def facts(self) -> list[AnyFact]:
        return list(JournalReader(self.session.journal).read())

    def state(self) -> SessionState:
        return fold(self.facts())

    def lab(
        self,
        agent: Agent,
        settings: Settings | None = None,
        *,
        fallback: Agent | None = None,
        rivals: Sequence[Agent] = (),
        max_experiments: int | None = None,
    ) -> WatchedLab:
        """Return a lab of this process on the session, begun or gone on with."""
        session, chosen = self.session, settings or Settings()
        if max_experiments is not None:
            limits = msgspec.structs.replace(chosen.limits, max_experiments=max_experiments)
        else:
            limits = chosen.limits
        session.pristine.mkdir(parents=True, exist_ok=True)
        session.prepare.write_bytes((self.root / "prepare.py").read_bytes())
        data = session.pristine / "rows"
        data.mkdir(exist_ok=True)
        (data / "train.rows").write_bytes(b"\x00\x01")
        repository = ExperimentRepository(self.root, TAG)
        tools = Tools(
            session=session,
            settings=chosen,
            budget_s=BUDGET_S,
            machine=stages.Machine(device="cpu", data_folder=data),
            repository=repository,
            executor=LocalExecutor(),
            agent=agent,
            fallback=fallback or agent,
            rivals=rivals,
            limits=Limits(limits, time.time()),
            prices=Prices(chosen.prices, local=True),
        )
        # It ends a torn last line, which may turn out to be a whole fact.
        journal = Journal(session.journal)
        lab = WatchedLab(tools, self.state(), journal)
        lab.happened = asyncio.Event()
        now = time.time()
        if not lab.state.session_id:
            lab.record(
                events.SessionStarted(
                    at=now,
                    tag=TAG,
                    session_id="5e55",
                    repository=str(self.root),
                    base_commit=repository.head(),
                )
            )
        lab.record(
            events.LabStarted(
                at=now,
                pid=os.getpid(),
                version="0",
                agent=agent.name,
                rivals=[rival.name for rival in rivals],
                model=None,
                approval=chosen.approval.mode,
                frozen=chosen.agent.frozen,
                budget_s=BUDGET_S,
                hardware=Hardware(
                    device="cpu", name="a", cores=1, memory_mb=1, torch="0", python="3", host="h"
                ),
                data=DataSet(name="standin", profile="small", fingerprint="f00d"),
            )
        )
        return lab

    def hold_evaluation(self, number: int) -> None:
        """Have an experiment's evaluation not end before `let_go`; for sessions not begun yet."""
        path = self.root / "prepare.py"
        head = "def evaluate(folder: Path) -> dict[str, object]:\n"
        waiting = (
            f"    while folder.parent.name == '{number:04d}' and not (DATA / 'go').exists():\n"
            "        time.sleep(0.005)\n"
        )
        path.write_text(path.read_text().replace(head, head + waiting))

    def let_go(self) -> None:
        """End the evaluation that is held."""
        (self.session.pristine / "rows" / "go").touch()

    def command(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the `autoresearch` command in the repository."""
        return subprocess.Popen(
            [sys.executable, "-m", "autoresearch_tui", *arguments],
            cwd=self.root,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def done(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the `autoresearch` command to its end."""
        process = self.command(*arguments, **environment)
        out, err = process.communicate(timeout=DEADLINE_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def git(self, *arguments: str) -> str:
        """Return what the git program says; it looks from outside at what pygit2 wrote."""
        return subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True
        ).stdout

    def tree(self) -> dict[str, str]:
        """Return a digest of every file of the work tree and of the user's part of git."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        kept = [path for path in files if ".git" not in path.relative_to(self.root).parts]
        kept += [self.root / ".git" / "HEAD", self.root / ".git" / "index"]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def assert_no_clock_beside_an_evaluation(facts: list[AnyFact]) -> None:
    """From the end of a run to the verdict on it, no clock starts and none runs."""
    clock_of: int | None = None
    evaluated: int | None = None
    for fact in facts:
        match fact:
            case events.LabStarted():
                clock_of = None
            case events.ClockStarted():
                assert clock_of is None
                assert evaluated in (None, fact.experiment)
                clock_of = fact.experiment
            case events.RunEnded():
                if fact.experiment == clock_of:
                    clock_of = None
                if fact.outcome is RunOutcome.TRAINED:
                    assert clock_of is None
                    evaluated = fact.experiment
            case events.Judged() if fact.experiment == evaluated:
                evaluated = None
            case _:
                pass


def wait_until(find: Callable[[], T | None], what: str) -> T:
    """Return what `find` finds, looking until it does."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        if found := find():
            return found
        time.sleep(0.01)
    raise AssertionError(f"in vain: {what}")


def processes_below(folder: Path) -> list[psutil.Process]:
    """Return the living processes that work in a folder or name it in their command."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            place = process.cwd() + " " + " ".join(process.cmdline())
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if alive and str(folder) in place and process.pid != os.getpid():
            found.append(process)
    return found
