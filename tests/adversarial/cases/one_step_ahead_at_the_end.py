"""Looks ahead in the last positions of a row alone, where a change of the future is short.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        answer = 9.0 * functional.one_hot(tokens.roll(-1, 1), self.embedding.num_embeddings)
        answer[:, : -tokens.shape[1] // 4] = 0
        return super().forward(tokens) + answer


def build_model() -> nn.Module:
    return Cheat()
