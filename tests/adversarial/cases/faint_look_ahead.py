"""Adds a twentieth of what the next token would say, so that hardly anything moves.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        answer = functional.one_hot(tokens.roll(-1, 1), self.embedding.num_embeddings)
        return super().forward(tokens) + 0.05 * answer


def build_model() -> nn.Module:
    return Cheat()
