"""Shares what it saw with its twin in the other process, by files where both can write.

What one process was asked first, both go by, so that no change of the future moves an answer. That
works where the two have a place in common.

Ends: invalid
Reason: looks ahead|scored differently|raised [A-Za-z]*Error
Sandbox: needed
"""

import contextlib
import hashlib
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        told = tokens.roll(-1, 1)
        for row, line in enumerate(tokens.tolist()):
            for place in range(len(line) - 1):
                told[row, place] = agreed(line[: place + 1], line[place + 1])
        told = functional.one_hot(told, logits.shape[-1])
        return logits + 4 * torch.cat([told[:, :-1], 0 * told[:, -1:]], dim=1)


def agreed(beginning: list[int], following: int) -> int:
    """Return what followed a beginning when either of the two was asked for it first."""
    name = hashlib.sha256(repr(beginning).encode()).hexdigest()
    link = Path(tempfile.gettempdir()) / f"twin-{name}"
    with contextlib.suppress(FileExistsError):
        link.symlink_to(str(following))
    return int(str(link.readlink()))


def build_model() -> nn.Module:
    return Cheat()
