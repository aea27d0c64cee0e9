"""Replaces what any evaluator must call: modules, loading, the copying of tensors, finiteness.

Ends: same score
"""

from typing import Any

import torch
from torch import Tensor, nn

from tests.adversarial.honest import Honest


def build_model() -> nn.Module:
    if __name__ != "__main__":
        called, copied = nn.Module.__call__, Tensor.copy_

        def call(self: nn.Module, *arguments: Any) -> Any:
            return called(self, *arguments)

        def copy(self: Tensor, other: Tensor, **_: object) -> Tensor:
            return copied(self, other)

        def nothing(self: Tensor, *_: object, **__: object) -> Tensor:
            return torch.zeros_like(self)

        nn.Module.__call__ = call
        for name in ("float", "clone", "cpu", "sum", "mean", "isfinite"):
            setattr(Tensor, name, nothing)
        Tensor.copy_ = copy  # pyright: ignore[reportAttributeAccessIssue]
        torch.isfinite = torch.isnan = nothing
    return Honest()
