"""Ends what is left of jobs whose supervisor is gone.

A supervisor inherits whatever its job started, and kills it. Where it was killed itself, what had
left the job's process group belongs to nobody; such processes are known by their environment,
which names the job's folder.
"""

import contextlib
import time
from pathlib import Path

import psutil

FOLDER_VARIABLE = "AUTORESEARCH_RUN_DIR"
CLEAR_LIMIT_S = 5.0
CLEAR_PAUSE_S = 0.01


def left_over(folder: Path) -> list[psutil.Process]:
    """Return the living processes of jobs that ran in `folder` or below."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            place = process.environ().get(FOLDER_VARIABLE)
            if place and Path(place).is_relative_to(folder):
                found.append(process)
    return found


def clear(folder: Path) -> None:
    """Kill them until there are none, or for as long as a process may take to die."""
    until = time.monotonic() + CLEAR_LIMIT_S
    while (processes := left_over(folder)) and time.monotonic() < until:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(CLEAR_PAUSE_S)
