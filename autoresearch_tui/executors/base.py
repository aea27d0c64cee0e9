"""What an executor is to the lab: a place that trains one job and tells what happens to it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from autoresearch_tui.record.vocabulary import RunOutcome


class ExecutorError(Exception):
    """A job could not be started at all; the message says why."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a job a training run: rows that come with its clock, and the clock's length."""

    rows: Path
    budget_s: float


@dataclass(frozen=True)
class Confinement:
    """What a job may reach of the machine, where the executor has a sandbox.

    The file system can be read but not written, and there is no network. The longest of the paths
    below that a file lies under says what holds for it. Folders must exist when the job is
    launched and must not be replaced afterwards: a sandbox holds on to the folders it was given.
    """

    writable: tuple[Path, ...]
    hidden: tuple[Path, ...]
    """Files and folders that can not be read; what does not exist is passed over."""
    readable: tuple[Path, ...] = ()
    """What stays readable although it lies in something hidden."""
    temporary: Path | None = None
    """A folder of the job's own that `TMPDIR` leads to."""
    shares_gpu_memory: bool = False
    """Opens GPU memory of a process outside, for which CUDA wants common process numbers."""


@dataclass(frozen=True)
class Job:
    """One process tree to run and to leave nothing of."""

    command: tuple[str, ...]
    folder: Path
    """Where it works."""
    environment: Mapping[str, str]
    """All that it gets to see of the environment."""
    output: Path
    """Where what it prints is stored, bounded."""
    limit_s: float
    """How long it may take; for a trial, until it asks for its clock."""
    trial: Trial | None = None
    confinement: Confinement | None = None
    """None for code that is trusted."""
    stand_by: bool = False
    """Whether it gets ready for whatever comes, and waits to be told to go; `limit_s` counts from
    there."""
    term_grace_s: float = 5.0
    """How long it may tidy up when it is sent away."""


class Warm(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="warm"):
    """A job that stands by has imported and opened what it can."""

    pid: int


class Started(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="started"):
    """The process exists; one that stood by was told to go."""

    pid: int


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="opened"):
    """A trial was opened: its script builds, compiles and warms up."""


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ready"):
    """A trial is set up and asks for its clock."""

    startup_s: float


class ClockStarted(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="clock_started"
):
    """A trial got its rows."""

    startup_s: float


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ended"):
    """No process of the job is left."""

    outcome: RunOutcome
    """`trained` for any job that did what it should."""
    reason: str
    exit_code: int | None = None
    trained_s: float = 0.0
    overrun_s: float = 0.0
    tokens: int = 0
    steps: int = 0
    peak_memory_mb: int = 0


JobEvent = Warm | Started | Opened | Ready | ClockStarted | Ended


class RunningJob(Protocol):
    """A job under way."""

    def events(self) -> AsyncIterator[JobEvent]:
        """Yield what happens; `Ended` comes last, always."""
        ...

    def go(self) -> None:
        """Have a job that stands by do its work.

        `Started` follows; where it died before, `Ended` comes without it.
        """
        ...

    def start_clock(self) -> None:
        """Grant the clock that a trial asked for."""
        ...

    def kill(self, reason: str) -> None:
        """End the job; its `Ended` says `killed`."""
        ...


class Executor(Protocol):
    """A place where jobs run."""

    async def launch(self, job: Job) -> RunningJob:
        """Start a job.

        Raises:
            ExecutorError: it could not be started.
        """
        ...
