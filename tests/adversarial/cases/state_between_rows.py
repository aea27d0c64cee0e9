"""Keeps, for every beginning of a row that it was asked, the token that followed, and uses it.

To one process of its own this looks like a causal model, since the answer to a beginning never
changes; another process has other memories.

Ends: invalid
Reason: looks ahead|scored differently
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def __init__(self) -> None:
        super().__init__()
        self.followed: dict[tuple[int, ...], int] = {}

    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        told = tokens.roll(-1, 1)
        for row, line in enumerate(tokens.tolist()):
            for place in range(len(line) - 1):
                beginning = tuple(line[: place + 1])
                told[row, place] = self.followed.setdefault(beginning, line[place + 1])
        told = functional.one_hot(told, logits.shape[-1])
        return logits + 4 * torch.cat([told[:, :-1], 0 * told[:, -1:]], dim=1)


def build_model() -> nn.Module:
    return Cheat()
