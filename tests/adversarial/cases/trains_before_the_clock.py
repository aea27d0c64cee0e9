"""Takes the training rows from the disk before its clock starts, and trains as long as it likes.

Ends: same weights
Sandbox: needed
"""

import numpy as np
import torch
from torch import Tensor, nn

import prepare
from tests.adversarial.honest import STEPS, build_model, learn, train


def stolen(name: str) -> Tensor | None:
    """Return rows [N, T + 1] of the data set, if they can be read."""
    try:
        raw = np.fromfile(prepare.run_data() / name, dtype=np.uint16)
    except OSError:
        return None
    rows = torch.from_numpy(raw.astype(int)).view(-1, prepare.row_length() + 1)
    return rows if len(rows) else None


def main() -> None:
    trial = prepare.open_trial()
    model: nn.Module = build_model()
    rows = stolen("train.rows")
    for step in range(0 if rows is None else 8 * STEPS):
        assert rows is not None
        start = 16 * step % (len(rows) - 16)
        learn(model, rows[start : start + 16])
    trial.start()
    train(trial, model)
    trial.finish(model)
