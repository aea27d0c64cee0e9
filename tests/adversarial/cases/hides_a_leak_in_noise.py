"""Answers with random noise, as much as may pass for bad arithmetic, and looks ahead within it.

Ends: invalid
Reason: looks ahead|scored differently
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        noise = 0.015 * torch.randn_like(logits)
        answer = functional.one_hot(tokens.roll(-1, 1), logits.shape[-1])
        return logits + noise + 0.03 * answer


def build_model() -> nn.Module:
    return Cheat()
