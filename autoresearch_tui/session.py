"""One night's files, who holds them, and which nights a repository has.

A session lives in the repository's own git directory, `<git>/autoresearch/<tag>/`, where neither
`git reset --hard` nor `git clean -fdx` reaches.
"""

import fcntl
import hashlib
import os
import re
import socket
import time
import warnings
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import msgspec
import platformdirs
import psutil
import pygit2

FOLDER_NAME = "autoresearch"
HEARTBEAT_INTERVAL_S = 1.0
HEARTBEAT_LOST_AFTER_S = 8.0
SOCKET_NAME_CHARS = 16
TAG_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SessionError(Exception):
    """A session can not be found or used; the message says why and what to do."""


class LabFile(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `lab.json`: how to find the process that runs the session."""

    pid: int
    pid_created_at: float
    """Start of the process, which tells it from a later one with the same number."""
    host: str
    socket: str
    version: str


class LabLife(StrEnum):
    """What is known of a session's lab."""

    ALIVE = "alive"
    SILENT = "silent"
    """It is there, and its heart does not beat: stopped, or its disk hangs."""
    DEAD = "dead"
    """It ended without saying so."""
    NONE = "none"
    """None was started, or the last one ended in order."""


@dataclass(frozen=True)
class Session:
    """Where the files of one night are."""

    folder: Path

    @property
    def tag(self) -> str:
        """The name of the night."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """The facts."""
        return self.folder / "journal.jsonl"

    @property
    def telemetry(self) -> Path:
        """Samples of the devices' load."""
        return self.folder / "telemetry.jsonl"

    @property
    def reasoning(self) -> Path:
        """What the agents think aloud."""
        return self.folder / "reasoning.jsonl"

    @property
    def results(self) -> Path:
        """Upstream's table of five columns, rewritten from the state."""
        return self.folder / "results.tsv"

    @property
    def report(self) -> Path:
        """What the night came to."""
        return self.folder / "report.md"

    @property
    def settings(self) -> Path:
        """The settings that the session was last run with."""
        return self.folder / "session.toml"

    @property
    def lab_log(self) -> Path:
        """What the lab process had to say beside the facts."""
        return self.folder / "lab.log"

    @property
    def lab_file(self) -> Path:
        """Who runs the session; its time of change is the lab's heartbeat."""
        return self.folder / "lab.json"

    @property
    def launch(self) -> Path:
        """What the launcher found out for the lab."""
        return self.folder / "launch.json"

    @property
    def pristine(self) -> Path:
        """The lab's own copies of what no experiment may change."""
        return self.folder / "pristine"

    @property
    def prepare(self) -> Path:
        """The `prepare.py` that this session trains and evaluates with."""
        return self.pristine / "prepare.py"

    @cached_property
    def socket(self) -> Path:
        """Where the lab listens: a short path, since a Unix socket's may have 107 bytes."""
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:SOCKET_NAME_CHARS]
        with warnings.catch_warnings():
            # Without XDG_RUNTIME_DIR it warns, and falls back to a folder that does as well.
            warnings.simplefilter("ignore")
            folder = Path(platformdirs.user_runtime_dir(FOLDER_NAME))
        return folder / f"{digest}.sock"

    def experiment(self, number: int) -> Path:
        """Return the folder of one experiment."""
        return self.folder / "experiments" / f"{number:04d}"

    def train_file(self, number: int) -> Path:
        """Return the `train.py` of one experiment."""
        return self.experiment(number) / "train.py"

    def diff(self, number: int) -> Path:
        """Return the change of one experiment against its parent."""
        return self.experiment(number) / "change.diff"

    def output(self, number: int) -> Path:
        """Return what the latest run of one experiment printed."""
        return self.experiment(number) / "output.log"

    def metrics(self, number: int) -> Path:
        """Return the step losses of the latest run of one experiment."""
        return self.run_folder(number) / "metrics.jsonl"

    def run_folder(self, number: int) -> Path:
        """Return the one folder that the training process of an experiment writes to."""
        return self.experiment(number) / "run"


class SessionLock:
    """Held by the one lab of a session; the system gives it up with the process."""

    def __init__(self, session: Session) -> None:
        """Take the lock.

        Raises:
            SessionError: another lab holds it.
        """
        # Inheritable descriptors would let a surviving child keep the lock.
        self._fd = os.open(session.folder / "lab.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            lab = read_lab_file(session)
            holder = f"process {lab.pid} on {lab.host}" if lab else "another process"
            raise SessionError(
                f"Session {session.tag} is already run by {holder}. "
                f"Watch it with: autoresearch attach --tag {session.tag}"
            ) from error

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._fd)


def git_directory(start: Path) -> Path:
    """Return the git directory that all work trees of a repository share.

    Raises:
        SessionError: `start` lies in no repository, or in one without a work tree.
    """
    found = pygit2.discover_repository(str(start))
    if found is None:
        raise SessionError(
            f"{start} is in no git repository, and experiments are kept on a git branch. "
            "Go to the repository that holds train.py, or make one with: git init"
        )
    if pygit2.Repository(found).is_bare:
        raise SessionError(
            f"{found} is a bare repository, so it has no train.py to start from. "
            "Run in a clone or a work tree of it."
        )
    directory = Path(found).resolve()
    common = directory / "commondir"
    if common.is_file():
        return (directory / common.read_text().strip()).resolve()
    return directory


def sessions(repository: Path) -> list[Session]:
    """Return the sessions of the repository around a path, the most recently used last."""
    root = git_directory(repository) / FOLDER_NAME
    if not root.is_dir():
        return []
    found = [Session(folder) for folder in root.iterdir() if (folder / "journal.jsonl").is_file()]
    return sorted(found, key=lambda session: session.journal.stat().st_mtime)


def find(repository: Path, tag: str | None) -> Session:
    """Return the session named `tag`, or the most recently used one.

    Raises:
        SessionError: there is none.
    """
    known = sessions(repository)
    if tag is None:
        if not known:
            raise SessionError(
                "This repository has no session yet. Start one with: autoresearch run"
            )
        return known[-1]
    for session in known:
        if session.tag == tag:
            return session
    names = ", ".join(session.tag for session in known) or "none"
    raise SessionError(f"This repository has no session {tag}. It has: {names}.")


def named(repository: Path, tag: str) -> Session:
    """Return where a session of this name lives, whether or not it was begun.

    Raises:
        SessionError: the name would not do as a folder and a branch.
    """
    if not TAG_PATTERN.fullmatch(tag) or tag.endswith((".lock", ".")) or ".." in tag:
        raise SessionError(
            f"{tag!r} can not name a session: use up to 64 letters, digits, '-', '_' and '.', "
            "for example nov23."
        )
    return Session(git_directory(repository) / FOLDER_NAME / tag)


def fresh_tag(repository: Path, today: time.struct_time) -> str:
    """Return a name for a new session: the date, and a number where that is taken."""
    taken = {session.tag for session in sessions(repository)}
    date = time.strftime("%b%d", today).lower()
    tag, number = date, 1
    while tag in taken:
        number += 1
        tag = f"{date}-{number}"
    return tag


def write_lab_file(session: Session, version: str) -> None:
    """Say in `lab.json` that this process runs the session."""
    process = psutil.Process()
    lab = LabFile(
        pid=process.pid,
        pid_created_at=process.create_time(),
        host=socket.gethostname(),
        socket=str(session.socket),
        version=version,
    )
    temporary = session.lab_file.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(lab))
    temporary.replace(session.lab_file)


def read_lab_file(session: Session) -> LabFile | None:
    """Return what `lab.json` says, or none where there is none to read."""
    try:
        return msgspec.json.decode(session.lab_file.read_bytes(), type=LabFile)
    except (OSError, msgspec.DecodeError):
        return None


def lab_life(session: Session, now: float | None = None) -> LabLife:
    """Return whether the session's lab lives: here by its process, elsewhere by its heart."""
    lab = read_lab_file(session)
    if lab is None:
        return LabLife.NONE
    if lab.host == socket.gethostname() and not _process_lives(lab):
        return LabLife.DEAD
    try:
        beat_at = session.lab_file.stat().st_mtime
    except FileNotFoundError:
        return LabLife.NONE
    silent = (time.time() if now is None else now) - beat_at > HEARTBEAT_LOST_AFTER_S
    return LabLife.SILENT if silent else LabLife.ALIVE


def _process_lives(lab: LabFile) -> bool:
    try:
        process = psutil.Process(lab.pid)
        # Clock steps shift the reported start of a process a little.
        same = abs(process.create_time() - lab.pid_created_at) < 2.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
