"""Returns logits of all rows in one.

Ends: invalid
Reason: must return logits
"""

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        return logits if self.training else logits.flatten(0, 1)


def build_model() -> nn.Module:
    return Cheat()
