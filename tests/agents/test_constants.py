import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents import constants, ladders
from tests.agents.night import TRAIN

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTS = st.integers(-(10**9), 10**9)


def one(source: str, device: str | None = None) -> constants.Constant:
    (constant,) = constants.find(source + "\nprint(A)\n", device)
    return constant


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("0.04", 0.04),
        ("3e-4", 3e-4),
        ("-1", -1),
        ("2**14", 2**14),
        ("1_000", 1000),
        ("- 0.5", -0.5),
    ],
)
def test_plain_numbers_are_constants(literal: str, value: float) -> None:
    constant = one(f"A = {literal}  # what it means")
    assert (constant.value, constant.literal) == (value, literal)
    assert type(constant.value) is type(value)
    assert constant.meaning == "what it means"


@pytest.mark.parametrize(
    "source",
    [
        "A = (1, 2)",
        "A = 1 + 2",
        "A = '1'",
        "A, B = 1, 2",
        "a = 1",
        "A = 1e999",
        "A: int",
        "def f():\n    A = 1",
        "for A in []:\n    A = 1",
        "A = 3j",
        "A = 2**999",
    ],
)
def test_anything_else_is_none(source: str) -> None:
    assert constants.find(f"{source}\nprint(A, a)\n") == []


def test_switches_and_named_choices_are_constants_too() -> None:
    source = "A = True\nB = 'relu'  # of the MLP, one of: relu, `gelu` or squared\nprint(A, B)\n"
    one, other = constants.find(source)
    assert (one.value, other.value) == (True, "relu")
    assert other.choices == ("relu", "gelu", "squared")
    written = constants.rewrite(source, {"A": False, "B": "gelu"})
    assert written == source.replace("True", "False").replace("'relu'", "'gelu'")


@pytest.mark.parametrize(
    ("comment", "value", "choices"),
    [
        ("one of: 0.5, 0.7 or 0.9", 0.5, (0.5, 0.7, 0.9)),
        ("one of 1, 2, 4; more is slower", 2, (1, 2, 4)),
        ("one of: 1, 2", 3, ()),
        ("one of: few, many", 2, ()),
        ("blocks", 2, ()),
    ],
)
def test_choices_are_those_that_the_present_value_is_among(
    comment: str, value: constants.Value, choices: tuple[constants.Value, ...]
) -> None:
    assert constants.stated_choices(comment, value) == choices


def test_a_constant_that_nothing_reads_is_left_out() -> None:
    assert constants.find("A = 1\n") == []


def test_only_the_branch_of_the_device_is_offered() -> None:
    def values(device: str | None) -> list[tuple[str, constants.Value]]:
        return [(c.key, c.value) for c in constants.find(TRAIN, device) if c.name == "DEPTH"]

    assert values("cuda") == [("DEPTH", 8)]
    assert values("cpu") == values("mps") == [("DEPTH#2", 2)]
    assert values(None) == [("DEPTH", 8), ("DEPTH#2", 2)]


@pytest.mark.parametrize(
    ("test", "live_on_cpu"),
    [
        ("DEVICE == 'cpu'", True),
        ("'cpu' != DEVICE", False),
        ("not (DEVICE == 'cuda')", True),
        ("torch.cuda.is_available()", False),
        ("CUDA", False),
        ("SOMETHING_ELSE > 3", True),
    ],
)
def test_conditions_are_read_as_far_as_they_are_plain(test: str, live_on_cpu: bool) -> None:
    source = f"CUDA = torch.cuda.is_available()\nif {test}:\n    A = 1\nprint(A)\n"
    assert bool(constants.find(source, "cpu")) is live_on_cpu


def test_both_arms_of_a_choice_are_found() -> None:
    source = "A = 8 if DEVICE == 'cuda' else 4\nprint(A)\n"
    assert [c.value for c in constants.find(source)] == [8, 4]
    assert [c.value for c in constants.find(source, "mps")] == [4]
    assert constants.rewrite(source, {"A#2": 6}) == source.replace("4", "6")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_positions_are_right_behind_wide_characters_and_any_line_end(newline: str) -> None:
    source = newline.join(["# naïve ✓", "A: int = 5; B = 'ü'; C = 7  # ✓", "print(A, B, C)", ""])
    assert constants.rewrite(source, {"C": 9}) == source.replace("7", "9")


@pytest.mark.parametrize(
    ("value", "like", "written"),
    [
        (0.05, "0.04", "0.05"),
        (0.0003, "1e-3", "3e-4"),
        (0.00025, "0.001", "2.5e-4"),
        (1.0, "0.5", "1.0"),
        (12, "8", "12"),
        (2048, "2**10", "2**11"),
        (2048, "2 ** 10", "2 ** 11"),
        (3000, "2**10", "3000"),
        (2000, "1_000", "2_000"),
        (-0.02, "-0.01", "-0.02"),
    ],
)
def test_numbers_are_written_as_a_person_would(value: float, like: str, written: str) -> None:
    assert constants.format_number(value, like=like) == written


@given(st.one_of(FLOATS, INTS), st.sampled_from(["", "1e-3", "0.5", "2**10", "1_000"]))
def test_what_is_written_is_exactly_the_number(value: constants.Number, like: str) -> None:
    read = eval(constants.format_number(value, like=like))
    assert read == value
    assert type(read) is type(value)


@given(
    st.dictionaries(NAMES, st.tuples(st.one_of(FLOATS, INTS), st.one_of(FLOATS, INTS)), min_size=1),
    st.lists(st.sampled_from(["# é", "", "x = {'a': 1}", "def f():\n    return 1"]), max_size=4),
    st.booleans(),
)
def test_rewriting_changes_the_values_and_no_other_byte(
    numbers: dict[str, tuple[constants.Number, constants.Number]], between: list[str], nested: bool
) -> None:
    lines = [f"{name} = {old!r}  # {name} ü" for name, (old, _) in numbers.items()]
    if nested:
        lines = ["if x:", *(f"    {line}" for line in lines)]
    source = "\n".join([*between, *lines, *between, f"print({', '.join(numbers)})"])
    before = constants.find(source)
    new = {name: new for name, (_, new) in numbers.items()}
    rewritten = constants.rewrite(source, new)
    ast.parse(rewritten)
    after = constants.find(rewritten)
    assert {c.key: c.value for c in after} == new

    def rest(text: str, found: list[constants.Constant]) -> list[bytes]:
        data, at, parts = text.encode(), 0, list[bytes]()
        for constant in found:
            parts.append(data[at : constant.start])
            at = constant.end
        return [*parts, data[at:]]

    assert rest(source, before) == rest(rewritten, after)


@given(st.text(max_size=200))
def test_any_text_is_either_read_or_a_syntax_error(source: str) -> None:
    try:
        constants.find(source)
    except SyntaxError:
        return


@given(NAMES, st.one_of(st.floats(1e-12, 1e12), st.floats(-1e6, 1e6), st.integers(-10, 10**12)))
def test_a_ladder_holds_the_present_value_and_climbs(name: str, value: constants.Number) -> None:
    source = f"{name} = {constants.format_number(value)}\nprint({name})\n"
    (constant,) = constants.find(source)
    ladder = ladders.build(constant)
    if ladder is None:
        return
    assert ladder.rungs[ladder.present] == value
    assert list(ladder.rungs) == sorted(set(ladder.rungs))
    assert {type(rung) for rung in ladder.rungs} == {type(value)}
    assert all(ladder.nearest(rung) == i for i, rung in enumerate(ladder.rungs))


@pytest.mark.parametrize(
    ("source", "rungs"),
    [
        ("A = 2  # blocks, 1 to 6", (1, 2, 3, 4)),
        ("USE_MUON = 1", (0, 1)),
        ("HEADS = 4", (1, 2, 4, 8, 16)),
        ("WIDTH = 192", (64, 128, 192, 256, 320, 384)),
        ("LR = 0.04  # 0.02 to 0.06", (0.02, 0.025, 0.03, 0.04, 0.05, 0.06)),
        ("WARMUP = 0.0", (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2)),
        ("BETA1 = 0.9  # 0.8 to 0.95", (0.8, 0.84, 0.875, 0.9, 0.92, 0.94, 0.95)),
    ],
)
def test_ladders_fit_their_constants(source: str, rungs: tuple[constants.Number, ...]) -> None:
    (constant,) = constants.find(f"{source}\nprint(A, USE_MUON, HEADS, WIDTH, LR, WARMUP, BETA1)\n")
    ladder = ladders.build(constant)
    assert ladder is not None
    assert ladder.rungs == rungs


@pytest.mark.parametrize(
    "source",
    [
        "SEED = 7",
        "LOG_EVERY = 10",
        "PEAK_FLOPS = 1e15",
        "A = -1",
        "TIME_BUDGET = 300",
        "MAX_SECONDS = 300.0",
        "VAL_TOKENS = 2**20",
    ],
)
def test_what_is_no_quantity_is_not_tuned(source: str) -> None:
    name = source.partition(" ")[0]
    (constant,) = constants.find(f"{source}\nprint({name})\n")
    assert ladders.build(constant) is None
