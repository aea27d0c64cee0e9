"""Ends the process that is asked for logits, without a word.

Ends: invalid
Reason: The model's process ended with exit code 0 before it had answered
"""

import os

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        if not self.training:
            os._exit(0)
        return super().forward(tokens)


def build_model() -> nn.Module:
    return Cheat()
