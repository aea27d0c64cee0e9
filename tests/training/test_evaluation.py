"""The evaluator: bits per byte as defined, in any batch, and no score for a broken contract."""

import json
import math
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import prepare
from tests.training.bigram import (
    BFLOAT,
    HONEST,
    MEAN,
    MakeRun,
    bigram,
    evaluated,
    measured_here,
    rows_of,
)
from tests.training.conftest import ROOT
from tests.training.variants import ask_of

# -- The number


def test_bits_per_byte_are_nats_over_bytes_without_special_tokens(
    make_run: MakeRun, data: Path
) -> None:
    answer = prepare.evaluate(folder := make_run(bigram(HONEST)))
    meta = prepare.Meta.read(data)
    table = load_file(folder / "weights.safetensors")["table.weight"].double().numpy()
    log_p = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
    encoding = prepare.load_tokenizer(data)
    nats, size, count = 0.0, 0, 0
    for row in rows_of(data)[0].tolist():
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


def test_order_and_batch_size_do_not_matter(
    make_run: MakeRun, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(bigram(MEAN))
    monkeypatch.setitem(prepare.EVALUATION_TOKENS, "cpu", 32 * 7)
    expected = prepare.evaluate(folder)["val_bpb"]
    assert expected == pytest.approx(prepare.evaluate(folder)["val_bpb"], rel=1e-6)
    for batch in (1, 5, 128, 10**4):
        assert measured_here(folder, data, batch)["val_bpb"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("forward", [HONEST, MEAN, BFLOAT])
def test_honest_models_pass_every_time(make_run: MakeRun, data: Path, forward: str) -> None:
    folder = make_run(bigram(forward))
    for _ in range(5):
        measured_here(folder, data)


def test_the_projects_own_model_passes(make_run: MakeRun) -> None:
    answer = evaluated(make_run((ROOT / "train.py").read_text()))
    assert answer["valid"], answer["reason"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_projects_own_model_passes_on_cuda(make_run: MakeRun) -> None:
    answer = evaluated(make_run((ROOT / "train.py").read_text(), device="cuda"))
    assert answer["valid"], answer["reason"]


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs an MPS device")
def test_the_projects_own_model_passes_on_mps(make_run: MakeRun) -> None:
    answer = evaluated(make_run((ROOT / "train.py").read_text(), device="mps"))
    assert answer["valid"], answer["reason"]


# -- The questions


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 10, 11, 40, 500])
@pytest.mark.parametrize("batch", [1, 16])
def test_every_row_is_scored_once_and_no_process_can_tell_a_probe(count: int, batch: int) -> None:
    plans = prepare.plan_questions(count, 32, batch, random.Random(count))
    scored: list[int] = []
    for plan in plans:
        assert len(plan.rows) % batch == 0
        real = plan.kinds != prepare.FILLED
        whole = real & (plan.kinds != prepare.SPLICED)
        spliced = plan.kinds == prepare.SPLICED
        scored += plan.rows[plan.kinds == prepare.SCORED].tolist()
        assert (plan.joins[whole] == 31).all()
        assert (plan.rows[whole] == plan.others[whole]).all()
        assert (plan.joins[spliced] < 31).all()
        if count >= 10:
            asked = set(plan.rows[whole].tolist())
            bases, donors = plan.rows[spliced].tolist(), plan.others[spliced].tolist()
            assert len({*bases, *donors}) == 2 * len(bases)
            assert not asked & {*bases, *donors}
            assert len(asked) == int(whole.sum())
    assert sorted(scored) == list(range(count))
    if count == 500:
        assert sum(int((p.kinds == prepare.REPEATED).sum()) for p in plans) == prepare.PROBE_ROWS


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_data_set_of_a_few_rows_is_measured_too(
    make_run: MakeRun, data: Path, count: int
) -> None:
    rows, sizes = rows_of(data)
    honest = ask_of(prepare.load_model(make_run(bigram(MEAN)), "cpu"))
    answer = prepare.measure((honest, honest), rows[:count], sizes, 4, 0.002)
    assert answer["target_bytes"] == int(sizes[rows[:count, 1:]].sum())
    if count > 1:  # one row has no other whose ending it could be given
        ahead = ask_of(lambda tokens: 9.0 * torch.eye(300)[tokens.roll(-1, 1)])
        with pytest.raises(prepare.InvalidRun, match="looks ahead"):
            prepare.measure((ahead, ahead), rows[:count], sizes, 4, 0.002)


# -- Broken contracts

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
def test_looking_ahead_is_refused(make_run: MakeRun, data: Path, kind: str) -> None:
    with pytest.raises(prepare.InvalidRun, match="looks ahead"):
        measured_here(make_run(bigram(LEAKS[kind])), data)


@pytest.mark.parametrize("kind", STATE)
def test_state_between_rows_is_refused(make_run: MakeRun, data: Path, kind: str) -> None:
    # State moves spliced rows as well as repeated ones, and chance decides which of them tell.
    with pytest.raises(prepare.InvalidRun, match=r"scored differently|looks ahead"):
        measured_here(make_run(bigram(STATE[kind])), data)


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (LEAKS["faint"], "looks ahead"),
        (LEAKS["whole row"], "looks ahead"),
        (STATE["memory"], "scored differently|looks ahead"),
    ],
)
def test_what_is_refused_is_refused_across_processes(
    make_run: MakeRun, forward: str, reason: str
) -> None:
    answer = prepare.evaluate(make_run(bigram(forward)))
    assert not answer["valid"]
    assert re.search(reason, answer["reason"])
    assert answer["val_bpb"] is None


BROKEN = {
    "return self.table(tokens)[:, :, :-1]": "must return logits",
    "return self.table(tokens)[:, 1:]": "must return logits",
    "return self.table(tokens).mean()": "must return logits",
    "return self.table(tokens).long()": "must return logits .* returned int64",
    "return None": "must return logits .* returned NoneType",
    "return self.table(tokens) * float('nan')": "not finite",
    "return self.table(tokens) + torch.eye(300)[5] * float('inf')": "not finite",
    "raise KeyError('no such layer')": r"KeyError \(train.py line \d+\): 'no such layer'",
    "raise SystemExit(0)": "raised SystemExit",
}


@pytest.mark.parametrize("forward", BROKEN)
def test_a_broken_model_is_invalid_with_its_reason(
    make_run: MakeRun, data: Path, forward: str
) -> None:
    with pytest.raises(prepare.InvalidRun, match=BROKEN[forward]):
        measured_here(make_run(bigram(forward)), data)


def test_scripts_and_weights_that_do_not_fit_are_invalid(make_run: MakeRun) -> None:
    folder = make_run(bigram(HONEST))
    for script, reason in {
        "import nothing_like_this": "raised ModuleNotFoundError",
        "x = (": "raised SyntaxError",
        "x = 1": "has no build_model",
        "def build_model(): return 3": "returned int",
        "def build_model(): exit(0)": r"raised SystemExit \(train.py line 1\)",
        "import torch\ndef build_model(): return torch.nn.Linear(2, 2)": "do not fit the model",
    }.items():
        (folder / "train.py").write_text(script)
        with pytest.raises(prepare.InvalidRun, match=reason):
            prepare.load_model(folder, "cpu")
    (folder / "train.py").write_text(bigram(HONEST))
    weights = folder / "weights.safetensors"
    table = load_file(weights)
    save_file({"other": table["table.weight"]}, weights)
    with pytest.raises(prepare.InvalidRun, match="do not fit the model"):
        prepare.load_model(folder, "cpu")
    torch.save(table, weights)  # a pickle
    with pytest.raises(prepare.InvalidRun, match="do not fit the model"):
        prepare.load_model(folder, "cpu")
    weights.unlink()
    with pytest.raises(prepare.InvalidRun, match="must call trial"):
        prepare.load_model(folder, "cpu")


HOSTILE = {
    "it stops": ("os._exit(3)", "ended with exit code 3 before it had answered"),
    "it is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
    "it says nothing": ("time.sleep(600)", "no answer for 8 s"),
    "it says too early that it answered": ("tell(b'ok\\n' * 9); time.sleep(600)", "not finite"),
    "it babbles": ("tell(b'x' * 10**5)", "is no answer"),
    "it hangs up": ("tell(None); time.sleep(600)", "hung up before it had answered"),
    "it lies about why": ("tell(b'invalid \\x1b[2J' + b'a' * 10**4)", r"^\?\[2Ja+$"),
    "it raises what has no words": ("raise Mute", "ended with exit code 1"),
}
TELL = """
import os, socket, stat

class Mute(Exception):
    def __str__(self):
        raise Mute

def tell(message):
    for number in range(3, 4096):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                line = socket.socket(fileno=number)
                line.shutdown(socket.SHUT_RDWR) if message is None else line.sendall(message)
                line.detach()
        except OSError:
            pass
"""


@pytest.mark.parametrize("way", HOSTILE)
def test_a_model_that_does_not_answer_is_invalid(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    forward, reason = HOSTILE[way]
    folder = make_run(TELL + bigram(forward + "; return self.table(tokens)"))
    monkeypatch.setattr(prepare, "ANSWER_S", 8.0 if "sleep" in forward else 60.0)
    answer = prepare.evaluate(folder)
    assert not answer["valid"]
    assert re.search(reason, answer["reason"]), answer["reason"]
    assert len(answer["reason"]) <= prepare.REPLY_BYTES


# -- What a model can reach

REACHING = """
for name in ("cross_entropy", "judge", "measure", "evaluate", "put_questions"):
    setattr(prepare, name, lambda *_: 0 / 0)
torch.nn.functional.cross_entropy = lambda *_, **__: torch.zeros(())
print("val_bpb: 0.1")
try:
    open(f"/proc/{os.getppid()}/mem", "rb").close()
except PermissionError:
    reached = False
else:
    reached = True
"""


def test_the_scorer_is_out_of_reach(make_run: MakeRun, data: Path) -> None:
    folder = make_run(bigram(HONEST))
    honest = measured_here(folder, data)["val_bpb"]
    (folder / "train.py").write_text(
        bigram("assert not reached; " + HONEST).replace("class", REACHING + "\nclass", 1)
    )
    answer = evaluated(folder)
    assert answer["valid"], answer["reason"]
    assert answer["val_bpb"] == pytest.approx(honest, rel=1e-6)


def test_the_model_runs_behind_the_command_prefix(make_run: MakeRun, tmp_path: Path) -> None:
    note = f"import os, sys; open({str(tmp_path / 'seen')!r}, 'a').write(sys.argv[3] + chr(10)); "
    prefix = [sys.executable, "-c", note + "os.execv(sys.argv[1], sys.argv[1:])"]
    confine = ["--confine", json.dumps(prefix)]
    answer = evaluated(make_run(bigram(HONEST)), *confine, *confine)
    assert answer["valid"], answer["reason"]
    assert (tmp_path / "seen").read_text() == "answer\nanswer\n"


def test_a_sandbox_that_does_not_start_is_no_fault_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(prepare.Problem, match="ended with exit code 4"):
        prepare.evaluate(tmp_path, 2 * [[sys.executable, "-c", "exit(4)"]])


@pytest.mark.parametrize("words", ["[1]", "["])
def test_a_command_prefix_that_is_none_is_refused(tmp_path: Path, words: str) -> None:
    command = [sys.executable, ROOT / "prepare.py", "evaluate", tmp_path, "--confine", words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--confine" in done.stderr
