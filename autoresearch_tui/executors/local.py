"""Runs jobs on this machine, each under a supervisor of its own."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from autoresearch_tui.executors import supervisor, sweep
from autoresearch_tui.executors.base import Ended, ExecutorError, Job, JobEvent, Started, Warm
from autoresearch_tui.executors.sandbox import NO_SANDBOX, Sandbox
from autoresearch_tui.record.vocabulary import RunOutcome

EVENT_LIMIT_BYTES = 1 << 20
PASSED_ON = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "LOGNAME",
        "NVIDIA_DRIVER_CAPABILITIES",
        "NVIDIA_TF32_OVERRIDE",
        "NVIDIA_VISIBLE_DEVICES",
        "PATH",
        "TMPDIR",
        "TZ",
        "USER",
    }
)
PASSED_ON_PREFIXES = (
    "CUDA_",
    "GOMP_",
    "KMP_",
    "LC_",
    "MKL_",
    "OMP_",
    "PYTORCH_",
    "TORCHINDUCTOR_",
    "TRITON_",
    "XDG_CACHE_",
)


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a training process may know of the environment.

    A list of what is let through, so that no key and no token of the user reaches code that an
    agent wrote.
    """
    return {
        name: value
        for name, value in environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }


class LocalExecutor:
    """Starts each job below a supervisor that outlives this process by no more than it needs."""

    def __init__(
        self, held_by_supervisor: int | None = None, sandbox: Sandbox = NO_SANDBOX
    ) -> None:
        """Give each supervisor `held_by_supervisor`, a lock's descriptor, to keep open.

        One that outlives this process gives the lock's file the time of this process's end.

        Jobs with a confinement run in `sandbox`.
        """
        self._lock = held_by_supervisor
        self._sandbox = sandbox

    async def launch(self, job: Job) -> "LocalJob":
        """Start a job.

        Raises:
            ExecutorError: the supervisor can not be started.
        """
        errors = job.output.with_suffix(".supervisor")
        try:
            with errors.open("wb") as stderr:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-I",
                    str(Path(supervisor.__file__)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=stderr,
                    limit=EVENT_LIMIT_BYTES,
                    start_new_session=True,
                    pass_fds=() if self._lock is None else (self._lock,),
                    env={"PATH": os.environ.get("PATH", os.defpath)},
                )
        except OSError as error:
            raise ExecutorError(f"No process can be started on this machine: {error}.") from error
        running = LocalJob(process, errors, job.folder)
        running.tell(
            {
                "command": [*self._sandbox.prefix(job.confinement), *job.command],
                "signal_exit_code": self._sandbox.signal_exit_code if job.confinement else None,
                "folder": str(job.folder),
                "environment": dict(job.environment),
                "output": str(job.output),
                "limit_s": job.limit_s,
                "stand_by": job.stand_by,
                "term_grace_s": job.term_grace_s,
                "lock": self._lock,
                "trial": msgspec.to_builtins(job.trial, enc_hook=str) if job.trial else None,
            }
        )
        return running


class LocalJob:
    """A job and its supervisor."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Path, folder: Path) -> None:
        self._process = process
        self._errors = errors
        self._folder = folder

    def tell(self, message: object) -> None:
        """Send the supervisor one line; one that is gone already is no error."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    def go(self) -> None:
        """Have a job that stands by do its work; it is `Started` then."""
        self.tell({"do": "go"})

    def start_clock(self) -> None:
        """Grant the clock that a trial asked for."""
        self.tell({"do": "start_clock"})

    def kill(self, reason: str) -> None:
        """End the job; its `Ended` says `killed`."""
        self.tell({"do": "kill", "reason": reason})

    def hang_up(self) -> None:
        """Close the supervisor's input, as the end of this process would."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def events(self) -> AsyncIterator[JobEvent]:
        """Yield what happens; `Ended` comes last, always."""
        assert self._process.stdout is not None
        decoder = msgspec.json.Decoder(JobEvent)
        ended: Ended | None = None
        pid: int | None = None
        async for line in self._process.stdout:
            event = decoder.decode(line)
            if isinstance(event, Ended):
                ended = event
                continue
            if isinstance(event, Started | Warm):
                pid = event.pid
            yield event
        code = await self._process.wait()
        self.hang_up()
        if ended is None:
            if pid is not None:
                # Where the system does not end a process with its supervisor, this does.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            # And what had left the process's group.
            await asyncio.to_thread(sweep.clear, self._folder)
            detail = self._errors.read_text(errors="replace").strip().rpartition("\n")[2]
            reason = f"its supervisor ended with exit code {code}. {detail}".strip()
            ended = Ended(outcome=RunOutcome.CRASH, reason=reason)
        else:
            self._errors.unlink(missing_ok=True)
        yield ended
