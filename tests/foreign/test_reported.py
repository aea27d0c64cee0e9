"""What a script prints of itself is read as a person would read it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab.reported import Reported, objection, read
from autoresearch_tui.record.vocabulary import Direction

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SPELLINGS = st.sampled_from(["{:.6f}", "{:g}", "{:e}", "{:.2E}", "{!r}", "{:+.3f}"])
ENDS = st.sampled_from(["\n", "\r", "\r\n", "\n\n"])
NOISE = st.text(st.characters(codec="utf-8")).filter(lambda text: "val_bpb" not in text)
NAMES = st.text(st.sampled_from("abz09_/.*+"), min_size=1, max_size=20)


@given(NAMES, NUMBERS, SPELLINGS, st.sampled_from([":", "=", " : ", ":    ", " ="]))
def test_a_metric_is_read_however_it_is_spelled(
    metric: str, value: float, spelling: str, between: str
) -> None:
    word = spelling.format(value)
    assert read(f"step 1\r{metric}{between}{word}\n", metric).value == float(word)


@given(st.lists(st.tuples(NUMBERS, ENDS, NOISE), min_size=1))
def test_the_last_one_counts_whatever_lies_around_it(
    printed: list[tuple[float, str, str]],
) -> None:
    text = "".join(f"{noise}{end}val_bpb: {value!r}{end}" for value, end, noise in printed)
    assert read(text, "val_bpb").value == printed[-1][0]


@given(st.text(st.sampled_from("loss:= 0123456789.e+-naif\r\n\x1b[]m\x07")))
def test_any_output_at_all_can_be_read(text: str) -> None:
    value = read(text, "loss").value
    assert value is None or set("loss") <= set(text)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("val_bpb: 9.97e-01", "9.97e-01"),
        ("   val_bpb=0.9979, best so far", "0.9979"),
        ("\x1b[1;32mval_bpb:\x1b[0m \x1b[1m0.9979\x1b[0m", "0.9979"),
        ("\x1b]0;a title\x07val_bpb: 1.", "1."),
        ("val_bpb: NaN", "NaN"),
        ("val_bpb: -inf", "-inf"),
        ("val_bpb: 0.000000", "0.000000"),
        ("val_bpb: 99.1%", "99.1"),
        # What is no number, or of another name, or not at the beginning.
        ("val_bpb: 1.2.3", None),
        ("val_bpb: 0x10", None),
        ("val_bpb: 12abc", None),
        ("val_bpb:", None),
        ("val_bpb 0.9979", None),
        ("my_val_bpb: 0.9979", None),
        ("val_bpb_best: 0.9979", None),
        ("best val_bpb: 0.9979", None),
        ("Val_BPB: 0.9979", None),
    ],
)
def test_one_line(line: str, word: str | None) -> None:
    assert read(f"{line}\n", "val_bpb").word == word


def test_a_line_that_says_nothing_leaves_the_last_number_standing() -> None:
    assert read("val_bpb: 0.9\nval_bpb: (computing)\n", "val_bpb").word == "0.9"


def test_upstreams_summary_gives_the_figures_of_the_run() -> None:
    summary = (
        "step 00953 (100.0%) | loss: 2.9\rstep 00953 | loss: 2.9\n---\n"
        "val_bpb:          0.997900\ntraining_seconds: 300.1\ntotal_seconds:    325.9\n"
        "peak_vram_mb:     45060.2\nmfu_percent:      39.80\ntotal_tokens_M:   499.6\n"
        "num_steps:        953\nnum_params_M:     50.3\ndepth:            8\n"
    )
    assert read(summary, "val_bpb") == Reported(
        word="0.997900", training_s=300.1, steps=953, tokens=499_600_000, peak_memory_mb=45_060
    )
    assert read("num_steps: nan\npeak_vram_mb: -1\ntotal_tokens_M: 1e99\n", "x") == Reported()


@given(st.floats(), st.sampled_from(Direction))
def test_what_is_no_result_is_told_so(value: float, direction: Direction) -> None:
    objected = objection(repr(value), "val_bpb", direction) is not None
    is_too_low = direction is Direction.LOWER and value <= 0
    assert objected == (not math.isfinite(value) or is_too_low)
