"""Returns logits that are not a number, for which every comparison is false.

Ends: invalid
Reason: not finite
"""

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if not self.training:
            logits[..., 0] = float("nan")
        return logits


def build_model() -> nn.Module:
    return Cheat()
