"""Stands between the lab and an agent's process, and leaves nothing of it behind.

The agent talks to the lab by the input and output that it inherits. It ends with all that it
started when the lifeline, a pipe that the lab holds open, ends: told to, or with the lab itself.
Started as a file, in the agent's environment: `python -I guard.py LIFELINE COMMAND...`.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

GRACE_S = 0.5
"""Between asking an agent to end and ending it."""
PAUSE_S = 0.01
CAN_NOT_START = 127
BY_SIGNAL = 128
"""Plus the signal's number, as shells tell it."""


def main() -> int:
    """Run the command until it or the lifeline ends, and return its exit code."""
    # The interpreter is isolated, and the package may lie anywhere.
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from autoresearch_tui.executors import supervisor  # noqa: PLC0415

    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    supervisor.subreaper()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, supervisor.ignore)
    try:
        process = subprocess.Popen(
            command,
            start_new_session=True,
            preexec_fn=supervisor.prepare_child,  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]} can not be started: {error.strerror}\n")
        return CAN_NOT_START
    # Else the agent's pipes would stay open for as long as this process lives.
    for number in (0, 1):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    with selectors.DefaultSelector() as selector:
        selector.register(lifeline, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while process.poll() is None:
            ready = {key.fd for key, _ in selector.select()}
            if lifeline in ready:
                break
            os.read(woken, 4096)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    code = process.poll()
    _clear(process.pid, supervisor.children)
    if code is None:
        code = -signal.SIGKILL
    return code if code >= 0 else BY_SIGNAL - code


def _clear(group: int, children: Callable[[], list[int]]) -> None:
    """Kill until nothing is left: what loses its parent becomes a child of this process."""
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        left = children()
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    sys.exit(main())
