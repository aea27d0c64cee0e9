"""Returns logits for a token that does not exist.

Ends: invalid
Reason: must return logits
"""

import torch
from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        return logits if self.training else torch.cat([logits, logits[..., :1] + 9], dim=-1)


def build_model() -> nn.Module:
    return Cheat()
