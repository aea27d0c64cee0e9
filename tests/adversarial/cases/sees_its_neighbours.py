"""Answers each row with what the other rows of the batch are like.

Ends: invalid
Reason: scored differently
"""

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def mix(self, x: Tensor) -> Tensor:
        return super().mix(x) + x.mean((0, 1), keepdim=True)


def build_model() -> nn.Module:
    return Cheat()
