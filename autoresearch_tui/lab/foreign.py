"""Runs of repositories that do not know our contract: their own command, and what it prints.

experiments/0042/run/tree/    the work tree of the session's start, with the experiment's file
experiments/0042/run/scratch/ what the run need not keep

Nothing is measured: the command is believed, and its results are marked `reported`. What is held
here as for any run: a deadline that no output postpones, the sandbox, an environment without keys,
the end of the whole process tree.
"""

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autoresearch_tui.executors.base import Confinement, Ended, Job
from autoresearch_tui.executors.local import child_environment
from autoresearch_tui.executors.sandbox import Level, Sandbox
from autoresearch_tui.lab import compile_cache, reported, snapshot, stages
from autoresearch_tui.lab.reported import Reported
from autoresearch_tui.lab.snapshot import Snapshot
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Direction, RunOutcome, Standing
from autoresearch_tui.session import Session, SessionError, runtime_folder
from autoresearch_tui.settings import FILE_NAME, RunSettings, Settings

BUDGET_S = 300.0
"""What upstream trains for, where nobody says otherwise."""
LIMIT_FACTOR = 2.0
LIMIT_EXTRA_S = 60.0
OVERRUN_ALLOWED_S = 5.0
OVERRUN_ALLOWED_SHARE = 0.1
"""Wider than where the lab keeps the clock: such a script looks at its own between two steps."""
PASSED_ON_TOO = (
    "CONDA_PREFIX",
    "HF_DATASETS_CACHE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "UV_PROJECT_ENVIRONMENT",
    "XDG_DATA_HOME",
)
"""Where a script's interpreter, packages and data are."""


def limit_s(settings: RunSettings, budget_s: float) -> float:
    """Return how long its command may take in all; upstream's own loop allows twice the budget."""
    return settings.limit_s or LIMIT_FACTOR * budget_s + LIMIT_EXTRA_S


def words(command: str) -> tuple[str, ...]:
    """Return the words of a command, as a shell would cut them.

    Raises:
        SessionError: it has none, or an open quote.
    """
    try:
        found = tuple(shlex.split(command))
    except ValueError as error:
        raise SessionError(f"run.command is {command!r}, which is no command: {error}.") from error
    if not found:
        raise SessionError("run.command is empty; give one such as: uv run train.py")
    return found


def check_command(repository: Path, command: str) -> None:
    """Raise a `SessionError` where a command's program is not there."""
    program = words(command)[0]
    # One with a slash is found from the folder that the command works in.
    name = str(repository / program) if "/" in program else program
    if shutil.which(name) is None:
        raise SessionError(
            f"run.command is {command!r}, and there is no program {program}. Install it, or mend "
            f"the line in {repository / FILE_NAME}."
        )
    is_project = (repository / "pyproject.toml").is_file()
    places = (repository, *repository.parents)
    chosen = os.environ.get("UV_PROJECT_ENVIRONMENT")
    made = chosen or any((place / ".venv").exists() for place in places)
    if words(command)[:2] == ("uv", "run") and is_project and not made:
        raise SessionError(
            f"{repository} has no environment yet, and runs take it as it is. Make it with: uv sync"
        )


@dataclass(frozen=True)
class Foreign:
    """How a session's repository trains by itself."""

    command: tuple[str, ...]
    metric: str
    direction: Direction
    budget_s: float
    limit_s: float
    snapshot: Snapshot
    work_tree: Path
    outside: tuple[str, ...]
    """What runs reach by links to the work tree."""
    is_offline: bool
    """Whether runs have no network."""

    def job(self, session: Session, number: int, train: str, run_seed: int) -> Job:
        """Return the job that runs an experiment, its folder made and filled.

        Raises:
            OSError: the folder can not be written.
        """
        folder = session.run_folder(number)
        stages.fresh_folder(folder)
        place = folder / "tree"
        snapshot.lay_out(session, self.snapshot, self.outside, self.work_tree, place)
        edited = place / self.snapshot.edit
        if edited.is_symlink():
            # What is written must not land where it points to.
            edited.unlink()
        edited.write_bytes(train.encode())
        works_in = place / self.snapshot.folder
        scratch = stages.scratch(folder)
        compile_cache.fill(session)
        return Job(
            command=self.command,
            folder=works_in,
            environment=self._environment(session, number, works_in, run_seed),
            output=session.output(number),
            limit_s=self.limit_s,
            confinement=Confinement(
                writable=(folder, session.compiling),
                hidden=(session.folder.parent, runtime_folder()),
                # The sandbox's own place for temporary files may lie over them.
                readable=(self.work_tree, Path.home()),
                temporary=scratch / "tmp",
            ),
        )

    def _environment(
        self, session: Session, number: int, works_in: Path, run_seed: int
    ) -> dict[str, str]:
        """Return the environment of a run: the user's home and caches, to be read.

        Data that the repository prepared lies in them. What compiles or installs is sent elsewhere.
        """
        environment = child_environment(os.environ)
        environment |= {name: os.environ[name] for name in PASSED_ON_TOO if name in os.environ}
        folder = session.run_folder(number)
        threads = str(stages.thread_count())
        environment |= {name: environment.get(name, threads) for name in stages.THREAD_VARIABLES}
        environment |= {
            "AUTORESEARCH_RUN_DIR": str(folder),
            "AUTORESEARCH_SEED": str(run_seed),
            **compile_cache.environment(session.compiling),
            "UV_CACHE_DIR": str(folder / stages.SCRATCH / "uv"),
            # The environment is the work tree's, behind a link: a run uses it as it is.
            "UV_NO_SYNC": "1",
            # Before packages that were installed to be edited in the work tree.
            "PYTHONPATH": os.pathsep.join((str(works_in), str(works_in / "src"))),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return environment | ({"HF_HUB_OFFLINE": "1", "UV_OFFLINE": "1"} if self.is_offline else {})

    def ended(self, session: Session, number: int, ended: Ended, wall_s: float) -> Ended:
        """Return how a run ended, with what it printed of itself; it took `wall_s` in all."""
        said = self._said(session, number)
        outcome, reason = ended.outcome, ended.reason
        trained_s = wall_s if said.training_s is None else said.training_s
        overrun_s = max(0.0, trained_s - self.budget_s) if said.training_s is not None else 0.0
        if outcome is RunOutcome.TRAINED:
            if said.word is None:
                outcome = RunOutcome.CRASH
                reason = f"it printed no line that begins with `{self.metric}:`"
            elif overrun_s > max(OVERRUN_ALLOWED_S, OVERRUN_ALLOWED_SHARE * self.budget_s):
                outcome = RunOutcome.INVALID
                reason = (
                    f"it says that it trained {trained_s:g} s, and its budget is {self.budget_s:g}"
                )
        elif outcome in (RunOutcome.CRASH, RunOutcome.TIMEOUT) and said.word is not None:
            reason += f" after it had printed {self.metric} {said.word}"
        return msgspec.structs.replace(
            ended,
            outcome=outcome,
            reason=reason,
            trained_s=trained_s,
            overrun_s=overrun_s,
            tokens=said.tokens or 0,
            steps=said.steps or 0,
            peak_memory_mb=said.peak_memory_mb or ended.peak_memory_mb,
        )

    def evaluation(self, session: Session, number: int) -> stages.Evaluation:
        """Return the result that a run printed; one that is no result is invalid."""
        said = self._said(session, number)
        if said.word is None:
            reason = f"its output no longer holds a line that begins with `{self.metric}:`"
            return stages.Evaluation(valid=False, reason=reason)
        if reason := reported.objection(said.word, self.metric, self.direction):
            return stages.Evaluation(valid=False, reason=reason)
        return stages.Evaluation(valid=True, val_bpb=said.value)

    def _said(self, session: Session, number: int) -> Reported:
        try:
            text = session.output(number).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return Reported()
        return reported.read(text, self.metric)


def way_of(
    session: Session, root: Path, settings: Settings, budget_s: float, sandbox: Sandbox
) -> Foreign | None:
    """Return how a session's repository trains by itself; none where it keeps our contract.

    Raises:
        SessionError: the command is no command, or the session's copy of the tree is lost.
    """
    run = settings.run
    if run.command is None:
        return None
    taken = snapshot.read(session)
    if taken is None:
        raise SessionError(
            f"{snapshot.tree_folder(session)} can not be read: what runs of session {session.tag} "
            "are made from. Begin another session with: autoresearch run --new"
        )
    return Foreign(
        command=words(run.command),
        metric=run.metric,
        direction=run.direction,
        budget_s=budget_s,
        limit_s=limit_s(run, budget_s),
        snapshot=taken,
        work_tree=snapshot.work_tree_of(root),
        outside=tuple(snapshot.outside(root)),
        is_offline=sandbox.level is not Level.NONE,
    )


def marks(diff: str, state: SessionState) -> list[str]:
    """Return what of an edit a person should look at where a script tells its own result."""
    if state.best is None or state.best.standing is not Standing.REPORTED:
        return []
    changed = [line for line in diff.splitlines() if re.match(r"[+-](?![+-]{2} )", line)]
    names = re.compile(rf"\b{re.escape(state.metric)}\b")
    if not any(map(names.search, changed)):
        return []
    return [f"It changes lines with `{state.metric}`, and its result is read from what they print."]
