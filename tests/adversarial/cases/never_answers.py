"""Sleeps for ever when it is asked for logits.

Ends: invalid
Reason: the evaluation failed: it did not end within
Evaluation: 9
Lane: idle
"""

import time

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        while not self.training:
            time.sleep(60)
        return super().forward(tokens)


def build_model() -> nn.Module:
    return Cheat()
