"""Whose turn it is, whatever agents do: nobody is asked in vain at full speed, nobody forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.lab import roster
from autoresearch_tui.lab.roster import Roster, Step
from autoresearch_tui.lab.tried import RepeatedProposal
from tests.workshop import ScriptedAgent

REPEATS = 5
ERRORS = st.sampled_from(
    [
        ProposalError("wrong"),
        ProposalError("nobody answers", outage=True),
        ProposalError("busy", outage=True, retry_after_s=7.0),
        ProposalError("busy for ever", outage=True, retry_after_s=float("inf")),
        RepeatedProposal("tried"),
        ProposalError("no", fatal=True),
    ]
)


def two() -> Roster:
    fallback = ScriptedAgent()
    fallback.name = "other"
    return Roster(ScriptedAgent(), fallback, REPEATS)


@given(st.booleans(), st.lists(ERRORS, min_size=60, max_size=60))
def test_agents_that_always_fail_are_asked_slowly_or_not_at_all(
    alone: bool, errors: list[ProposalError]
) -> None:
    names = Roster(ScriptedAgent(), ScriptedAgent(), REPEATS) if alone else two()
    now, in_a_row, gone = 0.0, 0, set[str]()
    for error in errors:
        agent, wait_s = names.turn(now)
        assert agent.name not in gone
        step, pause_s = names.failed(agent, error, now + wait_s)
        if error.fatal:
            gone.add(agent.name)
        in_a_row = 0 if wait_s + pause_s else in_a_row + 1
        assert in_a_row <= REPEATS + roster.FAILURES_ALLOWED
        assert wait_s + pause_s <= roster.RETRY_AFTER_LONGEST_S
        now += wait_s + pause_s
        if step is Step.NOBODY:
            # Of two, both had to fail for good; by then the last one has had its chances.
            return
    assert now > 0


@given(st.lists(st.one_of(ERRORS.filter(lambda e: not e.fatal), st.none()), max_size=40))
def test_an_agent_that_is_away_is_asked_beside_the_fallback_until_it_answers(
    answers: list[ProposalError | None],
) -> None:
    names, now, back = two(), 0.0, True
    for answer in answers:
        agent, wait_s = names.turn(now)
        # The fallback answers, so nobody ever waits.
        assert wait_s == 0.0
        assert (agent is names.agent) == back
        if not back:
            assert names.answered(names.fallback) is None
            now += roster.RETRY_AFTER_LONGEST_S
            assert names.is_to_be_asked_aside(now)
        if answer is None:
            assert (names.answered(names.agent) is None) == back
            back = True
        else:
            step, pause_s = names.failed(names.agent, answer, now)
            assert pause_s == 0.0
            back = back and step is not Step.AWAY
    assert names.is_to_be_asked_aside(now + roster.RETRY_AFTER_LONGEST_S) == (not back)


def test_the_fallback_gives_the_turns_back_that_it_was_given() -> None:
    names = two()
    assert names.step_aside(2)
    assert names.turn(0.0)[0] is names.fallback
    assert not names.is_to_be_asked_aside(1e9)
    assert names.answered(names.fallback) is None
    assert names.answered(names.fallback) == "other had its turns"
    assert names.turn(0.0)[0] is names.agent
