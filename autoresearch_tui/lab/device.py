"""Tells a machine at fault from an experiment at fault, after a job that came to nothing."""

import asyncio
import contextlib
import sys

from autoresearch_tui.executors.base import Ended
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.record.vocabulary import RunOutcome

FAULT = "the device failed"
"""How the reason begins of a run that is queued again because of the machine."""
PROBE_LIMIT_S = 20.0
KILL_GRACE_S = 2.0
OUT_OF_MEMORY = 2
"""CUDA's word for a device that works, and is full."""
PROBE = f"""\
import ctypes, sys
cuda, place = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()
for name, arguments in (
    ("cuInit", (0,)),
    ("cuDeviceGet", (ctypes.byref(ctypes.c_int()), 0)),
    ("cuDevicePrimaryCtxRetain", (ctypes.byref(place), 0)),
):
    if (code := getattr(cuda, name)(*arguments)) not in (0, {OUT_OF_MEMORY}):
        sys.exit(f"{{name}} fails with error {{code}}")
"""
"""Opens the first device, as any program does that computes on it."""
WORDS = (
    "no cuda-capable device",
    "cuda-capable device(s) is/are busy",
    "cuda driver initialization failed",
    "cuda unknown error",
    "fallen off the bus",
    "gpu is lost",
    "unable to determine the device handle",
    "system not yet initialized",
    "uncorrectable ecc error",
)
"""What CUDA and its driver say of a machine, and hardly ever of a script."""


async def fault(device: str, ended: Ended, said: str, experiment: Experiment) -> str | None:
    """Return what is wrong with the device that a job ended badly on; none where nothing is.

    A device that does not open is at fault whatever the job said. Where it opens again, the job's
    own words are believed once for each experiment: any script can print them.

    Args:
        device: `cuda`, `mps` or `cpu`; only the first one is asked.
        ended: how the job ended.
        said: why, with its own last words.
        experiment: whose job it was.
    """
    if device != "cuda" or ended.outcome not in (RunOutcome.CRASH, RunOutcome.TIMEOUT):
        return None
    if found := await probe():
        return found
    excused = any(run.reason.startswith(FAULT) for run in experiment.runs)
    words = said.lower()
    return said if not excused and any(each in words for each in WORDS) else None


async def probe() -> str | None:
    """Open the device from a process of its own, and return how that failed, or none."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROBE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PROBE_LIMIT_S):
            _, said = await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # One that hangs in the driver can not even be killed, and is left to itself.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_GRACE_S):
                await process.wait()
        return f"it did not open within {PROBE_LIMIT_S:g} s"
    if process.returncode == 0:
        return None
    return said.decode(errors="replace").strip().rpartition("\n")[2] or "it does not open"
