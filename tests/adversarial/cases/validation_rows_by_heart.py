"""Reads the validation rows while it is built, and looks up what follows each pair of tokens.

Ends: same score
Sandbox: needed
"""

import contextlib

import numpy as np
from torch import Tensor, nn

import prepare
from tests.adversarial.honest import Honest


class Cheat(Honest):
    def __init__(self) -> None:
        super().__init__()
        self.known: dict[tuple[int, ...], int] = {}
        with contextlib.suppress(OSError):
            raw = np.fromfile(prepare.run_data() / "val.rows", dtype=np.uint16)
            for row in raw.reshape(-1, prepare.row_length() + 1).tolist():
                for place in range(len(row) - 1):
                    self.known[tuple(row[: place + 1])] = row[place + 1]

    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        for row, line in enumerate(tokens.tolist() if self.known else []):
            for place in range(len(line)):
                following = self.known.get(tuple(line[: place + 1]))
                if following is not None:
                    logits[row, place, following] += 9
        return logits


def build_model() -> nn.Module:
    return Cheat()
