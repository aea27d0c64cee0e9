"""Draws a part of the model anew whenever it is built, and does not save it with the weights.

Ends: invalid
Reason: scored differently
"""

import torch
from torch import Tensor, nn

from tests.adversarial.honest import WIDTH, Honest


class Cheat(Honest):
    part: Tensor

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator()
        generator.seed()
        part = torch.randn(WIDTH, generator=generator)
        self.register_buffer("part", part, persistent=False)

    def mix(self, x: Tensor) -> Tensor:
        return super().mix(x) + self.part


def build_model() -> nn.Module:
    return Cheat()
