"""What must hold of a night after a fault, whatever the fault was: looked at from outside.

The lab's own code reads the journal, git the rest; each finding is a sentence.
"""

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec
import psutil
import pygit2

from autoresearch_tui import session as sessions
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.session import Session

FOLDER_VARIABLE = "AUTORESEARCH_RUN_DIR"
LATEST = 3
"""Experiments whose process groups are looked for."""


class Aftermath:
    """Remembers what a night had before a fault, and finds what is missing or left over."""

    def __init__(self, root: Path, session: Session) -> None:
        """Watch over `session` of the repository at `root`, whose files are the user's from now."""
        self.root = root
        self.session = session
        self._users = _digests(root)
        self._judged: dict[int, bytes] = {}

    @property
    def judged(self) -> int:
        """How many verdicts are remembered."""
        return len(self._judged)

    def state(self) -> SessionState:
        """Return the state as the journal has it now."""
        return fold(JournalReader(self.session.journal).read())

    def remember(self) -> None:
        """Take in the verdicts that are in the journal now: they may never change again."""
        for number, line in _verdicts(self.session.journal):
            self._judged.setdefault(number, line)

    def lost(self) -> list[str]:
        """Return the finished experiments that are gone, changed or judged twice."""
        found: dict[int, list[bytes]] = {}
        for number, line in _verdicts(self.session.journal):
            found.setdefault(number, []).append(line)
        return [
            f"experiment {number} was judged {line!r}, and the journal has {found.get(number)}"
            for number, line in self._judged.items()
            if found.get(number) != [line]
        ]

    def wrong(self) -> list[str]:
        """Return where git or the table does not hold what the journal says."""
        state = self.state()
        git = pygit2.Repository(str(self.root))
        branch = f"refs/heads/autoresearch/{self.session.tag}"
        there = _target(git, branch)
        found: list[str] = []
        if there != state.branch_commit:
            found.append(f"{branch} is at {there}, and the journal says {state.branch_commit}")
        elif state.incumbent is not None and there is not None:
            found += self._wrong_tree(git, there, state.incumbent, branch)
        for number, experiment in state.experiments.items():
            if experiment.status is not None:
                found += self._wrong_experiment(git, number, experiment)
        return found + self._wrong_table(state)

    def _wrong_experiment(
        self, git: pygit2.Repository, number: int, experiment: Experiment
    ) -> Iterator[str]:
        name = f"refs/autoresearch/{self.session.tag}/{number:04d}"
        there = _target(git, name)
        if there != experiment.commit:
            yield f"{name} is at {there}, and the journal says {experiment.commit}"
        else:
            yield from self._wrong_tree(git, experiment.commit, number, name)

    def _wrong_tree(
        self, git: pygit2.Repository, commit: str, number: int, name: str
    ) -> Iterator[str]:
        """Yield whether a commit does not hold just the experiment's `train.py`."""
        try:
            blob = git[commit].peel(pygit2.Commit).tree["train.py"]
        except (KeyError, pygit2.GitError) as error:
            yield f"the objects of {name} are not whole: {error}"
            return
        assert isinstance(blob, pygit2.Blob)
        if blob.data != self.session.train_file(number).read_bytes():
            yield f"the train.py of {name} is not that of experiment {number}"

    def _wrong_table(self, state: SessionState) -> list[str]:
        wanted = [each.commit[:7] for each in state.experiments.values() if each.status is not None]
        try:
            lines = self.session.results.read_text(encoding="utf-8").splitlines()[1:]
        except FileNotFoundError:
            lines = []
        rows = [line.partition("\t")[0] for line in lines]
        if rows == wanted:
            return []
        return [f"{self.session.results} has {len(rows)} rows, and {len(wanted)} are judged"]

    def touched(self) -> list[str]:
        """Return the user's files, `HEAD` and index included, that are not as they were."""
        now = _digests(self.root)
        return [
            f"{name} was changed"
            for name in sorted(self._users.keys() | now.keys())
            if self._users.get(name) != now.get(name)
        ]

    def orphans(self, but: Collection[int] = ()) -> list[psutil.Process]:
        """Return the living processes of the session but for this one, `but`, and their children.

        A process is known by its folder, command, environment or open files, and by the process
        group or session of a run that the journal names.
        """
        # Of the latest alone: the system gives numbers out again.
        latest = list(self.state().experiments.values())[-LATEST:]
        groups = {run.pid for experiment in latest for run in experiment.runs}
        known = {os.getpid(), *but}
        for pid in but:
            with contextlib.suppress(psutil.Error):
                known.update(child.pid for child in psutil.Process(pid).children(recursive=True))
        return [
            process
            for process in psutil.process_iter()
            if process.pid not in known and self._is_ours(process, groups)
        ]

    def _is_ours(self, process: psutil.Process, groups: Collection[int]) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            ours, root = str(self.session.folder), str(self.root)
            command = process.cmdline()
            if not command:
                # A thread of the kernel.
                return False
            environment = process.environ().get(FOLDER_VARIABLE, "")
            places = [process.cwd(), *(file.path for file in process.open_files())]
            leaders = {os.getpgid(process.pid), os.getsid(process.pid)}
            return (
                any(root in argument for argument in command)
                or environment.startswith(ours)
                or any(place.startswith(root) for place in places)
                or not leaders.isdisjoint(groups)
            )
        except (psutil.Error, OSError):
            return False


def lab_pid(session: Session) -> int | None:
    """Return the process of the session's lab, by its own word."""
    lab = sessions.read_lab_file(session)
    return None if lab is None else lab.pid


def _verdicts(journal: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of the journal that are verdicts."""
    if not journal.exists():
        return
    with journal.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                continue
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                fact = events.decode(line)
                if isinstance(fact, events.Judged):
                    yield fact.experiment, line


def _target(git: pygit2.Repository, name: str) -> str | None:
    reference = git.references.get(name)
    return None if reference is None else str(reference.peel(pygit2.Commit).id)


def _digests(root: Path) -> dict[str, str]:
    """Return a digest of each file of the work tree, of `HEAD` and of the index."""
    files = [root / ".git" / "HEAD", root / ".git" / "index"]
    for top in root.iterdir():
        if top.name != ".git":
            files += [top, *top.rglob("*")]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }
