"""Looks ahead only where the next token is a likely one, so that a strange future is not used.

Ends: invalid
Reason: looks ahead
"""

from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        following = tokens.roll(-1, 1)[..., None]
        likely = logits.softmax(-1).gather(2, following) > 0.02
        answer = functional.one_hot(following[..., 0], logits.shape[-1])
        return logits + 3 * likely * answer


def build_model() -> nn.Module:
    return Cheat()
