"""Two agents as one: each has its turns, and tpe those of a model that is away."""

import pytest

from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.agents.hybrid import HybridAgent
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Usage
from tests.agents.night import Thoughts, begun
from tests.workshop import ScriptedAgent

OUTAGE = ProposalError("nobody answers", Usage(input_tokens=7), outage=True)
WRONG_KEY = ProposalError("a wrong key", fatal=True)
NOTHING_LEFT = ProposalError("every move was tried", fatal=True)


def agents(*of_model: float | str | ProposalError) -> tuple[ScriptedAgent, ScriptedAgent]:
    tuner, thinker = ScriptedAgent(), ScriptedAgent(*of_model)
    tuner.name, thinker.name, thinker.computes_here = "tpe", "claude", False
    thinker.model = "a-model"
    return tuner, thinker


async def proposed_by(hybrid: HybridAgent, turns: int, thoughts: Thoughts) -> list[str]:
    night, by = begun(), list[str]()
    for _ in range(turns):
        proposal = await hybrid.propose(night.context(), thoughts)
        by.append(proposal.by)
        night.add(proposal.train, None, parent=0)
    return by


async def test_the_model_has_every_third_experiment() -> None:
    hybrid, thoughts = HybridAgent(*agents(), every=3), Thoughts()
    assert hybrid.model == "a-model"
    assert hybrid.computes_here
    assert await proposed_by(hybrid, 5, thoughts) == ["tpe", "tpe", "claude", "tpe", "tpe"]
    assert not hybrid.computes_here


async def test_a_model_that_is_away_is_stood_in_for_and_its_tokens_are_counted() -> None:
    tuner, thinker = agents(OUTAGE)
    hybrid, thoughts = HybridAgent(tuner, thinker, every=1), Thoughts()
    night = begun()
    proposal = await hybrid.propose(night.context(), thoughts)
    assert (proposal.by, proposal.usage.input_tokens) == ("tpe", 7)
    assert "nobody answers" in thoughts.text(ThoughtKind.ERROR)
    # It is left alone for a while.
    assert (await hybrid.propose(night.context(), thoughts)).by == "tpe"
    assert len(thinker.contexts) == 1


async def test_where_tpe_has_nothing_left_the_model_has_its_turns() -> None:
    tuner, thinker = agents()
    tuner.steps.append(NOTHING_LEFT)
    proposal = await HybridAgent(tuner, thinker, every=3).propose(begun().context(), Thoughts())
    assert proposal.by == "claude"


async def test_where_neither_can_the_reason_is_told() -> None:
    tuner, thinker = agents(WRONG_KEY)
    tuner.steps.append(NOTHING_LEFT)
    with pytest.raises(ProposalError, match="a wrong key") as raised:
        await HybridAgent(tuner, thinker, every=3).propose(begun().context(), Thoughts())
    assert raised.value.fatal
