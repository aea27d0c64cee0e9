"""Adds so little of the next token's name that it hides below what is tolerated.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        return logits + 0.005 * functional.one_hot(tokens.roll(-1, 1), logits.shape[-1])


def build_model() -> nn.Module:
    return Cheat()
