"""What a proposal costs is its tokens times its model's price, where somebody knows one."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.agents.base import Context, Proposal, ProposalError, Think
from autoresearch_tui.lab.intake import Intake
from autoresearch_tui.lab.prices import BUILT_IN, Prices
from autoresearch_tui.lab.proposing import Proposer
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.vocabulary import Usage
from autoresearch_tui.settings import Price, Settings
from tests.workshop import ScriptedAgent, Workshop, with_rate

COUNTS = st.integers(0, 10**9)
USAGES = st.builds(
    Usage,
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    cache_write_1h_tokens=COUNTS,
)
MILLION_OF_EACH = Usage(
    input_tokens=10**6, output_tokens=10**6, cache_read_tokens=10**6, cache_write_tokens=10**6
)


def test_a_million_tokens_cost_the_price() -> None:
    own = Prices({"m": Price(input=1, output=10, cache_read=100, cache_write=1000)}, local=False)
    assert own.cost("m", MILLION_OF_EACH) == 1111
    # As published: 4 and 20 dollars, a twentieth of 4 for what is cached, a quarter more to cache.
    assert Prices({}, local=False).cost("claude-opus-5-5", MILLION_OF_EACH) == 4 + 20 + 0.2 + 5


def test_what_is_cached_for_an_hour_costs_twice_what_is_read() -> None:
    hour = Usage(cache_write_tokens=2 * 10**6, cache_write_1h_tokens=10**6)
    assert Prices({}, local=False).cost("claude-opus-5-5", hour) == pytest.approx(5 + 8)


@given(st.sampled_from(sorted(BUILT_IN)), USAGES, USAGES)
def test_costs_add_up_and_are_never_negative(model: str, one: Usage, other: Usage) -> None:
    prices = Prices({}, local=False)
    costs = [prices.cost(model, usage) for usage in (one, other, one + other)]
    assert None not in costs
    first, second, total = (cost or 0.0 for cost in costs)
    assert first >= 0
    assert abs(first + second - total) <= 1e-9 * max(1.0, total)


@given(st.sampled_from(sorted(BUILT_IN)))
def test_a_dated_name_is_the_same_model_and_a_longer_one_is_not(model: str) -> None:
    prices = Prices({}, local=False)
    for dated in (f"{model}-20261007", f"{model}-latest", f"{model}@20261007"):
        assert prices.of(dated) == prices.of(model) == BUILT_IN[model]
    assert prices.of(f"{model}-9") is None
    assert prices.of(f"{model}9") is None


def test_a_persons_own_price_stands_above_the_table_and_the_longest_name_counts() -> None:
    free, dear = Price(input=0, output=0), Price(input=9, output=9)
    prices = Prices({"claude": dear, "claude-opus": free}, local=False)
    assert prices.of("claude-opus-5-5") == free
    assert prices.of("claude-sonnet-5-5") == dear
    assert prices.cost("claude-opus-5-5", MILLION_OF_EACH) == 0


def test_a_local_server_costs_nothing_that_is_known_unless_the_person_says_so() -> None:
    assert Prices({}, local=True).cost("claude-opus-5-5", MILLION_OF_EACH) is None
    power = Prices({"claude-opus": Price(input=1, output=1)}, local=True)
    assert power.cost("claude-opus-5-5", MILLION_OF_EACH) == 2
    assert power.cost(None, MILLION_OF_EACH) is None


class _Costly(ScriptedAgent):
    model: str | None = "claude-haiku-4-5"

    async def propose(self, context: Context, think: Think) -> Proposal:
        usage = Usage(input_tokens=10**6)
        if not self.steps:
            raise ProposalError("it had no idea", usage)
        train = with_rate(context.train, 0.05)
        self.steps.pop()
        return Proposal(train=train, title="t", hypothesis="h", usage=usage)


async def test_what_was_proposed_and_what_failed_are_both_paid_for(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(), max_experiments=1)
    await lab.run()
    prices = Prices({}, local=False)
    agent = _Costly(1)
    repository = lab._tools.repository  # pyright: ignore[reportPrivateUsage]
    intake = Intake(workshop.session, repository, prices)
    proposer = Proposer(intake, agent, ScriptedAgent(), Settings())
    facts: list[KnownFact] = []

    def record(fact: KnownFact) -> None:
        facts.append(fact)
        if isinstance(fact, events.ProposalFailed):
            # It would wait before it asks again.
            raise asyncio.CancelledError

    await proposer.propose(lab.state, record)
    with contextlib.suppress(asyncio.CancelledError):
        await proposer.propose(lab.state, record)
    paid = [f for f in facts if isinstance(f, events.Proposed | events.ProposalFailed)]
    assert [fact.usage.cost_usd for fact in paid] == [1.0, 1.0]
