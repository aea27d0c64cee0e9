"""Where constants may go: by their kind, by what their comments say, and by what binds them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents import constants, ladders
from autoresearch_tui.agents.tpe import movable

TRAIN = (Path(__file__).parents[2] / "train.py").read_text()


def rungs(line: str) -> tuple[constants.Value, ...]:
    name = line.split(" = ", maxsplit=1)[0]
    found, _ = movable(f"{line}\nprint({name})\n", "cpu")
    return found[0].rungs if found else ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("USE_BIAS = False", (False, True)),
        ("KIND = 'a'  # one of: a, b", ("a", "b")),
        ("STEPS = 4  # one of: 8, 4, 2", (2, 4, 8)),
        ("WIDTH = 128", (32, 64, 128, 256, 512)),
        ("DEPTH = 2  # 1 to 4", (1, 2, 3, 4)),
        ("DEPTH = 2  # 1 to 4, frozen", ()),
        ("LR = 0.1  # fixed by the paper", ()),
        ("MIXING = 0.6", (0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25)),
        ("MIXING = 0.6  # a scale, 0.3 to 2", (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0)),
        ("MIXING = 0.2", (0.05, 0.06, 0.08, 0.1, 0.125, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8)),
        ("MEMORY = 0.9  # 0.8 to 1", (0.8, 0.84, 0.875, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.975)),
        ("KIND = 'a'", ()),
        ("SEED = 7", ()),
    ],
)
def test_a_ladder_is_by_kind_and_comment(line: str, expected: tuple[constants.Value, ...]) -> None:
    assert rungs(line) == expected


@pytest.mark.parametrize(
    "bond",
    [
        "WIDTH = 384  # a multiple of HEADS\nHEADS = 6\nprint(WIDTH, HEADS)\n",
        "WIDTH = 384\nHEADS = 6  # divides WIDTH\nprint(WIDTH, HEADS)\n",
        "WIDTH = 384\nHEADS = 6\nassert WIDTH % HEADS == 0\n",
        "WIDTH = 384\nHEADS = 6\nchannels = WIDTH // HEADS\n",
    ],
)
def test_what_has_to_divide_is_read_off_comments_and_code(bond: str) -> None:
    found, bonds = movable(bond, "cpu")
    assert [(each.multiple, each.divisor) for each in bonds] == [("WIDTH", "HEADS")]
    widths = next(each.rungs for each in found if each.constant.name == "WIDTH")
    assert all(isinstance(width, int) and width % 6 == 0 for width in widths)
    assert bonds[0].holds({"WIDTH": 12, "HEADS": 4})
    assert not bonds[0].holds({"WIDTH": 12, "HEADS": 5})


def test_what_does_not_divide_now_is_not_bound() -> None:
    _, bonds = movable("WIDTH = 100\nHEADS = 6\nrest = WIDTH % HEADS\n", "cpu")
    assert bonds == []


@pytest.mark.parametrize(
    ("rows", "lines", "counts"),
    [("64", "0", True), ("0", "8", True), ("0", "0", False), ("False", "0.0", False)],
)
def test_what_needs_others_is_moved_when_one_of_them_is_set(
    rows: str, lines: str, counts: bool
) -> None:
    need = "WIDTH = 128  # of a table, only with ROWS or LINES"
    script = f"ROWS = {rows}\nLINES = {lines}\n{need}\nprint(ROWS, LINES, WIDTH)\n"
    names = [ladder.constant.name for ladder in movable(script, "cpu")[0]]
    assert ("WIDTH" in names) is counts
    assert "ROWS" in names


def test_what_needs_a_thing_that_is_no_constant_is_moved() -> None:
    found, _ = movable("WIDTH = 128  # only with TABLES\nprint(WIDTH)\n", "cpu")
    assert [ladder.constant.name for ladder in found] == ["WIDTH"]


def test_the_projects_own_script_has_nothing_idle_on_a_gpu_and_no_tables_on_a_cpu() -> None:
    gpu, cpu = (
        {ladder.constant.name for ladder in movable(TRAIN, device)[0]} for device in ("cuda", "cpu")
    )
    assert gpu - cpu == {"NGRAM_WIDTH", "SHORT_WINDOW"}
    assert not cpu - gpu


@given(
    st.sampled_from(["X", "BETA1", "WARMUP", "DEPTH", "WIDTH", "LR"]),
    st.one_of(st.integers(0, 10**6), st.floats(1e-6, 0.999), st.floats(-1e3, -1e-6)),
)
def test_places_go_up_or_down_with_the_rungs_and_the_nearest_rung_of_one_is_itself(
    name: str, value: constants.Number
) -> None:
    source = f"{name} = {constants.format_number(value)}\nprint({name})\n"
    for ladder in movable(source, "cpu")[0]:
        places = [ladder.place(rung) for rung in ladder.rungs]
        assert places in (sorted(places), sorted(places, reverse=True))
        assert len(set(places)) == len(places)
        assert [ladder.nearest(rung) for rung in ladder.rungs] == list(range(len(ladder.rungs)))
        assert ladder.rungs[ladder.present] == value


def test_a_ladder_reaches_both_ways() -> None:
    found, _ = movable("LR = 0.02\nprint(LR)\n", "cpu")
    assert len(found[0].rungs) == 2 * ladders.REACH + 1
