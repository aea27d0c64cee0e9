"""Attends to the whole row, the tokens to be predicted included.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def mix(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(*self.qkv(x).chunk(3, dim=-1))


def build_model() -> nn.Module:
    return Cheat()
