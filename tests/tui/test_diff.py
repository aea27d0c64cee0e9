"""Tests of unified diffs as rows: their numbers, their words, their colours, any width."""

import difflib
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from autoresearch_tui.tui import hunks
from autoresearch_tui.tui.code import coloured
from autoresearch_tui.tui.diffrows import SPLIT_AT_LEAST, DiffRows, Sources
from autoresearch_tui.tui.hunks import align, differing, parse, side_by_side
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.text import clean, width_of
from autoresearch_tui.tui.widgets.diff import DiffPane
from tests.tui.nights import Ending, make_night
from tests.tui.watching import plain, settle, shown, watching

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
lines = st.lists(st.text(st.sampled_from("ab =()#'\"\t\x1b\u4e2d0."), max_size=30), max_size=12)


def rows_of(text: str, width: int = 60, *, numbered: bool = False, split: bool = False) -> DiffRows:
    return DiffRows(parse(text), width, numbered=numbered, split=split)


def unified(old: list[str], new: list[str]) -> str:
    return "\n".join(difflib.unified_diff(old, new, "a", "b", lineterm=""))


def test_signs_and_hunks() -> None:
    assert [plain(row) for row in rows_of(DIFF)] == [
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
    numbered = [plain(row) for row in rows_of(DIFF, numbered=True)]
    assert numbered[4:] == [
        "   13 - RATE = 0.02",
        "   13 + RATE = 0.03",
        "   14 + MORE = 1",
        "   15   four",
    ]


def test_side_by_side_puts_a_line_beside_the_one_that_it_replaced() -> None:
    rows = [plain(row) for row in rows_of(DIFF, 63, split=True)]
    assert rows[4] == f"{'- RATE = 0.02':<30} │ + RATE = 0.03"
    assert rows[5] == f"{'':<30} │ + MORE = 1"


def test_the_words_that_differ_are_set_off() -> None:
    rows = rows_of("@@ -1 +1 @@\n-RATE = 0.02  # a\n+RATE = 0.03  # a\n")
    set_off = [[text for text, style in row if style.endswith("-word")] for row in rows]
    assert set_off == [[], ["0.02"], ["0.03"]]


def test_lines_that_share_nothing_are_not_set_off() -> None:
    rows = rows_of("@@ -1 +1 @@\n-import os\n+value = 3\n")
    assert all(not style.endswith("-word") for row in rows for _, style in row)


def test_what_is_no_diff_gives_no_rows() -> None:
    assert parse("") == []
    assert parse("hello\n+not in a hunk\n") == []


@given(lines, lines)
def test_a_diff_tells_both_files_by_their_numbers(old: list[str], new: list[str]) -> None:
    before, after = [clean(line) for line in old], [clean(line) for line in new]
    rows = parse(unified(before, after))
    for row in rows:
        if row.sign in "- ":
            assert before[row.old - 1] == row.text
        if row.sign in "+ ":
            assert after[row.new - 1] == row.text
    told = [(p.left, p.right) for p in side_by_side(rows)]
    assert [r for r, _ in told if r is not None] == [r for r in rows if r.sign != "+"]
    assert [r for _, r in told if r is not None] == [r for r in rows if r.sign != "-"]


@given(lines, lines)
def test_lines_are_paired_in_order_and_each_once(old: list[str], new: list[str]) -> None:
    pairs = align(old, new)
    assert [a for a, _ in pairs if a is not None] == list(range(len(old)))
    assert [b for _, b in pairs if b is not None] == list(range(len(new)))


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_is_set_off_is_in_the_line_and_not_all_of_it(line: str, partner: str) -> None:
    ranges = differing(line, partner)
    assert all(0 <= start < end <= len(line) for start, end in ranges)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))
    assert sum(end - start for start, end in ranges) < max(1, len(line)) or not ranges


@settings(max_examples=40)
@given(lines, lines, st.integers(20, 90), st.booleans(), st.booleans())
def test_rows_fit_any_width_and_lose_nothing(
    old: list[str], new: list[str], width: int, numbered: bool, split: bool
) -> None:
    before, after = [clean(line) for line in old], [clean(line) for line in new]
    parsed = parse(unified(before, after))
    rows = DiffRows(
        parsed, width, sources=Sources("\n".join(before), "\n".join(after)),
        numbered=numbered, split=split,
    )  # fmt: skip
    assert all(width_of(row) <= width for row in rows if "@@" not in plain(row))
    assert all(plain(row).isprintable() for row in rows)
    if not split or width < SPLIT_AT_LEAST:
        gutter = 2 + 6 * numbered
        told = "".join(plain(row)[gutter:] for row in rows if not plain(row).startswith("@@"))
        assert told == "".join(row.text for row in parsed if row.sign != "@")


@given(st.text(st.sampled_from("ab'\"#\\\n =0.def"), max_size=80))
def test_colours_lie_within_their_lines(source: str) -> None:
    of_lines = coloured(source)
    assert len(of_lines) == source.count("\n") + 1
    for line, colouring in zip(source.split("\n"), of_lines, strict=True):
        assert all(0 <= start < end <= len(line) for start, end, _ in colouring)


def test_a_string_of_several_lines_is_one_though_the_diff_shows_its_middle() -> None:
    old = 'a = """\none\nif this\n"""\n'
    new = old.replace("this", "that")
    rows = DiffRows(
        parse("@@ -3 +3 @@\n-if this\n+if that\n"), 40, sources=Sources(old, new)
    )  # fmt: skip
    styles = {style for row in rows[1:] for text, style in row if text.startswith("if")}
    assert all("code-text" in style for style in styles)


def test_only_what_is_looked_at_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    old = [f"value_{at} = {at}" for at in range(5000)]
    new = [line.replace("= ", "= 1") for line in old]
    compared: list[str] = []
    monkeypatch.setattr(
        "autoresearch_tui.tui.diffrows.differing",
        lambda line, partner: compared.append(line) or hunks.differing(line, partner),
    )
    rows = rows_of(unified(old, new), 80, numbered=True)
    assert len(rows) == 10_001
    assert len(rows[5000:5040]) == 40
    assert len(compared) == 40


def test_a_line_without_end_is_wrapped() -> None:
    rows = rows_of(f"@@ -0,0 +1 @@\n+{'x' * 100_000}\n", 80)
    assert len(rows) == 1 + -(-100_000 // 78)
    assert max(cell_len(plain(row)) for row in rows[:50]) == 80


class TestPane:
    """The diff of the cockpit."""

    async def test_it_is_against_parent_incumbent_and_baseline_by_one_key(
        self, tmp_path: Path
    ) -> None:
        made = make_night(tmp_path, Ending.TRAINING, 8)
        for number in range(9):
            train = made.session.train_file(number)
            train.parent.mkdir(parents=True, exist_ok=True)
            train.write_text(f"RATE = 0.0{number}\nDEPTH = 2\n")
        async with watching(made, (120, 40)) as pilot:
            pane = pilot.app.screen.query_one(DiffPane)
            best = pane.night.state.incumbent
            assert str(pane.border_title).endswith("(parent)")
            await pilot.press("2", "c")
            await settle(pilot)
            assert str(pane.border_title).endswith(f"against #{best} (incumbent)")
            await pilot.press("c")
            await settle(pilot)
            assert str(pane.border_title).endswith("against #0 (baseline)")
            assert "- RATE = 0.00" in shown(pilot, "#diff")
            await pilot.press("c")
            await settle(pilot)
            assert str(pane.border_title).endswith("(parent)")

    async def test_keys_jump_from_change_to_change(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.TRAINING, 6)
        parts = [f"@@ -{at}0 +{at}0 @@ part {at}\n-a{at}\n+b{at}\n" for at in range(1, 9)]
        made.session.diff(6).write_text("".join(parts))
        async with watching(made) as pilot:
            await pilot.press("2", "right_square_bracket", "right_square_bracket")
            await settle(pilot)
            assert shown(pilot, "#diff").startswith("@@ line 20")
            await pilot.press("left_square_bracket")
            await settle(pilot)
            assert shown(pilot, "#diff").startswith("@@ line 10")

    async def test_both_versions_stand_side_by_side_where_wide_and_by_a_key(
        self, tmp_path: Path
    ) -> None:
        made = make_night(tmp_path, Ending.TRAINING, 6)
        async with watching(made, (160, 45)) as pilot:
            assert isinstance(pilot.app.screen, CockpitScreen)
            assert " │ " not in shown(pilot, "#diff")
            await pilot.press("2", "z")
            await settle(pilot)
            assert " │ " in shown(pilot, "#diff")
            await pilot.press("vertical_line")
            await settle(pilot)
            assert " │ " not in shown(pilot, "#diff")
            await pilot.press("z", "d")
            await settle(pilot)
            assert " │ " in shown(pilot, "#diff")


async def test_where_there_is_little_room_changes_come_before_context(tmp_path: Path) -> None:
    async with watching(make_night(tmp_path, Ending.TRAINING), (60, 20)) as pilot:
        signs = [line[:2] for line in shown(pilot, "DiffPane").splitlines()]
    assert {"- ", "+ "} <= set(signs)
    assert "  " not in signs
