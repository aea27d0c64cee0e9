"""Overwrites the rows that it was handed, for which it then has the right answers.

The evaluator scores against its own copy of the rows.

Ends: same score
"""

from torch import Tensor, nn

from tests.adversarial.honest import Honest


class Cheat(Honest):
    def forward(self, tokens: Tensor) -> Tensor:
        logits = super().forward(tokens)
        if not self.training:
            tokens.copy_(logits.argmax(-1))
        return logits


def build_model() -> nn.Module:
    return Cheat()
