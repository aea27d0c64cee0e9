"""Stops itself, and so does not hear that it should end.

Ends: timeout
Reason: it did not ask for its clock within 5 s
Start-up: 5
Lane: idle
"""

import os
import signal


def main() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
