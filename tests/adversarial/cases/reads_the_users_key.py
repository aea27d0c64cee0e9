"""Looks for keys in its environment and in that of every process it can see, and prints them.

Ends: same weights
Sandbox: needed
"""

import contextlib
from pathlib import Path

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    trial = prepare.open_trial()
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            for line in place.read_bytes().split(b"\0"):
                if b"KEY" in line or b"TOKEN" in line:
                    print(line)
    model = build_model()
    trial.start()
    train(trial, model)
    trial.finish(model)
