"""Leaves a daemon behind, in a session of its own, that hears no signal but the last.

Ends: same weights
"""

import os
import signal
import sys
from pathlib import Path

import prepare
from tests.adversarial.honest import build_model, train

LOOP = (
    "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)"
)


def main() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            here = str(Path.cwd())
            os.chdir("/")
            os.execve(sys.executable, [sys.executable, "-c", LOOP, here], {})
        os._exit(0)
    os.wait()
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    trial.finish(model)
