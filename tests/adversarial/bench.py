"""Takes a hostile train.py through the real chain, in a world of its own.

A world is a repository, a session in it that has one kept experiment, and a data set: a case may
break all of it without another case noticing. The chain is the lab's: `stages.training_job`, the
executor and its supervisor, `stages.evaluation_job`, the evaluator, `judge`. What is left of it
all is looked at afterwards.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil
import pygit2

from autoresearch_tui import session as sessions
from autoresearch_tui.executors.base import Ended, Job, Ready
from autoresearch_tui.executors.local import LocalExecutor
from autoresearch_tui.executors.sandbox import NO_SANDBOX, Sandbox
from autoresearch_tui.lab import compile_cache, judge, stages
from autoresearch_tui.lab.judge import Verdict
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.vocabulary import ApprovalMode, DataSet, Hardware, RunOutcome, Status
from tests.adversarial.case import GUARD, HERE, LIMITS_S, Case

ROOT = Path(__file__).parents[2]
NUMBER = 1
"""The experiment that cheats; number 0 is the incumbent."""
SESSION_ID = "adversary"
INCUMBENT_BPB = 9.0
"""So bad that whatever is valid is kept: a cheat must fail by itself."""
SCORE_TOLERANCE = 1e-4
"""Relative: by so much the order of the rows may move a score."""
NO_WEIGHTS = "it finished without saving weights"
"""What the lab says of a run whose weights are not a file of its folder."""
DYING_S = 5.0


@dataclass
class Outcome:
    """What became of a case."""

    verdict: Verdict
    run: Ended
    output: str
    evaluation_log: str
    weights: str
    """A digest of the weights that the run left; empty where there are none."""
    changed: list[str]
    """Files that are not the experiment's own and are not as they were."""
    left: list[str]
    """Command lines of processes that still run."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def val_bpb(self) -> float | None:
        """The score; none where there is none."""
        return self.verdict.val_bpb


class World:
    """A repository, a session with a kept experiment, and data, all for one case."""

    def __init__(self, folder: Path, template: Path) -> None:
        """Make the world in `folder` from the data, weights and rest that lie in `template`."""
        self.folder = folder
        shutil.copytree(template, folder)
        self.repository = folder / "repository"
        self.data = folder / "data"
        self.session = sessions.named(self.repository, "night")

    @classmethod
    def template(cls, folder: Path, data: Path, weights: Path, port: int) -> None:
        """Make what every world begins with."""
        repository = folder / "repository"
        repository.mkdir(parents=True)
        shutil.copytree(data, folder / "data")
        shutil.copy(ROOT / "prepare.py", repository)
        train = (HERE / "honest.py").read_text() + GUARD
        (repository / "train.py").write_text(train)
        (repository / "program.md").write_text("Make val_bpb small.\n")
        (repository / ".gitignore").write_text("__pycache__/\n")
        (folder / "port").write_text(str(port))
        git = pygit2.init_repository(str(repository))
        author = pygit2.Signature("A Person", "person@example.com")
        git.index.add_all()
        git.index.write()
        git.create_commit("HEAD", author, author, "begin", git.index.write_tree(), [])
        session = sessions.named(repository, "night")
        session.pristine.mkdir(parents=True)
        compile_cache.fill(session)
        shutil.copy(ROOT / "prepare.py", session.prepare)
        incumbent = session.experiment(0) / "evaluation"
        incumbent.mkdir(parents=True)
        shutil.copy(weights, incumbent / stages.WEIGHTS)
        session.train_file(0).write_text(train)
        journal = Journal(session.journal)
        for fact in _past():
            journal.append(fact)
        journal.close()

    def tree(self) -> dict[str, str]:
        """Return a digest of everything but the experiment's own folder."""
        own = self.session.experiment(NUMBER)
        found: dict[str, str] = {}
        for path in sorted(self.folder.rglob("*")):
            if path == own or own in path.parents:
                continue
            state = path.lstat()
            content = b""
            if path.is_symlink():
                content = str(path.readlink()).encode()
            elif path.is_file():
                content = path.read_bytes()
            name = str(path.relative_to(self.folder))
            found[name] = f"{state.st_mode:o} {hashlib.sha256(content).hexdigest()}"
        return found

    def processes(self) -> list[str]:
        """Return the command lines of living processes that have to do with this world."""
        found: list[str] = []
        for process in psutil.process_iter():
            try:
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                about = [*process.cmdline(), *process.environ().values(), process.cwd()]
                about += [file.path for file in process.open_files()]
                command = " ".join(process.cmdline())[:200]
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if any(str(self.folder) in text for text in about):
                found.append(command)
        return found

    def take(self, case: Case, sandbox: Sandbox = NO_SANDBOX) -> Outcome:
        """Train, evaluate and judge a case, and look at what it left."""
        before = self.tree()
        self.session.experiment(NUMBER).mkdir(parents=True)
        seconds: dict[str, float] = {}
        run, weights, evaluation = asyncio.run(self._chain(case, sandbox, seconds))
        # What was killed may take a moment to be gone, where its supervisor was killed too.
        until = time.monotonic() + DYING_S
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.02)
        compile_cache.fill(self.session)  # as before the next run
        after = self.tree()
        return Outcome(
            verdict=self._judged(run, evaluation),
            weights=weights,
            run=run,
            output=_text(self.session.output(NUMBER)),
            evaluation_log=_text(self.session.experiment(NUMBER) / "evaluation.log"),
            changed=sorted(
                name for name in {*before, *after} if before.get(name) != after.get(name)
            ),
            left=left,
            seconds=seconds,
        )

    async def _chain(
        self, case: Case, sandbox: Sandbox, seconds: dict[str, float]
    ) -> tuple[Ended, str, stages.Evaluation | None]:
        machine = stages.Machine(
            device="cpu",
            data_folder=self.data,
            hidden=(self.data / "train.rows", self.data / "val.rows"),
            sandbox=sandbox,
        )
        executor = LocalExecutor(sandbox=sandbox)
        run_seed = stages.seed(SESSION_ID, NUMBER, 0)
        inputs = (self.session, machine, NUMBER, case.script, run_seed, case.limits_s["Budget"])
        began = time.monotonic()
        job = stages.training_job(
            self.session, machine, NUMBER, case.limits_s["Budget"], case.limits_s["Start-up"]
        )
        stages.hand_over_training(*inputs)
        run = await self._end_of(executor, job)
        seconds["training"] = time.monotonic() - began
        reason = stages.explain(run, self.session.output(NUMBER))
        run = msgspec.structs.replace(run, reason=reason)
        weights = _digest(self.session.run_folder(NUMBER) / stages.WEIGHTS)
        if run.outcome is not RunOutcome.TRAINED or not case.is_scored(sandbox):
            return run, weights, None
        began = time.monotonic()
        if not stages.hand_over_evaluation(*inputs):
            return run, weights, stages.Evaluation(valid=False, reason=NO_WEIGHTS)
        job = stages.evaluation_job(self.session, machine, NUMBER, case.limits_s["Evaluation"])
        ended = await self._end_of(executor, job)
        seconds["evaluation"] = time.monotonic() - began
        return run, weights, stages.read_evaluation(self.session, NUMBER, ended)

    async def _end_of(self, executor: LocalExecutor, job: Job) -> Ended:
        running = await executor.launch(job)
        ended: Ended | None = None
        async for event in running.events():
            match event:
                case Ready():
                    compile_cache.harvest(self.session)
                    running.start_clock()
                case Ended():
                    ended = event
                case _:
                    pass
        assert ended is not None
        return ended

    def _judged(self, run: Ended, evaluation: stages.Evaluation | None) -> Verdict:
        """Fold what happened as the lab would have recorded it, and judge it."""
        now = time.time()
        facts = [*_past(), _proposed(NUMBER, parent=0), *_started(NUMBER)]
        facts.append(
            events.RunEnded(
                at=now,
                experiment=NUMBER,
                replicate=0,
                outcome=run.outcome,
                reason=run.reason,
                trained_s=run.trained_s,
                overrun_s=run.overrun_s,
                exit_code=run.exit_code,
            )
        )
        if evaluation is not None:
            facts.append(
                events.Evaluated(
                    at=now,
                    experiment=NUMBER,
                    replicate=0,
                    valid=evaluation.valid,
                    reason=evaluation.reason,
                    val_bpb=evaluation.val_bpb,
                    seconds=evaluation.seconds,
                )
            )
        state = fold(facts)
        return judge.judge(state.experiments[NUMBER], state.experiments[0])


def _digest(path: Path) -> str:
    is_file = path.is_file() and not path.is_symlink()
    return hashlib.sha256(path.read_bytes()).hexdigest() if is_file else ""


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def _past() -> list[KnownFact]:
    """Return the facts of a night whose baseline was kept."""
    hardware = Hardware(
        device="cpu", name="a", cores=1, memory_mb=1, torch="0", python="3", host="h"
    )
    return [
        events.SessionStarted(
            at=1.0, tag="night", session_id=SESSION_ID, repository="r", base_commit=None
        ),
        events.LabStarted(
            at=2.0,
            pid=1,
            version="0",
            agent="scripted",
            model=None,
            approval=ApprovalMode.AUTO,
            budget_s=LIMITS_S["Budget"],
            hardware=hardware,
            data=DataSet(name="steps", profile="small", fingerprint="f00d"),
        ),
        _proposed(0, parent=None),
        *_started(0),
        events.RunEnded(
            at=3.0,
            experiment=0,
            replicate=0,
            outcome=RunOutcome.TRAINED,
            reason="",
            trained_s=1.0,
            overrun_s=0.0,
            tokens=1,
            steps=1,
            peak_memory_mb=1,
            exit_code=0,
        ),
        events.Evaluated(
            at=4.0,
            experiment=0,
            replicate=0,
            valid=True,
            reason=None,
            val_bpb=INCUMBENT_BPB,
            seconds=1.0,
        ),
        events.Judged(
            at=5.0,
            experiment=0,
            status=Status.KEEP,
            reason="the baseline",
            commit="0" * 40,
            val_bpb=INCUMBENT_BPB,
            change=None,
        ),
    ]


def _proposed(number: int, parent: int | None) -> KnownFact:
    return events.Proposed(
        at=2.0,
        experiment=number,
        parent=parent,
        commit="0" * 40,
        title="an edit",
        hypothesis="it is better",
        expected_change=None,
        agent="scripted",
    )


def _started(number: int) -> list[KnownFact]:
    return [
        events.RunStarted(
            at=2.0,
            experiment=number,
            replicate=0,
            seed=stages.seed(SESSION_ID, number, 0),
            pid=1,
            threads=1,
            budget_s=LIMITS_S["Budget"],
        ),
        events.ClockStarted(at=2.5, experiment=number, replicate=0, startup_s=0.5),
    ]


def one_thread() -> dict[str, str]:
    """Return the environment that keeps each process to one thread, so that lanes do not fight."""
    return {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
