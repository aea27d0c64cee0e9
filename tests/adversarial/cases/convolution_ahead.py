"""Mixes neighbours by a convolution that is shifted by one and sees the next token.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn

from tests.adversarial.honest import WIDTH, Honest


class Cheat(Honest):
    def __init__(self) -> None:
        super().__init__()
        self.neighbours = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)

    def mix(self, x: Tensor) -> Tensor:
        return self.neighbours(x.mT).mT


def build_model() -> nn.Module:
    return Cheat()
