"""Tests of the look at an edit: what it marks, what it passes over, and that nothing breaks it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab.look import MOST_MARKS, UNREADABLE, look, new_marks
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.vocabulary import Status
from tests.workshop import ScriptedAgent, Workshop, with_rate

TRAIN = (Path(__file__).parents[2] / "train.py").read_text()

SUSPECT = {
    # Each is code that should be marked once, and a word of the reason.
    "a syntax error": ("def broken(:\n", "no Python"),
    "a null byte": ("x = 1\0\n", "it can not"),
    "prepare patched": ("import prepare\nprepare.evaluate = len", "measures"),
    "prepare patched under another name": ("import prepare as p\np.evaluate = len", "measures"),
    "prepare patched by setattr": ("import prepare\nsetattr(prepare, 'evaluate', len)", "measures"),
    "prepare's dictionary": ("import prepare\nd = prepare.__dict__", "not offered"),
    "prepare handed on": ("import prepare\nhelp_me(prepare)", "hands on"),
    "a private part of prepare": ("from prepare import _run", "not offered"),
    "the evaluator": ("import prepare\nf = prepare.evaluate", "not offered"),
    "a loss replaced": (
        "import torch.nn.functional as F\nF.cross_entropy = len",
        "a module for everybody",
    ),
    "a loss replaced, imported otherwise": (
        "from torch.nn import functional as F\nF.cross_entropy = len",
        "a module for everybody",
    ),
    "a class of torch replaced": (
        "from torch import nn\nnn.Linear.forward = len",
        "a module for everybody",
    ),
    "an operator replaced": (
        "import torch\ntorch.library.impl('aten::mm', 'CPU', f)",
        "other code",
    ),
    "the clock replaced": ("import time\ntime.monotonic = len", "a module for everybody"),
    "the clock replaced in a tuple": (
        "import time\nx, time.time = 1, len",
        "a module for everybody",
    ),
    "the clock replaced by a loop": (
        "import time\nfor time.time in [len]:\n    pass",
        "a module for everybody",
    ),
    "the clock deleted": ("import time\ndel time.time", "a module for everybody"),
    "sys.modules": ("import sys\nx = sys.modules['prepare']", "insides"),
    "sys.modules under another name": ("from sys import modules as m", "insides"),
    "frames": ("import sys\nx = sys._getframe(1).f_globals", "insides"),
    "a traceback's frame": ("x = error.__traceback__.tb_frame.f_back", "insides"),
    "subclasses": ("x = object.__subclasses__()", "insides"),
    "gc": ("import gc", "insides"),
    "inspect": ("import inspect as i", "insides"),
    "ctypes": ("from ctypes import CDLL", "insides"),
    "builtins": ("import builtins", "insides"),
    "globals": ("globals()['x'] = 1", "insides"),
    "socket": ("import socket", "network"),
    "urllib": ("from urllib.request import urlopen", "network"),
    "a hub": ("import torch\nx = torch.hub.load('a/b', 'c')", "network"),
    "subprocess": ("from subprocess import run", "processes"),
    "multiprocessing": ("import torch.multiprocessing as mp", "processes"),
    "signal": ("import signal", "processes"),
    "threading": ("import threading", "beside or after"),
    "atexit": ("import atexit", "beside or after"),
    "a finaliser": ("class A:\n    def __del__(self):\n        pass", "exit"),
    "fork": ("import os\nos.fork()", "files or processes"),
    "exec of a program": ("from os import execv", "files or processes"),
    "kill under another name": ("import os\no = os\no.kill(1, 9)", "files or processes"),
    "the environment": ("import os as o\no.environ['A'] = '1'", "environment"),
    "the environment, imported by name": ("from os import environ as e\ne |= {}", "environment"),
    "the environment, by a method": ("import os\nos.environ.update(A='1')", "environment"),
    "the environment, kept": ("import os\ne = os.environ\ndel e['A']", "environment"),
    "a file": ("with open('rows') as file:\n    pass", "files"),
    "a file under another name": ("f = open\n", "files"),
    "a path": ("from pathlib import Path", "files"),
    "numpy's files": ("import numpy as np\nx = np.fromfile(p)", "files"),
    "numpy's maps": ("from numpy import memmap", "files"),
    "torch's files": ("import torch\ntorch.save(m, p)", "files"),
    "torch's files by text": ("import torch\nx = getattr(torch, 'load')", "files"),
    "a method that writes": ("array.tofile(where)", "files"),
    "a hidden name": ("import torch\nx = getattr(torch, 'lo' + 'ad')", "hides"),
    "a star": ("from torch import *", "hides"),
    "importlib": (
        "import importlib\nx = importlib.import_module(name)",
        "not in the script",
    ),
    "__import__": ("x = __import__('o' + 's')", "not in the script"),
    "eval": ("x = eval(text)", "not in the script"),
    "exec": ("exec(text)", "not in the script"),
    "compile": ("x = compile(text, 'a', 'exec')", "not in the script"),
    "pickle": ("import pickle", "as code"),
    "a seed": ("import torch\ntorch.manual_seed(7)", "seed"),
    "a seed of random": ("from random import seed", "seed"),
    "a generator's seed": ("import torch\ng = torch.Generator().manual_seed(7)", "seed"),
    "numpy's seed": ("import numpy\nnumpy.random.seed(7)", "seed"),
    "a printed result": ("print(f'val_bpb: {x:.6f}')", "prints a result"),
    "a printed result, spelled otherwise": ("print('---', 'Val BPB', 0.1)", "prints a result"),
    "the trial's affairs": (
        "import prepare\nt = prepare.open_trial()\nx = t._rows",
        "trial's own",
    ),
    "the trial's budget": ("trial.budget_s = 900", "changes the trial"),
    "the trial's budget by setattr": ("setattr(trial, 'budget_s', 900)", "changes the trial"),
    "the trial's folder of data": ("x = trial.data", "trial's own"),
    "attention that looks ahead": (
        "y = F.scaled_dot_product_attention(q, k, v, is_causal=False)",
        "later tokens",
    ),
    "attention that looks ahead, by place": (
        "y = F.scaled_dot_product_attention(q, k, v, None, 0.0, False)",
        "later tokens",
    ),
    "what tells training from measuring": (
        "def build_model():\n    return A() if __name__ == '__main__' else B()",
        "trained or measured",
    ),
    "a model that is another one when it is measured": (
        "class A:\n    def forward(self, x):\n        return x if self.training else x + 1",
        "trained or measured",
    ),
    "what tells the same of torch": (
        "import torch\nx = torch.is_inference_mode_enabled()",
        "trained or measured",
    ),
    "the rows by name": ("x = 'val.rows'", "a place"),
    "a place of the system": ("x = '/proc/self/maps'", "a place"),
}


@pytest.mark.parametrize(("code", "reason"), SUSPECT.values(), ids=SUSPECT)
def test_what_deserves_an_eye_is_marked_once_with_its_reason(code: str, reason: str) -> None:
    marks = look(code)
    assert [reason in mark.reason for mark in marks] == [True], marks


@pytest.mark.parametrize(
    "code",
    [
        "import os\nx = os.environ.get('A'), os.cpu_count(), os.path.join('a', 'b')",
        "import torch\ntorch.backends.cuda.matmul.allow_tf32 = True",
        "import torch\ntorch._inductor.config.coordinate_descent_tuning = True",
        "import torch\nmodel = torch.compile(model)\nmodel.train()",
        "import torch\nlayer = torch.nn.Linear(2, 2)\nlayer.bias = None",
        "import importlib.util\nx = importlib.util.find_spec('flash_attn')",
        "if __name__ == '__main__':\n    main()",
        "import prepare\n\n\ndef learn(trial: prepare.Trial) -> None:\n    pass",
        "x = F.dropout(x, 0.1, training=self.training)\ny = F.dropout(x, 0.1, self.training)",
        "import torch\n\n\n@torch.library.custom_op('a::b', mutates_args=())\ndef b(x):\n    ...",
        "import re\npattern = re.compile('a')",
        "def compile(x):\n    return x\n\n\ny = compile(3)",
        "for group in optimizer.param_groups:\n    group['lr'] = 0.1",
        "print(f'step {step}: loss {loss:.3f}')",
        "x = getattr(model, 'original', model)",
        "y = F.scaled_dot_product_attention(q, k, v, is_causal=mask is None)",
        '"""It writes weights.safetensors, which prepare.py reads from /tmp/x."""',
        "import prepare\ntrial = prepare.open_trial()\ntrial.start()\nx = trial.progress",
    ],
)
def test_ordinary_training_code_is_not_marked(code: str) -> None:
    assert look(code) == []


def test_the_default_script_has_few_marks() -> None:
    assert len(look(TRAIN)) <= 2


def test_a_mark_says_where_what_and_why() -> None:
    [mark] = look("x = 1\nimport subprocess\n")
    assert str(mark) == "Line 2: `import subprocess` starts or signals processes."


def test_a_long_statement_is_shown_by_its_beginning() -> None:
    [mark] = look(f"open({'a' * 500})")
    assert len(str(mark)) < 120
    assert "…`" in str(mark)


def test_what_stands_inside_a_marked_call_is_marked_too() -> None:
    reasons = [mark.reason for mark in look("exec(open(name).read())")]
    assert len(reasons) == 2


def test_an_edit_that_changes_no_meaning_adds_nothing() -> None:
    before = "import socket\ns = socket.socket()\n"
    after = "# A comment.\n\nimport socket  # kept\ns = (socket.\n    socket())\n"
    assert new_marks(before, after) == []
    assert new_marks(TRAIN, TRAIN) == []
    assert new_marks(TRAIN, TRAIN.replace("WARMUP = 0.0", "WARMUP = 0.1")) == []


def test_an_edit_adds_what_it_adds() -> None:
    before = "import torch\ntorch.manual_seed(1)\n"
    added = new_marks(before, before + "torch.manual_seed(1)\nimport gc\n")
    assert [mark.line for mark in added] == [3, 4]


def test_a_name_that_came_to_mean_something_else_is_new() -> None:
    before = "import math as tool\nx = tool.run(a)\n"
    after = "import subprocess as tool\nx = tool.run(a)\n"
    assert [mark.line for mark in new_marks(before, after)] == [1, 2]


def test_a_script_that_can_not_be_looked_at_is_told_each_time() -> None:
    deep = "x" + ".y" * 5_000 + "\n"
    assert [mark.reason for mark in new_marks(deep, deep + "import gc\n")] == [UNREADABLE]


def test_an_edit_has_a_bounded_number_of_marks() -> None:
    assert len(new_marks("", "import gc\n" * 1000)) == MOST_MARKS


@pytest.mark.parametrize(
    "code",
    [
        "(" * 100_000,
        "-" * 50_000 + "1",
        "open(" * 150 + ")" * 150,
        f"open(0x{'f' * 10_000})",
        f"open({'9' * 10_000})",
        "x = '\\d'",
        "\ud800",
        "a = b\nb = a\n" * 50,
        "x" + ".y" * 5_000,
        "f" + "()" * 400 + ".open",
    ],
    ids=["brackets", "signs", "calls", "hexadecimal", "decimal", "escape", "surrogate", "circle",
         "dots", "chain"],
)  # fmt: skip
def test_strange_scripts_are_looked_at_or_refused_in_words(code: str) -> None:
    for mark in look(code):
        assert str(mark).startswith("Line ")


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(mark.line >= 1 for mark in look(text))


LINES = st.sampled_from([*(code for code, _ in SUSPECT.values()), *TRAIN.splitlines()])


@given(st.lists(LINES, max_size=8), st.lists(LINES, max_size=8))
def test_any_script_can_be_looked_at_and_compared(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before), "\n".join(after)
    assert all(str(mark) for mark in new_marks(old, new))
    assert new_marks(new, new) == []


async def test_the_lab_records_what_an_edit_adds_and_runs_it_all_the_same(
    workshop: Workshop,
) -> None:
    train = (workshop.root / "train.py").read_text()
    marked = with_rate(train, 0.02).replace("def main", "import gc\n\n\ndef main", 1)
    lab = workshop.lab(ScriptedAgent(marked, 0.01), max_experiments=3)
    await lab.run()
    baseline, first, second = lab.state.experiments.values()
    assert baseline.marks == []
    assert [mark.partition(": ")[2] for mark in first.marks] == [
        "`import gc` reaches for the insides of Python."
    ]
    assert first.status is Status.KEEP
    # What the incumbent has already is no longer new.
    assert "import gc" in workshop.session.train_file(2).read_text()
    assert second.marks == []
    trailers = workshop.git("log", "-1", "--format=%(trailers)", "refs/autoresearch/test/0001")
    assert "Mark: Line" in trailers
    assert lab.state == fold(workshop.facts())
