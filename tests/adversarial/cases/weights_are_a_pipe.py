"""Leaves a pipe in place of its weights, on which whoever reads it waits for ever.

Ends: invalid
Reason: it finished without saving weights
"""

import os
from pathlib import Path

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)

    def pipe(_: object, path: Path) -> None:
        os.mkfifo(path)

    prepare.save_weights = pipe
    trial.finish(model)
