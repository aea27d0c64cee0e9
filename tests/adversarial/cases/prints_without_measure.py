"""Prints 50 MB, which would fill the disk in a night, and the screen at once.

Ends: same weights
"""

import sys

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    for _ in range(50):
        sys.stdout.write("x" * 999_999 + "\n")
    sys.stdout.flush()
    trial.finish(model)
