"""One night's files, who holds them, and which nights a repository has.

A session lives in the repository's own git directory, `<git>/autoresearch/<tag>/`, where neither
`git reset --hard` nor `git clean -fdx` reaches.
"""

import fcntl
import hashlib
import itertools
import os
import re
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
import platformdirs

FOLDER_NAME = "autoresearch"
HEARTBEAT_INTERVAL_S = 0.5
HEARTBEAT_LOST_AFTER_S = 8.0
LOCK_PATIENCE_S = 1.0
LOCK_PAUSE_S = 0.02
SOCKET_NAME_CHARS = 16
_UNUSUAL = re.compile(
    rb"bare\s*=\s*(?!\s|false)|^\s*bare\s*$|\[\s*include", re.IGNORECASE | re.MULTILINE
)
TAG_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SessionError(Exception):
    """A session can not be found or used; the message says why and what to do."""


class LabFile(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `lab.json`: how to find the process that runs the session."""

    pid: int
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

    @property
    def lock(self) -> Path:
        """Held by the lab for as long as it lives."""
        return self.folder / "lab.lock"

    @property
    def socket(self) -> Path:
        """Where the session's lab listens, by its own word."""
        lab = read_lab_file(self)
        return Path(lab.socket) if lab else self.new_socket()

    def new_socket(self) -> Path:
        """Return where a lab of this environment should listen.

        The path is short, since a Unix socket's may have 107 bytes.
        """
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:SOCKET_NAME_CHARS]
        return runtime_folder() / f"{digest}.sock"

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

    def page(self, number: int) -> Path:
        """Return a page of the agent's notebook; the last one is what it holds."""
        return self.folder / "notebook" / f"{number:04d}.md"

    def run_folder(self, number: int) -> Path:
        """Return the one folder that the training process of an experiment writes to."""
        return self.experiment(number) / "run"


class SessionLock:
    """Held by the one lab of a session; the system gives it up with the process."""

    def __init__(self, session: Session) -> None:
        """Take the lock.

        Where a lab of another host died, it takes some seconds to see that it did.

        Raises:
            SessionError: another lab holds it.
        """
        # Inheritable descriptors would let a surviving child keep the lock.
        self._fd = os.open(session.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        until = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                # Whoever looks whether a lab lives holds the lock for an instant.
                if time.monotonic() < until:
                    time.sleep(LOCK_PAUSE_S)
                    continue
                os.close(self._fd)
                raise SessionError(already_running(session)) from error
            else:
                break
        if _beats_elsewhere(session):
            os.close(self._fd)
            raise SessionError(already_running(session))

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._fd)


def already_running(session: Session) -> str:
    """Return what to tell who wants to run a session that is run already."""
    lab = read_lab_file(session)
    holder = f" by process {lab.pid} on {lab.host}" if lab else ""
    return (
        f"Session {session.tag} is already running{holder}. "
        f"Watch it with: autoresearch attach --tag {session.tag}"
    )


def runtime_folder() -> Path:
    """Return the user's folder for sockets."""
    try:
        with warnings.catch_warnings():
            # Without XDG_RUNTIME_DIR it warns, and falls back to a folder that does as well.
            warnings.simplefilter("ignore")
            return Path(platformdirs.user_runtime_dir(FOLDER_NAME))
    except OSError:
        return Path(tempfile.gettempdir()) / f"{FOLDER_NAME}-{os.getuid()}"


def agent_folder(session: Session) -> Path:
    """Return where a session's coding agent works and keeps what a later start goes on with.

    Outside of the repository: agents refuse to write below `.git`, and would read its work tree.
    """
    digest = hashlib.sha256(str(session.folder.resolve()).encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir(FOLDER_NAME)) / "agents" / digest


def git_directory(start: Path) -> Path:
    """Return the git directory that all work trees of a repository share.

    Raises:
        SessionError: `start` lies in no repository, or in one without a work tree.
    """
    return _plain_git_directory(start) or _any_git_directory(start)


def _plain_git_directory(start: Path) -> Path | None:
    """Return the git directory of the usual case, and none where it takes git to tell.

    pygit2 takes a fifth of the time from the start of a screen to its first paint.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        found = folder / ".git"
        try:
            if found.is_dir() and found.stat().st_uid == os.getuid():
                config = (found / "config").read_bytes()
                parts = (found / "HEAD").is_file(), (found / "objects").is_dir()
                plain = all(parts) and not (found / "commondir").exists()
                # A setting of `core.bare`, or one that is read from another file.
                return found.resolve() if plain and not _UNUSUAL.search(config) else None
        except OSError:
            return None
        if os.path.lexists(found) or (folder / "HEAD").exists():
            return None
    return None


def _any_git_directory(start: Path) -> Path:
    # The usual repository does without.
    import pygit2  # noqa: PLC0415

    try:
        found = pygit2.discover_repository(str(start))
        bare = found is not None and pygit2.Repository(found).is_bare
    except pygit2.GitError as error:
        raise SessionError(
            f"git refuses the repository around {start}: {error}. If it belongs to another user "
            f"whom you trust: git config --global --add safe.directory {start}"
        ) from error
    if found is None:
        raise SessionError(
            f"{start} is in no git repository, and experiments are kept on a git branch. "
            "Go to the repository that holds train.py, or make one with: git init"
        )
    if bare:
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
    return _sessions_in(git_directory(repository) / FOLDER_NAME)


def neighbours(session: Session) -> list[Session]:
    """Return the sessions of a session's repository, itself among them, in the same order."""
    return _sessions_in(session.folder.parent)


def _sessions_in(root: Path) -> list[Session]:
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


def fresh_tags(today: time.struct_time) -> Iterator[str]:
    """Yield names for a new session: the date, then the date with a number."""
    date = time.strftime("%b%d", today).lower()
    yield date
    for number in itertools.count(2):
        yield f"{date}-{number}"


def write_lab_file(session: Session, socket_path: Path, version: str) -> None:
    """Say in `lab.json` that this process runs the session, and where it listens."""
    lab = LabFile(
        pid=os.getpid(),
        host=socket.gethostname(),
        socket=str(socket_path),
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


def last_beat_at(session: Session) -> float | None:
    """Return when the heart of a lab beat last that left its `lab.json` behind, or none."""
    try:
        # A network file system looks anew when a file is opened, and else remembers for a while.
        with session.lab_file.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def _beats_elsewhere(session: Session) -> bool:
    """Return whether a lab of another host runs the session.

    Some network file systems lock files for each host alone. Hosts' clocks differ, so that only
    a heart that is seen to beat counts.
    """
    lab = read_lab_file(session)
    if lab is None or lab.host == socket.gethostname():
        return False
    before = last_beat_at(session)
    until = time.monotonic() + HEARTBEAT_LOST_AFTER_S
    while time.monotonic() < until:
        time.sleep(HEARTBEAT_INTERVAL_S / 4)
        if last_beat_at(session) not in (None, before):
            return True
    return False


def lab_life(session: Session, now: float | None = None) -> LabLife:
    """Return whether the session's lab lives: by its lock, and by its heart."""
    try:
        beat_at = session.lab_file.stat().st_mtime
    except OSError:
        return LabLife.NONE
    silent = (time.time() if now is None else now) - beat_at > HEARTBEAT_LOST_AFTER_S
    # Another host's lock may not be seen here; its heartbeat is.
    lab = read_lab_file(session)
    elsewhere = lab is not None and lab.host != socket.gethostname()
    if not _is_locked(session) and (silent or not elsewhere):
        return LabLife.DEAD
    return LabLife.SILENT if silent else LabLife.ALIVE


def _is_locked(session: Session) -> bool:
    try:
        fd = os.open(session.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
