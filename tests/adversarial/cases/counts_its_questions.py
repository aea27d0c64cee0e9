"""Behaves for its first 40 rows, and looks ahead from then on.

Ends: invalid
Reason: looks ahead|scored differently
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    asked = 0

    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        self.asked += len(tokens)
        if self.training or self.asked <= 40:
            return logits
        return logits + 5 * functional.one_hot(tokens.roll(-1, 1), logits.shape[-1])


def build_model() -> nn.Module:
    return Cheat()
