"""Leaves a link to another experiment's weights in place of its own.

Ends: invalid
Reason: it finished without saving weights
"""

from pathlib import Path

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)

    def link(_: object, path: Path) -> None:
        path.symlink_to(Path.cwd().parents[1] / "0000" / "evaluation" / path.name)

    prepare.save_weights = link
    trial.finish(model)
