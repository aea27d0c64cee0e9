"""Normalises each channel over the whole row, through which later tokens move earlier ones.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def mix(self, x: Tensor) -> Tensor:
        return functional.layer_norm(super().mix(x).mT, (x.shape[1],)).mT


def build_model() -> nn.Module:
    return Cheat()
