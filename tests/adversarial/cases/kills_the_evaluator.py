"""Kills the process that asks it.

Ends: invalid
Reason: the evaluation failed
Sandbox: none
"""

import os
import signal

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        if not self.training:
            os.kill(os.getppid(), signal.SIGKILL)
        return super().forward(tokens)


def build_model() -> nn.Module:
    return Cheat()
