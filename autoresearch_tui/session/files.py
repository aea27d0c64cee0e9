"""Where the files of one night are, and `lab.json`, which says who runs it."""

import hashlib
import os
import socket
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

FOLDER_NAME = "autoresearch"
SOCKET_NAME_CHARS = 16


class SessionError(Exception):
    """A session can not be found or used; the message says why and what to do."""


class LabFile(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `lab.json`: how to find the process that runs the session."""

    pid: int
    host: str
    socket: str
    version: str


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
        """Upstream's table of five columns: a row a verdict, all of them anew at each start."""
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

    @property
    def compiling(self) -> Path:
        """Where the training process at work compiles, whichever it is: there is one at a time."""
        return self.folder / "compiling"

    def run_folder(self, number: int) -> Path:
        """Return the one folder that the training process of an experiment writes to."""
        return self.experiment(number) / "run"


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
