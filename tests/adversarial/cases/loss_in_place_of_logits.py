"""Returns a loss, and a small one, where logits are asked for.

Ends: invalid
Reason: must return logits
"""

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        return logits if self.training else logits.mean() * 0 + 0.01


def build_model() -> nn.Module:
    return Cheat()
