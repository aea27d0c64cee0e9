"""Tests of text in cells: safe, wrapped, cropped."""

import pytest
from rich.cells import cell_len

from autoresearch_tui.tui.ascii import to_ascii
from autoresearch_tui.tui.text import (
    both_ends,
    bpb,
    clean,
    clock,
    fit,
    milli,
    one_line,
    pad,
    width_of,
    wrap,
)
from autoresearch_tui.tui.widgets.canvas import changed_cells


@pytest.mark.parametrize(
    ("outside", "safe"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("bell\x07 back\b", "bell back"),
        ("a\tb", "a    b"),
        ("one\r\ntwo", "one\ntwo"),
        ("left\u202eright\u200b", "leftright"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("größe 中", "größe 中"),
    ],
)
def test_what_would_steer_the_terminal_is_taken_out(outside: str, safe: str) -> None:
    assert clean(outside) == safe


def test_markup_is_text() -> None:
    assert clean("[bold]x[/bold]") == "[bold]x[/bold]"


def test_a_title_is_one_line() -> None:
    assert one_line(" raise\nthe\t rate ") == "raise the rate"


@pytest.mark.parametrize("width", [1, 2, 5, 9, 40])
def test_wrapping_loses_nothing_and_keeps_to_the_width(width: int) -> None:
    text = "an agent said: 中文字符 and averyveryverylongword\n\n    indented line"
    lines = wrap(text, max(2, width))
    assert all(cell_len(line) <= max(2, width) for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("width", range(12))
def test_a_fitted_line_is_never_too_wide(width: int) -> None:
    line = (("中文", "good"), ("abc", ""), ("", "bad"), ("de", ""))
    assert width_of(fit(line, width)) <= width
    assert width_of(both_ends(line, (("z", ""),), width + 1)) == width + 1


def test_a_line_that_fits_is_left_alone() -> None:
    assert fit((("ab", "x"), ("cd", "y")), 4) == (("ab", "x"), ("cd", "y"))
    assert fit((("ab", "x"), ("cde", "y")), 4) == (("ab", "x"), ("c…", "y"))


@pytest.mark.parametrize("text", ["", "ab", "abcdef", "中文字"])
def test_padding_is_exact(text: str) -> None:
    assert cell_len(pad(text, 4)) == 4


def test_numbers() -> None:
    assert bpb(1.5342181) == "1.534218"
    assert bpb(None) == bpb(float("nan")) == "-"
    assert milli(-0.0123) == "-12.3"
    assert milli(0.0004) == "+0.4"
    assert clock(59.2) == "1:00"
    assert clock(3_725) == "1:02:05"
    assert clock(-3) == "0:00"


def test_ascii_has_a_stand_in_of_the_same_width_for_every_glyph() -> None:
    assert to_ascii("● ○ ★ ▶ ─│ █░ ⣿ …") == "@ o * > -| #. # ~"
    assert to_ascii("中é") == "??"


@pytest.mark.parametrize(
    ("old", "new", "cells"),
    [
        ("0:12 left", "0:11 left", (3, 4)),
        ("same", "other", (0, 5)),
        ("step 9", "step 10", (5, 7)),
        ("abcdef", "abc", (3, 6)),
        ("中a", "中b", (2, 3)),
    ],
)
def test_only_the_cells_that_differ_are_painted(old: str, new: str, cells: tuple[int, int]) -> None:
    assert changed_cells(((old, ""),), ((new, ""),)) == cells


def test_a_change_of_style_is_a_change() -> None:
    assert changed_cells((("a", ""), ("b", "")), (("a", ""), ("b", "good"))) == (1, 2)
