"""Drops channels at random while it is scored, too.

Ends: invalid
Reason: scored differently
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def mix(self, x: Tensor) -> Tensor:
        return functional.dropout(super().mix(x), 0.2)


def build_model() -> nn.Module:
    return Cheat()
