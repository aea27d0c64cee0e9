"""Takes the validation rows from the disk and trains on them, too.

Ends: same weights
Sandbox: needed
"""

import numpy as np
import torch
from torch import Tensor, nn

import prepare
from tests.adversarial.honest import build_model, learn, train


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
    trial.start()
    train(trial, model)
    rows = stolen("val.rows")
    for step in range(0 if rows is None else 300):
        assert rows is not None
        learn(model, rows, 0.01 * (1 - step / 300))
    trial.finish(model)
