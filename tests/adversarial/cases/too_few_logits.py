"""Returns logits for all tokens but the last of the vocabulary.

Ends: invalid
Reason: must return logits
"""

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        return logits if self.training else logits[..., :-1]


def build_model() -> nn.Module:
    return Cheat()
