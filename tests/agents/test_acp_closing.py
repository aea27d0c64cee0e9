"""How an agent ends its answer: read however it is dressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents.acp import closing


def test_the_last_page_of_notes_in_an_answer_counts() -> None:
    assert closing.notes("Done. No page.") is None
    said = "<notes>old</notes> and <Notes>\n# What helps\nwidth\n</notes>\ntitle: wider"
    assert closing.notes(said) == "# What helps\nwidth"
    assert len(closing.notes(f"<notes>{'x' * 9_000}</notes>") or "") == closing.NOTES_CHARACTERS


@given(st.text(), st.text())
def test_any_answer_has_a_closing(said: str, title: str) -> None:
    end = closing.read(said + "\ntitle: " + title)
    assert len(end.title) <= closing.TITLE_CHARACTERS
    assert len(end.hypothesis) <= closing.HYPOTHESIS_CHARACTERS
    assert len(closing.first_sentence(said)) <= closing.TITLE_CHARACTERS


@pytest.mark.parametrize(
    "said",
    [
        "title: Halve it\nhypothesis: It is too high.\nIt shakes.\nexpected_change: -0.02",
        (
            "I did.\n\n```\nTitle: Halve it\nHypothesis: It is too high. It shakes.\n"
            "Expected change: \u22120.02 bpb\n```\n"
        ),
        (
            "- **title**: `Halve it`\n- **hypothesis**: It is too high.\n  It shakes.\n"
            "- **expected_change**: about -0.02\n\nThat is all."
        ),
        (
            '{"title": "Halve it",\n "hypothesis": "It is too high. It shakes.",\n '
            '"expected_change": -0.02}'
        ),
        (
            "title: No, wait\n\ntitle: Halve it\nhypothesis: It is too high. It shakes.\n"
            "expected_change: -2e-2\n"
        ),
    ],
)
def test_a_closing_is_read_however_it_is_dressed(said: str) -> None:
    assert closing.read(said) == closing.Closing("Halve it", "It is too high. It shakes.", -0.02)


def test_a_closing_names_ideas_of_the_backlog() -> None:
    end = closing.read(
        "title: Halve it\nhypothesis: It is too high.\n- **took_idea**: #3\n"
        "later: try a longer warm-down\nLater: `try another norm`\nideas_first: 4, 1\n"
    )
    assert end == closing.Closing(
        title="Halve it",
        hypothesis="It is too high.",
        took_idea=3,
        ideas=("try a longer warm-down", "try another norm"),
        ideas_first=(4, 1),
    )


def test_what_is_missing_of_a_closing_is_told_from_the_edit() -> None:
    assert closing.read("I am done. Bye.") == closing.Closing()
    assert closing.read("expected_change: 1e999") == closing.Closing()
    assert closing.first_sentence("## I am done. Bye.") == "I am done."
