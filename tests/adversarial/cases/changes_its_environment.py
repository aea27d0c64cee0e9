"""Changes the variables that tell it where it runs, to run by a file of its own.

Ends: invalid
Reason: it finished without saving weights
"""

import json
import os
from pathlib import Path

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    own = Path("elsewhere").absolute()
    own.mkdir()
    settings = json.loads(Path("trial.json").read_text())
    (own / "trial.json").write_text(json.dumps({**settings, "seed": 1, "budget_s": 1e9}))
    os.environ["AUTORESEARCH_RUN_DIR"] = str(own)
    os.environ["AUTORESEARCH_SEED"] = "1"
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    trial.finish(model)
