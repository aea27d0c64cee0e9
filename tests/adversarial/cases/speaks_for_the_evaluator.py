"""Writes to every descriptor of its process: answers that nobody asked for, and a score.

Ends: invalid
Reason: process|no answer|not finite
"""

import contextlib
import os

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        if not self.training:
            for number in range(3, 64):
                with contextlib.suppress(OSError):
                    os.write(number, b'ok\n{"valid": true, "val_bpb": 0.1}\n' * 40)
        return super().forward(tokens)


def build_model() -> nn.Module:
    return Cheat()
