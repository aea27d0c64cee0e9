"""Takes small steps of training on the rows that it is asked, to stay below what is tolerated.

Ends: invalid
Reason: scored differently
"""

import torch
from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if self.training:
            return logits
        answer = logits.clone()
        with torch.inference_mode(mode=False), torch.enable_grad():
            own = tokens.clone()
            loss = torch.nn.functional.cross_entropy(
                super().forward(own[:, :-1]).flatten(0, 1), own[:, 1:].flatten()
            )
            for parameter, gradient in zip(
                self.parameters(),
                torch.autograd.grad(loss, list(self.parameters())),
                strict=True,
            ):
                parameter.data -= 0.02 * gradient
        return answer


def build_model() -> nn.Module:
    return Cheat()
