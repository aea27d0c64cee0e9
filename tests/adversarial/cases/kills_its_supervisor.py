"""Kills the process that holds its clock.

Ends: crash
Reason: its supervisor ended with exit code -9
Sandbox: none
"""

import os
import signal
import time


def main() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
