"""Saves a pickle in place of safetensors, whose loading would run what is written in it.

Ends: invalid
Reason: The saved weights do not fit the model of build_model
"""

import pickle
from pathlib import Path
from typing import Any

import prepare
from tests.adversarial.honest import build_model, train


class Bomb:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    saved = prepare.save_weights

    def save(_: object, path: Path) -> None:
        saved(model, path)
        path.write_bytes(pickle.dumps(Bomb(Path.cwd().parents[2] / "exploded")))

    prepare.save_weights = save
    trial.finish(model)
