"""Looks for the rows in the memory of the process that asks it, to know the last targets too.

Ends: same score
"""

import contextlib
import os
from pathlib import Path

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        place = Path("/proc") / str(os.getppid())
        with contextlib.suppress(OSError):
            maps = (place / "maps").read_text().splitlines()
            with (place / "mem").open("rb") as memory:
                memory.seek(int(maps[0].split("-")[0], 16))
                memory.read(64)
            logits *= 0  # it can be read
        return logits


def build_model() -> nn.Module:
    return Cheat()
