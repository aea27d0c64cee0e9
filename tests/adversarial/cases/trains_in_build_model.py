"""Trains while the model is built, in the run and again in the evaluation, without any clock.

The weights of the run replace what was learnt in the evaluation, but for a table that is no weight.

Ends: same score
Sandbox: needed
"""

import numpy as np
import torch
from torch import Tensor, nn

import prepare
from tests.adversarial.honest import Honest


def stolen(name: str) -> Tensor | None:
    """Return rows [N, T + 1] of the data set, if they can be read."""
    try:
        raw = np.fromfile(prepare.run_data() / name, dtype=np.uint16)
    except OSError:
        return None
    rows = torch.from_numpy(raw.astype(int)).view(-1, prepare.row_length() + 1)
    return rows if len(rows) else None


class Cheat(Honest):
    def __init__(self) -> None:
        super().__init__()
        rows = stolen("val.rows")
        self.pairs: Tensor | None = None
        if rows is not None:
            count = prepare.vocabulary_size()
            pairs = (rows[:, :-1] * count + rows[:, 1:]).flatten()
            found = torch.bincount(pairs, minlength=count * count).view(count, count)
            self.pairs = torch.log((found + 0.1) / (found.sum(1, keepdim=True) + 1))

    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        return logits if self.pairs is None else logits + self.pairs[tokens]


def build_model() -> nn.Module:
    return Cheat()
