"""What makes two scripts train alike, and what names an edit touches."""

import ast
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents import constants, ladders
from autoresearch_tui.lab.likeness import TOUCHED_MOST, rounded, touched, tree_digest

TRAIN = (Path(__file__).parents[2] / "train.py").read_text()
SCRIPT = '''\
"""A script."""
import torch

RATE = 0.04  # AdamW
BATCH = 2**14
LAYERS = 3


class Block(torch.nn.Module):
    """A block."""

    width = 8

    def forward(self, x):
        """Go forward."""
        total = 0
        for each in range(LAYERS):
            total = total + each * x
        return total


def main():
    step = 1
    print(RATE, BATCH, [step for step in range(3)], Block())
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# AdamW", "# something else, longer"),
        ('"""A block."""', '"""Another text."""'),
        ('        """Go forward."""\n', ""),
        ("total + each * x", "(total) + (each * x)"),
        ("total", "running_sum"),
        ("each", "k"),
        ("step", "i"),
        ("0.04", "4e-2"),
        ("0.04", "0.0400001"),
        ("2**14", "16_384"),
        ("2**14", "4 * 4096"),
    ],
)
def test_what_does_not_train_otherwise_is_alike(old: str, new: str) -> None:
    assert tree_digest(SCRIPT.replace(old, new)) == tree_digest(SCRIPT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.04", "0.041"),
        ("2**14", "2**15"),
        ("LAYERS = 3", "LAYERS = 3.0"),
        ("each * x", "each + x"),
        ("each * x", "total * x"),
        ("width = 8", "width = 9"),
        ("self, x", "self, y"),
        ("class Block", "class Brick"),
        ("range(LAYERS)", "range(3)"),
    ],
)
def test_what_may_train_otherwise_is_not(old: str, new: str) -> None:
    assert tree_digest(SCRIPT.replace(old, new)) != tree_digest(SCRIPT)


def test_variables_keep_their_names_where_a_function_looks_at_them() -> None:
    asks = "def f():\n    a = 1\n    return locals()\n"
    assert tree_digest(asks) != tree_digest(asks.replace("a = 1", "b = 1"))
    sets = "A = 1\ndef f():\n    global A\n    A = 2\n"
    assert tree_digest(sets) != tree_digest(sets.replace("A", "B"))


def test_the_default_script_written_anew_is_alike() -> None:
    assert tree_digest(ast.unparse(ast.parse(TRAIN))) == tree_digest(TRAIN) != ""


def test_no_two_rungs_of_a_constant_are_alike() -> None:
    found = constants.find(TRAIN, "cpu")
    lines = [f"{each.name} = {each.literal}  # {each.meaning}\n" for each in found]
    script = "".join(lines) + f"print({', '.join(each.name for each in found)})\n"
    rungs = [ladder for ladder in map(ladders.build, constants.find(script)) if ladder]
    assert len(rungs) > 10
    choice = random.Random(1)
    digests: dict[str, dict[str, constants.Value]] = {}
    for ladder in rungs:
        values = choice.sample(list(ladder.rungs), min(3, len(ladder.rungs)))
        for value in values:
            if value == ladder.constant.value:
                continue
            move: dict[str, constants.Value] = {ladder.constant.key: value}
            digest = tree_digest(constants.rewrite(script, move))
            assert digest not in digests, (move, digests[digest])
            digests[digest] = move


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 2e-4))
def test_a_fraction_is_rounded_within_a_thousandth(value: float, nudge: float) -> None:
    near = value * (1 + nudge)
    if rounded(value) == rounded(near):
        assert near == pytest.approx(value, rel=1e-2)
    assert rounded(value) == rounded(float(repr(value)))


@pytest.mark.parametrize(("one", "other"), [(0.999, 0.9995), (0.9995, 0.9999), (1.0, 1.001)])
def test_fractions_next_to_one_differ_by_their_distance(one: float, other: float) -> None:
    assert rounded(one) != rounded(other)


@given(st.text())
def test_whatever_is_no_script_has_no_digest_and_touches_nothing(text: str) -> None:
    digest = tree_digest(text)
    assert re.fullmatch(r"[0-9a-f]{16}|", digest)
    assert touched(text, SCRIPT) == [] or digest
    assert touched(text, text) == []


def test_an_edit_tells_what_it_touches() -> None:
    assert touched(SCRIPT, SCRIPT.replace("0.04", "0.05")) == ["RATE: 0.04 -> 0.05"]
    assert touched(SCRIPT, SCRIPT.replace("each * x", "x")) == ["Block.forward"]
    assert touched(SCRIPT, SCRIPT.replace("width = 8", "width = 9")) == ["Block.width: 8 -> 9"]
    assert touched(SCRIPT, SCRIPT.replace("import torch", "import os")) == ["module code"]
    assert touched(SCRIPT, SCRIPT.replace("# AdamW", "")) == []
    both = SCRIPT.replace("step = 1", "step = 2").replace("2**14", "2**15")
    assert touched(SCRIPT, both) == ["BATCH: 2 ** 14 -> 2 ** 15", "main"]
    assert touched(SCRIPT, SCRIPT + "\n\ndef more():\n    pass\n") == ["more"]


def test_a_constant_of_two_devices_shows_the_one_that_moved() -> None:
    script = "if CUDA:\n    DEPTH = 8\nelse:\n    DEPTH = 2\n"
    assert touched(script, script.replace("= 2", "= 3")) == ["DEPTH: 2 -> 3"]


def test_what_is_touched_is_bounded() -> None:
    many = "".join(f"{'N' * 99}{number} = {number}\n" for number in range(99))
    found = touched(many, many.replace(" = ", " = 1"))
    assert len(found) == TOUCHED_MOST
    assert max(map(len, found)) < 100
