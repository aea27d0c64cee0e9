"""What tpe may propose, whatever the past: nothing that is known not to fit."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch_tui.agents import constants, sampler, trials
from autoresearch_tui.agents.base import Past
from autoresearch_tui.agents.room import MemoryRoom
from autoresearch_tui.agents.tpe import TpeAgent, movable
from autoresearch_tui.agents.trials import Trial, TrialReader
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Status
from tests.agents.night import TRAIN, Thoughts, begun

SCRIPT = """\
WIDTH = 256  # a multiple of HEADS
HEADS = 4
DEPTH = 4
LR = 0.02
BIAS = True
KIND = "relu"  # one of: relu, gelu
print(WIDTH, HEADS, DEPTH, LR, BIAS, KIND)
"""
LADDERS, BONDS = movable(SCRIPT, "cpu")
VALUES = st.fixed_dictionaries({each.constant.key: st.sampled_from(each.rungs) for each in LADDERS})
SIZES = ("WIDTH", "HEADS", "DEPTH")


@st.composite
def past(draw: st.DrawFn) -> Trial:
    values = draw(VALUES)
    out_of_memory = draw(st.booleans())
    loss = None if out_of_memory else draw(st.none() | st.floats(0.5, 3.0))
    moved = frozenset(key for key, value in values.items() if value != PRESENT[key])
    return Trial(values, loss, moved, paid=False, change=None, out_of_memory=out_of_memory)


PRESENT = {each.constant.key: each.constant.value for each in LADDERS}


def at_least(values: dict[str, constants.Value], others: dict[str, constants.Value]) -> bool:
    return all(values[key] >= others[key] for key in SIZES)  # pyright: ignore[reportOperatorIssue]


@settings(max_examples=25, deadline=None)
@given(st.lists(past(), max_size=12), st.integers(0, 2**32 - 1))
def test_a_suggestion_fits_its_relations_and_the_memory_and_was_not_tried(
    known: list[Trial], seed: int
) -> None:
    tried = {tuple(PRESENT.values()), *(tuple(trial.values.values()) for trial in known)}
    found = sampler.suggest(LADDERS, known, tried, seed, relations=BONDS)
    assert found == sampler.suggest(LADDERS, known, tried, seed, relations=BONDS)
    if found is None:
        return
    values = {**PRESENT, **found.move}
    assert tuple(values.values()) not in tried
    assert all(bond.holds(values) for bond in BONDS)
    for trial in known:
        if trial.out_of_memory and at_least(values, dict(trial.values)):
            # Only where a run of such sizes went well.
            good = (dict(other.values) for other in known if other.loss is not None)
            assert any(at_least(values_of, dict(trial.values)) for values_of in good)


def test_what_ran_out_of_memory_closes_all_that_is_larger_and_a_good_run_opens_it() -> None:
    def trial(width: int, depth: int, *, good: bool) -> Trial:
        values = {**PRESENT, "WIDTH": width, "DEPTH": depth}
        return Trial(values, 1.0 if good else None, frozenset(), False, None, not good)

    room = MemoryRoom(LADDERS, [trial(256, 8, good=False)])
    assert not room.holds({**PRESENT, "WIDTH": 512, "DEPTH": 8})
    assert room.holds({**PRESENT, "WIDTH": 128, "DEPTH": 8})
    again = MemoryRoom(LADDERS, [trial(256, 8, good=False), trial(256, 8, good=True)])
    assert again.holds({**PRESENT, "WIDTH": 512, "DEPTH": 8})


async def test_what_ran_out_of_memory_is_read_off_the_record() -> None:
    night = begun(SCRIPT)
    larger = constants.rewrite(SCRIPT, {"DEPTH": 5})
    night.add(larger, Status.CRASH, parent=0, reason="exit code 1: torch.OutOfMemoryError: CUDA")
    number = night.add(larger, Status.CRASH, parent=0, reason="exit code 1")
    night.outputs[number] = (
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory"
    )
    night.add(larger, Status.CRASH, parent=0, reason="exit code 1: ValueError")
    found = TrialReader().trials(night.context(), LADDERS)
    assert [trial.out_of_memory for trial in found] == [False, True, True, False]


@given(VALUES)
def test_a_script_that_differs_in_values_alone_is_read_as_if_it_were_parsed(
    values: dict[str, constants.Value],
) -> None:
    source = constants.rewrite(SCRIPT, values)
    quick, parsing = TrialReader(), TrialReader()
    quick.read(SCRIPT)
    assert quick.read(source) == parsing.read(source)
    other = source.replace("print", "repr")
    assert quick.read(other) == TrialReader().read(other) != quick.read(source)


async def test_of_a_thousand_experiments_one_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    night = begun()
    for number in range(200):
        train = constants.rewrite(TRAIN, {"MATRIX_LR": 0.01 + number / 1e4})
        night.trains[night.add(TRAIN, None, parent=0)] = train
    parsed: list[str] = []
    find = constants.find
    ladders, context = movable(TRAIN, "cpu")[0], night.context()
    monkeypatch.setattr(trials.constants, "find", lambda s: parsed.append(s) or find(s))
    reader = TrialReader()
    reader.trials(context, ladders)
    assert len(reader.tried(context, ladders)) == 201
    assert len(parsed) == 1


async def test_an_earlier_night_is_gone_on_with() -> None:
    earlier, night = begun(), begun()
    for number, rate in enumerate((0.06, 0.08, 0.1, 0.13, 0.16)):
        train = constants.rewrite(TRAIN, {"MATRIX_LR": rate})
        earlier.add(train, Status.DISCARD, 1.9 + 0.1 * number, parent=0)
    context = replace(
        night.context(steering=["MATRIX_LR"]), earlier=lambda: [Past(earlier.state, earlier)]
    )
    thoughts = Thoughts()
    lower = 0
    for seed in range(8):
        proposal = await TpeAgent().propose(replace(context, seed=seed), thoughts)
        rate = {c.key: c.value for c in constants.find(proposal.train)}["MATRIX_LR"]
        assert not isinstance(rate, str)
        lower += rate < 0.04
    assert lower >= 6
    assert "of earlier sessions" in thoughts.text(ThoughtKind.TEXT)
