"""Changes of different lines are both in a merge, and what nobody can order is in none."""

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab.merging import merge_lines
from autoresearch_tui.lab.notebook import changed_lines, unified_diff

LINES = 10

places = st.sets(st.integers(0, LINES - 1))
texts = st.text(alphabet="ab\n\r\x0cé", max_size=12)


def text(words: list[str], *, ends: bool = True) -> str:
    return "\n".join(words) + "\n" * ends


def changed(base: list[str], at: set[int], word: str) -> list[str]:
    return [f"{word} {line}" if i in at else line for i, line in enumerate(base)]


@given(places, places, st.booleans())
def test_changes_of_different_lines_are_both_in_the_merge(
    mine: set[int], theirs: set[int], ends: bool
) -> None:
    base = [f"NAME_{i} = {i}" for i in range(LINES)]
    ours, edit = changed(base, mine, "ours"), changed(base, theirs, "edit")
    merged = merge_lines(*(text(each, ends=ends) for each in (base, ours, edit)))
    if mine & theirs:
        assert merged is None
    else:
        assert merged == text(changed(ours, theirs, "edit"), ends=ends)


@given(texts, texts)
def test_a_merge_with_no_change_is_the_other_side(base: str, edit: str) -> None:
    assert merge_lines(base, base, edit) == edit
    assert merge_lines(base, edit, base) == edit
    assert merge_lines(base, edit, edit) == edit


@given(texts, texts, texts)
def test_a_merge_is_the_same_from_either_side(base: str, ours: str, theirs: str) -> None:
    assert merge_lines(base, ours, theirs) == merge_lines(base, theirs, ours)


def test_lines_inserted_at_the_same_place_have_no_order() -> None:
    assert merge_lines("a\nb\n", "a\nx\nb\n", "a\ny\nb\n") is None
    assert merge_lines("a\nb\n", "a\nx\nb\n", "a\nB\n") is None
    assert merge_lines("a\nb\nc\n", "x\na\nb\nc\n", "a\nb\nC\n") == "x\na\nb\nC\n"


def test_files_of_any_size_are_compared_and_merged() -> None:
    # From some size on, memory that is given back is gone at once, and reading it ends the process.
    base = "".join(f"value_{at} = function({at})\n" for at in range(20_000))
    ours, theirs = base.replace("(0)", "(one)"), base.replace("(19999)", "(other)")
    both = ours.replace("(19999)", "(other)")
    assert merge_lines(base, ours, theirs) == both
    assert changed_lines(unified_diff(base, both)) == (2, 2)
