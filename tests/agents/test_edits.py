import pytest

from autoresearch_tui.agents import edits
from autoresearch_tui.agents.edits import EditError

TEXT = "import torch\n\nDEPTH = 4  # blocks\nWIDTH = 64\n\n\ndef f():\n    return 1\n"


def test_the_one_occurrence_is_replaced() -> None:
    assert edits.replace(TEXT, "DEPTH = 4", "DEPTH = 5") == TEXT.replace("4  #", "5  #")


def test_a_text_that_is_nearly_there_is_answered_with_the_place() -> None:
    with pytest.raises(EditError, match=r"not found(.|\n)*line 3(.|\n)*DEPTH = 4  # blocks"):
        edits.replace(TEXT, "DEPTH = 4 # blocks", "")


def test_a_text_that_is_nowhere_near_is_answered_with_what_to_do() -> None:
    with pytest.raises(EditError, match="call read_train"):
        edits.replace(TEXT, "@@@@@@@@", "")


def test_an_ambiguous_text_is_answered_with_its_count() -> None:
    with pytest.raises(EditError, match="3 times, at the lines 3, 4, 9"):
        edits.replace(TEXT + "A = 3\n", " = ", " == ")


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("DEPTH", "DEPTH")])
def test_an_edit_of_nothing_is_refused(old: str, new: str) -> None:
    with pytest.raises(EditError):
        edits.replace(TEXT, old, new)


@pytest.mark.parametrize(
    ("text", "reason"), [(TEXT, "unchanged"), ("def f(:\n", "line 1"), ("A = 1\0", "parse")]
)
def test_a_file_that_can_not_run_is_refused(text: str, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        edits.check(text, TEXT)


def test_an_edit_is_told_on_one_line() -> None:
    after = TEXT.replace("DEPTH = 4", "DEPTH = 5")
    assert edits.summary(TEXT, after) == "-DEPTH = 4  # blocks  +DEPTH = 5  # blocks"
    assert "\n" not in edits.summary(TEXT, "A = 1\n" * 50)
    assert "(8 lines for 50)" in edits.summary(TEXT, "A = 1\n" * 50)
