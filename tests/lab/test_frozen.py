"""What a person froze stays as it is, however an edit goes about it."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab import frozen

TRAIN = (Path(__file__).parents[2] / "train.py").read_text()
SCRIPT = '''\
"""A script."""
import torch

if torch.cuda.is_available():
    DEPTH = 8  # blocks
else:
    DEPTH = 2
RATE = 0.04  # frozen: the supervisor's wish
WIDTH = 64

# frozen
HEADS = 4
SCALE = WIDTH / HEADS
# end frozen


class Attention(torch.nn.Module):
    """Looks."""

    def forward(self, x):
        return x * SCALE


def warmup(step):
    # frozen
    share = step / 10
    # end frozen
    return min(1, share)
'''


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("DEPTH = 2", "DEPTH = 3", "DEPTH"),
        ("DEPTH = 8", "DEPTH = 9", "DEPTH"),
        ("    DEPTH = 2", "    WIDER = 2", "DEPTH"),
        ("is_available()", "device_count() > 1", "DEPTH"),
        ("WIDTH = 64\n", "WIDTH = 64\nDEPTH = 7\n", "DEPTH"),
        ("WIDTH = 64\n", "WIDTH = 64\nDEPTH += 1\n", "DEPTH"),
        ("WIDTH = 64\n", "WIDTH = 64\nfor DEPTH in (1, 2):\n    pass\n", "DEPTH"),
        ("WIDTH = 64\n", "WIDTH = 64\nwith open('x') as DEPTH:\n    pass\n", "DEPTH"),
        ("WIDTH = 64\n", "WIDTH, DEPTH = 64, 3\n", "DEPTH"),
        ("WIDTH = 64\n", "WIDTH = 64\nimport torch as DEPTH\n", "DEPTH"),
        ("    return min", "    global DEPTH\n    DEPTH = 5\n    return min", "DEPTH"),
        ("return x * SCALE", "return x", "class Attention"),
        ("class Attention", "class Looking", "Attention"),
        ("return x * SCALE", "return x", "Attention.forward"),
        ("min(1, share)", "max(1, share)", "def warmup"),
        ("def warmup(step)", "def warmup(step, more=1)", "warmup()"),
        ("RATE = 0.04", "RATE = 0.05", ""),
        ("HEADS = 4", "HEADS = 8", ""),
        ("WIDTH / HEADS", "1", ""),
        ("# frozen\nHEADS = 4\nSCALE = WIDTH / HEADS\n# end frozen\n", "", ""),
        ("WIDTH = 64\n", "WIDTH = 64\nHEADS = 8\n", ""),
        ("WIDTH / HEADS\n# end frozen\n", "WIDTH / HEADS\n# end frozen\nHEADS = 8\n", ""),
        ("step / 10", "step / 20", ""),
        ("    # frozen\n    share = step / 10\n    # end frozen\n    ret", "    ret", ""),
    ],
)
def test_an_edit_of_what_is_frozen_is_told_in_a_sentence(old: str, new: str, named: str) -> None:
    after = SCRIPT.replace(old, new)
    assert after != SCRIPT
    told = frozen.violation(SCRIPT, after, [named] if named else [])
    assert told is not None
    assert "frozen by the human" in told
    assert told.endswith(".")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 64", "WIDTH = 128"),
        ("# blocks", "# transformer blocks"),
        ('"""Looks."""', '"""Looks around."""'),
        ("HEADS = 4\n", "HEADS = 4  # of them\n\n"),
        ("DEPTH = 8", "DEPTH = (8)"),
        ("def warmup", "def cooldown():\n    DEPTH = 3\n    return DEPTH\n\n\ndef warmup"),
        ("return min(1, share)", "half = share / 2\n    return min(1, half)"),
    ],
)
def test_all_the_rest_is_free(old: str, new: str) -> None:
    named = ["DEPTH", "class Attention"]
    assert frozen.violation(SCRIPT, SCRIPT.replace(old, new), named) is None


def test_an_edit_that_can_not_be_compared_is_refused_where_something_is_frozen() -> None:
    plain = "A = 1\n"
    assert frozen.violation(plain, "A = (", []) is None
    assert "can not be compared" in (frozen.violation(plain, "A = (", ["A"]) or "")
    assert "can not be compared" in (frozen.violation(SCRIPT, "A = (", []) or "")


def test_names_are_those_given_and_those_marked() -> None:
    assert frozen.names(SCRIPT, ["class Attention"]) == ["Attention", "RATE", "HEADS", "SCALE"]
    assert frozen.names("no script !", ["DEPTH"]) == ["DEPTH"]


def test_a_name_that_is_not_there_gets_the_nearest_one() -> None:
    assert frozen.nearest(SCRIPT, "class Attention") is None
    assert frozen.nearest(SCRIPT, "Attention.forward") is None
    assert "did you mean DEPTH?" in (frozen.nearest(SCRIPT, "DEPHT") or "")


def test_a_comment_that_merely_speaks_of_frozen_things_freezes_nothing() -> None:
    script = 'A = 1  # frozen embeddings are faster\nB = "# frozen"\n# frozen lakes\nC = 3\n'
    assert frozen.names(script, []) == []


def test_the_default_script_may_be_frozen_piece_by_piece() -> None:
    known = [
        statement.name
        for statement in ast.parse(TRAIN).body
        if isinstance(statement, ast.FunctionDef | ast.ClassDef)
    ]
    written_anew = ast.unparse(ast.parse(TRAIN))
    assert frozen.violation(TRAIN, written_anew, [*known, "DEPTH", "MATRIX_LR"]) is None
    for name in known[::9]:
        assert frozen.violation(TRAIN, TRAIN.replace(f" {name}(", " gone("), [name]) is not None


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_whatever_is_given_nothing_breaks(before: str, after: str, named: list[str]) -> None:
    frozen.violation(before, after, named)
    frozen.violation(SCRIPT, after, named)
    frozen.names(before, named)
    assert frozen.violation(SCRIPT, SCRIPT, named) is None
