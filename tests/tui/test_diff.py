"""Tests of unified diffs as rows."""

from autoresearch_tui.tui.widgets.diff import diff_lines

DIFF = """\
--- a/train.py
+++ b/train.py
@@ -10,6 +10,7 @@ def main() -> None:
 one
 two
 three
-RATE = 0.02
+RATE = 0.03
+MORE = 1
 four
\\ No newline at end of file
"""


def plain(text: str, *, numbered: bool = False, brief: bool = False) -> list[str]:
    rows = diff_lines(text, numbered=numbered, brief=brief)
    return ["".join(span for span, _ in row) for row in rows]


def test_signs_and_hunks() -> None:
    assert plain(DIFF) == [
        "@@ line 10 def main() -> None:",
        "  one",
        "  two",
        "  three",
        "- RATE = 0.02",
        "+ RATE = 0.03",
        "+ MORE = 1",
        "  four",
    ]


def test_line_numbers_of_both_sides() -> None:
    numbered = plain(DIFF, numbered=True)
    assert numbered[4:] == [
        "   13 - RATE = 0.02",
        "   13 + RATE = 0.03",
        "   14 + MORE = 1",
        "   15   four",
    ]


def test_a_brief_diff_keeps_the_context_next_to_changes() -> None:
    assert plain(DIFF, brief=True)[1:3] == ["  three", "- RATE = 0.02"]


def test_the_words_that_differ_are_set_off() -> None:
    text = "@@ -1 +1 @@\n-RATE = 0.02  # a\n+RATE = 0.03  # a\n"
    rows = diff_lines(text)
    assert ("0.02", "removed-word") in rows[1]
    assert ("0.03", "added-word") in rows[2]


def test_lines_that_share_nothing_are_not_set_off() -> None:
    rows = diff_lines("@@ -1 +1 @@\n-import os\n+value = 3\n")
    assert all(not style.endswith("word") for row in rows for _, style in row)


def test_what_is_no_diff_gives_no_rows() -> None:
    assert plain("") == []
    assert plain("hello\n+not in a hunk\n") == []
