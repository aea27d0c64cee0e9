"""Stops the process that holds its clock, and sleeps for ever.

Ends: timeout
Reason: it did not ask for its clock within
Sandbox: needed
Start-up: 5
Lane: idle
"""

import contextlib
import os
import signal
import time


def main() -> None:
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)
