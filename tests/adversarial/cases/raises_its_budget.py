"""Gives its trial a larger budget, in the object and in its file, and trains for longer.

Ends: invalid
Reason: it took .* s more than its budget, and 0.5 s are allowed
Budget: 0.3
"""

import json
import os
from pathlib import Path

import prepare
from tests.adversarial.honest import ROWS, build_model, train

FILE = Path(os.environ["AUTORESEARCH_RUN_DIR"]) / "trial.json"


def main() -> None:
    FILE.write_text(json.dumps(json.loads(FILE.read_text()) | {"budget_s": 1.5}))
    trial = prepare.open_trial()
    trial.budget_s = 1.5
    model = build_model()
    trial.start()
    while trial.running:
        trial.batch(ROWS)
    train(trial, model)
    trial.finish(model)
