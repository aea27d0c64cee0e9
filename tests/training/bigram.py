"""The smallest model that can be measured, and its evaluation, here or as the lab has it done."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import prepare
from tests.training.conftest import ROOT
from tests.training.variants import ask_of

MakeRun = Callable[..., Path]

BIGRAM = """
import os, prepare, signal, time, torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        n = prepare.vocabulary_size()
        self.table = torch.nn.Embedding(n, n)

    def forward(self, tokens):
        {forward}

def build_model():
    return Model()
"""
HONEST = "return self.table(tokens)"
# A model whose positions mix: an honest one takes a running mean of the past.
MEAN = "h = self.table(tokens).cumsum(1); return h / torch.arange(1, h.shape[1] + 1)[:, None]"
BFLOAT = "return self.table(tokens).to(torch.bfloat16).cumsum(1).tanh() * 4"


def bigram(forward: str) -> str:
    return BIGRAM.format(forward=forward)


def rows_of(data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    raw = np.fromfile(data / "val.rows", dtype=np.uint16).astype(np.int64)
    rows = torch.from_numpy(raw).view(prepare.Meta.read(data).val_rows, -1)
    return rows, torch.from_numpy(np.load(data / "token_bytes.npy"))


def measured_here(folder: Path, data: Path, batch: int = 5) -> dict[str, Any]:
    """Measure a run without processes of its own; raises InvalidRun."""
    models = [ask_of(prepare.load_model(folder, "cpu")) for _ in range(2)]
    return prepare.measure((models[0], models[1]), *rows_of(data), batch, 0.002)


def evaluated(folder: Path, *options: str) -> dict[str, Any]:
    """Measure a run as the lab does."""
    command = [sys.executable, ROOT / "prepare.py", "evaluate", folder, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "evaluation.json").read_text())
