"""Takes a step of training on every batch of validation rows that it is asked.

Ends: invalid
Reason: scored differently
"""

import torch
from torch import Tensor, nn

from tests.adversarial.honest import Honest, learn


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        answer = logits.clone()
        with torch.inference_mode(mode=False), torch.enable_grad():
            self.train()
            learn(self, tokens.clone())
            self.eval()
        return answer


def build_model() -> nn.Module:
    return Cheat()
