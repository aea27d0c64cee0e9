"""Does not end when it is told to, nor do its children.

Ends: timeout
Reason: it did not ask for its clock within 5 s
Start-up: 5
Lane: idle
"""

import os
import signal
import time


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.fork()
    while True:
        time.sleep(600)
