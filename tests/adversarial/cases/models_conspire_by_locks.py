"""Shares what it saw with its twin in the other process, by locks on a file that both can read.

A lock needs no right to write. Where it lies in the file tells a beginning and what followed it.

Ends: invalid
Reason: looks ahead|scored differently|raised [A-Za-z]*Error
Sandbox: needed
"""

import fcntl
import hashlib
import os
import struct

import torch
from torch import Tensor, nn
from torch.nn import functional

import prepare
from tests.adversarial.honest import Honest

FLOCK = "hhqqi4x"  # struct flock of Linux: type, whence, start, length, process
FILE = os.open(prepare.__file__, os.O_RDONLY)


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
                if beginning not in self.followed:
                    self.followed[beginning] = agreed(beginning, line[place + 1])
                told[row, place] = self.followed[beginning]
        told = functional.one_hot(told, logits.shape[-1])
        return logits + 4 * torch.cat([told[:, :-1], 0 * told[:, -1:]], dim=1)


def agreed(beginning: tuple[int, ...], following: int) -> int:
    """Return what followed a beginning when either of the two was asked for it first."""
    digest = hashlib.sha256(repr(beginning).encode()).digest()
    start = int.from_bytes(digest[:6], "big") << 12
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, 0, start, 1 << 12, 0)
    found = struct.unpack(FLOCK, fcntl.fcntl(FILE, fcntl.F_GETLK, asked))
    if found[0] != fcntl.F_UNLCK:
        return found[2] - start
    mine = struct.pack(FLOCK, fcntl.F_RDLCK, 0, start + following, 1, 0)
    fcntl.fcntl(FILE, fcntl.F_SETLK, mine)
    return following


def build_model() -> nn.Module:
    return Cheat()
