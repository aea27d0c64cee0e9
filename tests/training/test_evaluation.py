"""The evaluator: bits per byte as defined, in any batch, and no score for a broken contract."""

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import prepare
from tests.training.conftest import ROOT

MakeRun = Callable[..., Path]

BIGRAM = """
import prepare, torch

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


def test_bits_per_byte_are_nats_over_bytes_without_special_tokens(
    make_run: MakeRun, data: Path
) -> None:
    answer = prepare.evaluate(folder := make_run(bigram(HONEST)))
    meta = prepare.Meta.read(data)
    table = load_file(folder / "weights.safetensors")["table.weight"].double().numpy()
    log_p = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
    encoding = prepare.load_tokenizer(data)
    rows = np.fromfile(data / "val.rows", dtype=np.uint16).reshape(meta.val_rows, -1).tolist()
    nats, size, count = 0.0, 0, 0
    for row in rows:
        for token, target in pairwise(row):
            if target != meta.bos_id:
                nats -= log_p[token, target]
                size += len(encoding.decode_single_token_bytes(target))
                count += 1
    assert answer["valid"], answer["reason"]
    assert answer["val_bpb"] == pytest.approx(nats / (math.log(2) * size), rel=1e-5)
    assert answer["target_bytes"] == size
    assert answer["target_tokens"] == count <= meta.val_rows * meta.row_length
    assert answer["data_fingerprint"] == meta.fingerprint


@pytest.mark.parametrize("tokens", [1, 32 * 7, 10**6])
def test_the_batch_size_does_not_matter(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    folder = make_run(bigram(MEAN))
    expected = prepare.evaluate(folder)["val_bpb"]
    monkeypatch.setitem(prepare.EVALUATION_TOKENS, "cpu", tokens)
    assert prepare.evaluate(folder)["val_bpb"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("forward", [HONEST, MEAN, BFLOAT])
def test_honest_models_pass_every_time(make_run: MakeRun, forward: str) -> None:
    folder = make_run(bigram(forward))
    for _ in range(5):
        answer = prepare.evaluate(folder)
        assert answer["valid"], answer["reason"]


def test_the_projects_own_model_passes(make_run: MakeRun) -> None:
    answer = prepare.evaluate(make_run((ROOT / "train.py").read_text()))
    assert answer["valid"], answer["reason"]


LEAKS = {
    "whole row": "return self.table(tokens) + self.table(tokens).mean(1, keepdim=True)",
    "next token": "return self.table(tokens) + self.table(tokens.roll(-1, 1)) * 3",
    "faint": "return self.table(tokens) + 0.05 * self.table(tokens.roll(-1, 1))",
    "far": "return self.table(tokens) + self.table(tokens.roll(-9, 1))",
}
STATE = {
    "random": "return self.table(tokens) + torch.randn(1) * self.table.weight[0]",
    "neighbours": "return self.table(tokens) + self.table(tokens).mean(0, keepdim=True)",
    "memory": "self.n = getattr(self, 'n', 0) + 1; return self.table(tokens) * (1 + self.n / 9)",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_looking_ahead_is_refused(make_run: MakeRun, kind: str) -> None:
    answer = prepare.evaluate(make_run(bigram(LEAKS[kind])))
    assert not answer["valid"]
    assert "looks ahead" in answer["reason"]
    assert answer["val_bpb"] is None


@pytest.mark.parametrize("kind", STATE)
def test_state_between_rows_is_refused(make_run: MakeRun, kind: str) -> None:
    answer = prepare.evaluate(make_run(bigram(STATE[kind])))
    assert not answer["valid"]
    assert "scored differently" in answer["reason"]


BROKEN = {
    "return self.table(tokens)[:, :, :-1]": "must return logits",
    "return self.table(tokens).mean()": "must return logits",
    "return None": "must return logits",
    "return self.table(tokens) * float('nan')": "not finite",
    "raise KeyError('no such layer')": r"KeyError \(train.py line \d+\): 'no such layer'",
    "raise SystemExit(0)": "raised SystemExit",
}


@pytest.mark.parametrize("forward", BROKEN)
def test_a_broken_model_is_invalid_with_its_reason(make_run: MakeRun, forward: str) -> None:
    answer = prepare.evaluate(make_run(bigram(forward)))
    assert not answer["valid"]
    assert re.search(BROKEN[forward], answer["reason"])


def test_scripts_and_weights_that_do_not_fit_are_invalid(make_run: MakeRun) -> None:
    folder = make_run(bigram(HONEST))
    for script, reason in {
        "import nothing_like_this": "raised ModuleNotFoundError",
        "x = (": "raised SyntaxError",
        "x = 1": "has no build_model",
        "def build_model(): return 3": "returned int",
        "import torch\ndef build_model(): return torch.nn.Linear(2, 2)": "do not fit the model",
    }.items():
        (folder / "train.py").write_text(script)
        assert reason in str(prepare.evaluate(folder)["reason"])
    (folder / "weights.safetensors").write_bytes(b"nonsense")
    (folder / "train.py").write_text(bigram(HONEST))
    assert "do not fit the model" in prepare.evaluate(folder)["reason"]
    (folder / "weights.safetensors").unlink()
    assert "trial.finish" in prepare.evaluate(folder)["reason"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_projects_own_model_passes_on_cuda(make_run: MakeRun) -> None:
    answer = prepare.evaluate(make_run((ROOT / "train.py").read_text(), device="cuda"))
    assert answer["valid"], answer["reason"]


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs an MPS device")
def test_the_projects_own_model_passes_on_mps(make_run: MakeRun) -> None:
    answer = prepare.evaluate(make_run((ROOT / "train.py").read_text(), device="mps"))
    assert answer["valid"], answer["reason"]
