import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents import fitting, plain
from autoresearch_tui.agents.edits import EditError
from tests.agents.night import TRAIN

RAISED = TRAIN.replace("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
BLOCK = "<<<<<<< SEARCH\nMATRIX_LR = 0.04\n=======\nMATRIX_LR = 0.05\n>>>>>>> REPLACE"


def made(text: str) -> str:
    return plain.apply(plain.parse(text), TRAIN)


@pytest.mark.parametrize(
    "answer",
    [
        BLOCK,
        f"Sure! Here it is:\n\n```\n{BLOCK}\n```\nGood luck.",
        f"```diff\n{BLOCK}\n```",
        BLOCK.replace("<<<<<<<", "<<<<<").replace(">>>>>>>", ">>>>>>>>>"),
        BLOCK.replace("SEARCH", "ORIGINAL").replace("REPLACE", "UPDATED"),
        BLOCK.replace(" SEARCH", "").replace(" REPLACE", ""),
        BLOCK.replace("\n", "\r\n"),
        BLOCK.replace("0.04\n", "0.04   \n").replace("SEARCH\n", "SEARCH\n\n"),
        BLOCK.removesuffix("\n>>>>>>> REPLACE"),
        BLOCK.replace("SEARCH\n", "SEARCH\n```python\n").replace("\n=======\n", "\n```\n=======\n"),
        "SET MATRIX_LR = 0.05",
        "TITLE: a rate\n\n- `MATRIX_LR = 0.05`",
        "MATRIX_LR -> 0.05",
        "SET MATRIX_LR = 0.05 # a little more",
        "SET MATRIX_LR = 0.05, since it is faster.",
        f"```python\n{RAISED}```",
    ],
)
def test_an_edit_is_found_in_what_surrounds_it(answer: str) -> None:
    assert made(answer).rstrip() == RAISED.rstrip()


def test_an_answer_may_take_up_an_idea_and_leave_others() -> None:
    reply = plain.parse(
        f"TITLE: a rate\nTOOK: idea 3\nLATER: a longer row\n**LATER**: SGD\n{BLOCK}"
    )
    assert (reply.took_idea, reply.ideas) == (3, ("a longer row", "SGD"))
    assert (reply.title, len(reply.blocks)) == ("a rate", 1)
    assert plain.parse("TITLE: a rate\nTOOK: none").took_idea is None


def test_the_comment_of_a_constant_stays() -> None:
    assert "MATRIX_LR = 0.05  # Muon, 0.004 to 0.4\n" in made("SET MATRIX_LR = 0.05")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "no edit"),
        ("I would raise the learning rate.", "no edit"),
        ("SET UNKNOWN = 3", "no edit"),
        ("SET MATRIX_LR = 0.04", "had that value already"),
        ("SET MATRIX_LR = larger", "no value for MATRIX_LR"),
        ("SET DEPTH = 3", "at the lines 7, 10"),
        (BLOCK.replace("0.04", "0.4"), "nearest is line 13"),
        (BLOCK.replace("MATRIX_LR = 0.04", "="), "The SEARCH part stands there"),
        (BLOCK.replace("0.05", "0.04"), "nothing would change"),
        ("<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE", "The SEARCH part is empty"),
    ],
)
def test_what_can_not_be_made_says_why(answer: str, told: str) -> None:
    with pytest.raises(EditError, match=told):
        made(answer)


def test_what_is_said_of_an_edit_is_read() -> None:
    reply = plain.parse(
        f"**TITLE:** A larger rate\n- Why: it is *too* low\nEXPECTED CHANGE: about \u22120.01 bpb\n"
        f"{BLOCK}\n<notes>\nRates matter.\n</notes>\nTITLE: another"
    )
    assert (reply.title, reply.hypothesis) == ("A larger rate", "it is *too* low")
    assert (reply.expected_change, reply.notebook) == (-0.01, "Rates matter.")
    assert plain.parse("EXPECTED: 1e999").expected_change is None


PIECES = st.sampled_from(
    [BLOCK, "<<<<<<<", "=======", ">>>>>>> REPLACE", "```", "SET DEPTH = 9", "TITLE: x", "<notes>"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=30)), max_size=12).map("\n".join))
def test_any_answer_is_an_edit_or_a_sentence(answer: str) -> None:
    reply = plain.parse(answer)
    with contextlib.suppress(EditError):
        assert plain.apply(reply, TRAIN) != TRAIN or reply.blocks


WORDS = st.lists(
    st.text("abc =#():", max_size=12).filter(lambda each: "===" not in each), max_size=6
)


@given(WORDS, WORDS, WORDS)
def test_any_lines_are_replaced_by_any_others(
    before: list[str], old: list[str], new: list[str]
) -> None:
    marked, wanted = "\n".join(["first", *old, "last"]), "\n".join(["one", *new, "two"])
    text = "\n".join(["top", *before, marked, "end", ""])
    answer = f"<<<<<<< SEARCH\n{marked}\n=======\n{wanted}\n>>>>>>> REPLACE"
    assert plain.apply(plain.parse(answer), text) == text.replace(marked, wanted)


@given(
    st.integers(0, 2_000), st.sampled_from([TRAIN, "x" * 500, "a = 1\n" * 100, "def f(:\n" * 50])
)
def test_what_is_made_to_fit_does(limit: int, text: str) -> None:
    short, squeezed = fitting.excerpt(text, limit), fitting.squeeze(text, limit)
    assert len(short) <= max(limit, 0)
    assert len(squeezed) <= limit
    for line in short.split("\n")[:-1]:
        assert line == fitting.LEFT_OUT or line in text


def test_an_excerpt_shows_constants_before_all_else() -> None:
    shown = fitting.excerpt(TRAIN, 380)
    assert all(name in shown for name in ("DEPTH = 8", "MATRIX_LR = 0.04", "BETA2", "def main"))
    assert "print(" not in shown
