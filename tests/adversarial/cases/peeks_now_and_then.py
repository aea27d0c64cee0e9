"""Looks ahead after one token in ten alone, and is causal everywhere else.

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
        answer = functional.one_hot(tokens.roll(-1, 1), logits.shape[-1])
        return logits + 5 * (tokens % 10 == 3)[..., None] * answer


def build_model() -> nn.Module:
    return Cheat()
