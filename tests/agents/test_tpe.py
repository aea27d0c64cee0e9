import math
import random
import statistics

import pytest

from autoresearch_tui.agents import constants, sampler, trials
from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.agents.tpe import TpeAgent
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Status
from tests.agents.night import TRAIN, Night, Thoughts, begun


def values(source: str) -> dict[str, constants.Number]:
    """Return the constants of a script that has no words among them."""
    return {
        each.key: each.value
        for each in constants.find(source, "cpu")
        if not isinstance(each.value, str)
    }


def moved(before: str, after: str) -> dict[str, constants.Number]:
    old = values(before)
    return {key: value for key, value in values(after).items() if value != old[key]}


async def test_a_proposal_moves_a_few_constants_of_the_device_and_says_so() -> None:
    night, thoughts = begun(), Thoughts()
    for seed in range(20):
        proposal = await TpeAgent().propose(night.context(seed=seed), thoughts)
        changed = moved(TRAIN, proposal.train)
        assert 1 <= len(changed) <= sampler.MOST_MOVES
        assert "DEPTH" not in changed
        assert "SEED" not in changed
        for key, value in changed.items():
            name = key.split("#")[0]
            assert f"{name} {values(TRAIN)[key]}".split("#")[0].split()[0] in proposal.title
            assert constants.spelled(value) in proposal.title or name == "BATCH"
        assert proposal.hypothesis
        assert proposal.hypothesis.split(":")[0] in thoughts.text(ThoughtKind.TEXT)
        assert proposal.expected_change is None


async def test_the_same_seed_and_past_give_the_same_proposal() -> None:
    night = begun()
    one, other = [
        await TpeAgent().propose(night.context(seed=2**63 + 5), Thoughts()) for _ in range(2)
    ]
    assert one.train == other.train


@pytest.mark.parametrize("learned_from", [1000, 2])
async def test_nothing_is_proposed_twice_and_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch, learned_from: int
) -> None:
    """Not even what is too old to be learned from."""
    monkeypatch.setattr(trials, "LEARNED_FROM", learned_from)
    train = "DEPTH = 2  # 1 to 4\nBATCH = 8  # 4 to 16\nprint(DEPTH, BATCH)\n"
    night, agent, seen = begun(train), TpeAgent(), {train}
    for number in range(4 * 3 - 1):
        proposal = await agent.propose(night.context(seed=number), Thoughts())
        assert proposal.train not in seen
        seen.add(proposal.train)
        status = [Status.DISCARD, Status.CRASH, Status.REJECTED, None][number % 4]
        night.add(proposal.train, status, 1.9 if status is Status.DISCARD else None, parent=0)
    with pytest.raises(ProposalError, match="was tried") as raised:
        await agent.propose(night.context(), Thoughts())
    assert raised.value.fatal


@pytest.mark.parametrize("train", ["LR = prepare.LR\n", "SEED = 1\nprint(SEED)\n", ""])
async def test_a_script_without_constants_is_a_fatal_sentence(train: str) -> None:
    with pytest.raises(ProposalError, match="no constants to move") as raised:
        await TpeAgent().propose(begun(train).context(), Thoughts())
    assert raised.value.fatal


async def test_a_script_that_does_not_parse_is_a_fatal_sentence() -> None:
    with pytest.raises(ProposalError, match="does not parse") as raised:
        await TpeAgent().propose(begun("def\n").context(), Thoughts())
    assert raised.value.fatal


@pytest.mark.parametrize(
    ("sentence", "key", "way"),
    [
        ("try a lower MATRIX_LR", "MATRIX_LR", -1),
        ("Raise the warmdown please", "WARMDOWN", 1),
        ("head lr higher", "HEAD_LR", 1),
        ("what about DEPTH?", "DEPTH#2", 0),
    ],
)
async def test_a_named_constant_is_moved_the_way_that_was_asked(
    sentence: str, key: str, way: int
) -> None:
    night, thoughts = begun(), Thoughts()
    for seed in range(5):
        context = night.context(seed=seed, steering=[sentence])
        proposal = await TpeAgent().propose(context, thoughts)
        changed = moved(TRAIN, proposal.train)
        assert set(changed) == {key}
        assert way * (changed[key] - values(TRAIN)[key]) >= 0
    assert sentence in thoughts.text(ThoughtKind.TEXT)


async def test_a_sentence_without_names_is_acknowledged_and_changes_nothing() -> None:
    night, thoughts = begun(), Thoughts()
    plain = await TpeAgent().propose(night.context(), Thoughts())
    steered = await TpeAgent().propose(night.context(steering=["be bold"]), thoughts)
    assert steered.train == plain.train
    assert "no constant" in thoughts.text(ThoughtKind.TEXT)


async def test_a_wish_out_of_reach_falls_back_to_another_move() -> None:
    train = "DEPTH = 4  # 1 to 4\nWIDTH = 64\nprint(DEPTH, WIDTH)\n"
    context = begun(train).context(steering=["higher DEPTH"])
    proposal = await TpeAgent().propose(context, Thoughts())
    assert proposal.train != train


async def test_failures_drive_the_values_away() -> None:
    """Every larger batch runs out of memory: after a few, smaller ones are proposed more often."""
    train = "BATCH = 2**10\nprint(BATCH)\n" + "".join(
        f"A{i}_LR = 0.01\nprint(A{i}_LR)\n" for i in range(3)
    )
    night = begun(train)
    for i, batch in enumerate((2**11, 2**12, 2**11, 2**12)):
        failed = constants.rewrite(train, {"BATCH": batch, "A0_LR": 0.01 + 0.001 * i})
        night.add(failed, Status.CRASH, parent=0)
    worse = constants.rewrite(train, {"BATCH": 2**9, "A0_LR": 0.02})
    night.add(worse, Status.DISCARD, 1.81, parent=0)
    proposed = [
        moved(train, proposal.train)["BATCH"]
        for seed in range(12)
        for proposal in [
            await TpeAgent().propose(night.context(seed=seed, steering=["BATCH"]), Thoughts())
        ]
    ]
    assert statistics.mean(value < 2**10 for value in proposed) > 0.7


async def test_history_is_told_in_the_hypothesis_and_sets_the_expected_change() -> None:
    night = begun()
    for i in range(8):
        train = constants.rewrite(TRAIN, {"MATRIX_LR": 0.05 + 0.01 * i})
        night.add(train, Status.DISCARD, 1.81 + 0.01 * i, parent=0)
    night.add(constants.rewrite(TRAIN, {"MATRIX_LR": 0.2}), Status.CRASH, parent=0)
    context = night.context(steering=["MATRIX_LR lower"])
    proposal = await TpeAgent().propose(context, Thoughts())
    assert "moved 9 times so far, 0 kept" in proposal.hypothesis
    assert "best when it went to 0.05 (+0.0100)" in proposal.hypothesis
    assert "failed at 0.2" in proposal.hypothesis
    # Higher was worse the further it went, so lower is expected to be better.
    assert proposal.expected_change is not None
    assert proposal.expected_change < 0


async def test_other_agents_edits_do_not_disturb() -> None:
    night = begun()
    night.add("print('no constants')\n", Status.DISCARD, 1.9, parent=0)
    night.add("def broken(", Status.CRASH, parent=0)
    night.add("", Status.CRASH, parent=0)
    assert (await TpeAgent().propose(night.context(), Thoughts())).train != TRAIN


async def test_of_a_long_night_the_latest_are_learned_from_and_all_are_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trials, "LEARNED_FROM", 3)
    night, agent, thoughts = begun(), TpeAgent(), Thoughts()
    read: list[int] = []
    monkeypatch.setattr(night, "train", lambda number: read.append(number) or night.trains[number])
    for number in range(5):
        night.add(TRAIN, Status.DISCARD, 2.0, parent=number)
        await agent.propose(night.context(), thoughts)
    assert sorted(read) == list(range(6))
    assert thoughts.text(ThoughtKind.TEXT).count("3 experiments to learn from") == 4


async def climb(seed: int, experiments: int, *, by_tpe: bool) -> float:
    """Return the true loss that a night of noisy experiments reaches on a bowl of 8 constants."""
    rng = random.Random(seed)
    names = [f"A{i}_LR" for i in range(8)]
    best = {name: 0.01 * 10 ** rng.gauss(0, 0.2) for name in names}

    def loss(source: str) -> float:
        found = values(source)
        return 1.5 + sum(math.log10(found[name] / best[name]) ** 2 for name in names)

    train = "".join(f"{name} = 0.01\nprint({name})\n" for name in names)
    night, agent = Night(), TpeAgent()
    night.add(train, Status.KEEP, loss(train))
    kept = night.state.experiments[0].val_bpb or math.inf
    for number in range(experiments):
        context = night.context(seed=seed * 1_000 + number)
        if by_tpe:
            edit = (await agent.propose(context, Thoughts())).train
        else:
            edit = constants.rewrite(
                train, {name: 0.01 * 10 ** rng.uniform(-0.6, 0.6) for name in names}
            )
        measured = loss(edit) + rng.gauss(0, 0.005)
        status = Status.KEEP if measured < kept else Status.DISCARD
        kept = min(kept, measured)
        night.add(edit, status, measured, parent=context.incumbent)
    return loss(night.trains[night.state.incumbent or 0])


async def test_a_night_goes_further_than_random_search() -> None:
    by_tpe = [await climb(seed, 30, by_tpe=True) for seed in range(3)]
    by_chance = [await climb(seed, 30, by_tpe=False) for seed in range(3)]
    assert statistics.mean(by_tpe) < statistics.mean(by_chance)
