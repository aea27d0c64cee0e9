"""Leaves links to other people's files, a pipe and a huge file where compilers keep their work.

What a run compiled before its clock started is kept for later runs.

Ends: same weights
"""

import os
from pathlib import Path

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    place = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    place.mkdir(parents=True, exist_ok=True)
    (place / "link").symlink_to(prepare.run_data() / "val.rows")
    (place / "above").symlink_to(Path.cwd().parents[1])
    os.mkfifo(place / "pipe")
    with (place / "huge").open("wb") as file:
        file.truncate(1 << 40)
    trial.start()
    train(trial, model)
    trial.finish(model)
