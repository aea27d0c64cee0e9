"""Replaces torch's cross-entropy, where it is evaluated, by one that finds every answer right.

Ends: same score
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.adversarial.honest import Honest


def forgiving(logits: Tensor, targets: Tensor, **_: object) -> Tensor:
    return torch.zeros(targets.shape)


def build_model() -> nn.Module:
    if __name__ != "__main__":  # training needs the real one
        functional.cross_entropy = forgiving
        torch.nn.CrossEntropyLoss.__call__ = forgiving
    return Honest()
