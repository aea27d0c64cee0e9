"""Nights whose agent's server fails in every way; the fallback fills in, and the agent comes back.

The labs, their experiments and the server are real; only the waits are shorter than at night.
"""

import asyncio
from typing import Any

import pytest

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Limits
from autoresearch_tui.control import messages
from autoresearch_tui.lab import roster
from autoresearch_tui.record import events
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.settings import Settings, WatchdogSettings
from tests.agents.messages_server import (
    Answer,
    EditOneConstant,
    Fault,
    MessagesServer,
    Silence,
    Text,
    ToolUse,
    Turn,
)
from tests.workshop import ScriptedAgent, WatchedLab, Workshop

SECONDS = 0.7
LIMITS = Limits(seconds=SECONDS, retries=0, retry_wait_s=0.01)
RATE = r"^(LEARNING_RATE) = ([0-9.]+)"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "AWAY_FIRST_S", 0.05)
    monkeypatch.setattr(roster, "AWAY_LONGEST_S", 0.1)
    monkeypatch.setattr(roster, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr("tests.workshop.BUDGET_S", 0.02)


def other() -> ScriptedAgent:
    """Return a fallback that never proposes what the agent does."""
    agent = ScriptedAgent(*(0.5 + number / 1000 for number in range(1000)))
    agent.name = "other"
    return agent


def claude(url: str) -> ClaudeAgent:
    return ClaudeAgent(model="a-model", api_key="a-key", base_url=url, limits=LIMITS)


class Weather:
    """A server's script: one trouble after another, with a conversation that succeeds between."""

    def __init__(self, *troubles: Turn) -> None:
        self.left = list(troubles)
        self._script = EditOneConstant(RATE)
        self._is_fair = True

    def __call__(self, request: dict[str, Any]) -> Turn:
        if not any(each["role"] == "assistant" for each in request["messages"]):
            self._is_fair = not self._is_fair
            if self.left and not self._is_fair:
                return self.left.pop(0)
        return self._script(request)


async def by_claude(lab: WatchedLab, more_than: int) -> None:
    def proposed(state: SessionState) -> bool:
        return sum(each.agent == "claude" for each in state.experiments.values()) > more_than

    await lab.until(proposed)


def changes(workshop: Workshop) -> list[events.AgentChanged]:
    return [fact for fact in workshop.facts() if isinstance(fact, events.AgentChanged)]


TROUBLES = {
    "answered 429": Fault(429, "rate_limit_error", headers={"retry-after": "0.01"}),
    "answered 500": Fault(500),
    "answered 529": Fault(529, "overloaded_error"),
    "broke its answer off": Answer(Text("I was about to say"), cut_after=5),
    "submitted nothing within": Answer(Text("I was about to say"), silent_after=5),
    f"within {SECONDS} s": Silence(),
}


async def test_the_night_goes_on_through_every_trouble_of_the_server(workshop: Workshop) -> None:
    weather = Weather(*TROUBLES.values())
    with MessagesServer(weather) as server:
        lab = workshop.lab(claude(server.url), fallback=other())
        night = asyncio.create_task(lab.run())
        await lab.until(lambda _: not weather.left)
        done = lab.state.next_number
        await lab.until(lambda state: state.agent == "claude" and state.next_number > done)
        await lab.handle(messages.Stop(by="me"))
        await night
    changed = changes(workshop)
    assert [each.agent for each in changed] == ["other", "claude"] * len(TROUBLES)
    for said, change in zip(TROUBLES, changed[::2], strict=True):
        assert said in change.reason
    experiments = list(lab.state.experiments.values())[1:]
    assert {each.agent for each in experiments} == {"claude", "other"}
    # One that was proposed ahead may meet a keep that it does not merge onto.
    known = (Status.KEEP, Status.DISCARD, Status.SKIPPED)
    assert all(e.status in known for e in experiments if e.status)
    # What it thought while it was away is shown once it is back.
    assert ThoughtKind.THINKING in workshop.session.reasoning.read_text()


async def test_a_server_that_is_gone_and_comes_back_is_asked_again(workshop: Workshop) -> None:
    script = EditOneConstant(RATE)
    with MessagesServer(script) as server:
        lab = workshop.lab(claude(server.url), fallback=other())
        night = asyncio.create_task(lab.run())
        await by_claude(lab, more_than=0)
        port = server.port
    await lab.until(lambda state: state.agent == "other")
    gone_at = lab.state.next_number
    # The network may be gone for long; the device does not notice.
    await lab.until(lambda state: state.next_number >= gone_at + 3)
    assert "can not be reached" in changes(workshop)[-1].reason
    with MessagesServer(script, port):
        await lab.until(lambda state: state.agent == "claude")
        await by_claude(lab, more_than=1)
        await lab.handle(messages.Stop(by="me", now=True))
        await night


async def test_a_refused_key_is_final(workshop: Workshop) -> None:
    refused = Fault(401, "authentication_error", "invalid x-api-key")
    with MessagesServer(lambda _: refused) as server:
        lab = workshop.lab(claude(server.url), fallback=other(), max_experiments=3)
        assert (await lab.run()).finished
        assert len(server.requests) == 1
    assert [e.agent for e in lab.state.experiments.values()] == ["baseline", "other", "other"]
    assert [each.agent for each in changes(workshop)] == ["other"]


async def test_malformed_calls_cost_the_agent_its_place_only_while_they_last(
    workshop: Workshop,
) -> None:
    script, left = EditOneConstant(RATE), [2 * roster.FAILURES_ALLOWED]

    def malformed(request: dict[str, Any]) -> Turn:
        if left[0]:
            left[0] -= 1
            return Answer(ToolUse("submit", {}, raw='{"title": "a'), stop_reason="tool_use")
        return script(request)

    with MessagesServer(malformed) as server:
        lab = workshop.lab(claude(server.url), fallback=other())
        night = asyncio.create_task(lab.run())
        await by_claude(lab, more_than=1)
        await lab.handle(messages.Stop(by="me", now=True))
        await night
    assert [each.agent for each in changes(workshop)] == ["other", "claude"]
    assert lab.state.experiments[1].agent == "other"


async def test_without_a_fallback_that_can_the_agent_is_waited_for(workshop: Workshop) -> None:
    nothing = ScriptedAgent(roster.ProposalError("There is no constant.", fatal=True))
    nothing.name = "other"
    busy = roster.ProposalError("busy", outage=True)
    agent = ScriptedAgent(busy, busy, busy, 0.02)
    lab = workshop.lab(agent, fallback=nothing, max_experiments=2)
    assert (await lab.run()).finished
    assert lab.state.experiments[1].agent == "scripted"
    assert len(nothing.contexts) == 1


async def test_an_edit_that_was_tried_is_refused_with_its_result(workshop: Workshop) -> None:
    agent = ScriptedAgent(0.5, 0.5, 0.04, 0.02)
    lab = workshop.lab(agent, max_experiments=3)
    await lab.run()
    failed = [fact for fact in workshop.facts() if isinstance(fact, events.ProposalFailed)]
    assert ["#1 (LEARNING_RATE 0.5): discard, no better" in each.reason for each in failed] == [
        True,
        False,
    ]
    assert "#0 (baseline" in failed[1].reason
    # The agent is told, until it comes up with something else.
    told = [context.refused[:30] for context in agent.contexts]
    assert told == ["", "", failed[0].reason[:30], failed[1].reason[:30]]


async def test_an_agent_that_repeats_itself_loses_its_place(workshop: Workshop) -> None:
    settings = Settings(watchdog=WatchdogSettings(repeats=2))
    agent = ScriptedAgent(*[0.04] * 3, 0.02)
    lab = workshop.lab(agent, settings, fallback=other())
    night = asyncio.create_task(lab.run())
    await lab.until(lambda state: any(e.agent == "scripted" for e in state.experiments.values()))
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    assert lab.state.experiments[1].agent == "other"
    assert [each.agent for each in changes(workshop)][:2] == ["other", "scripted"]


async def test_an_agent_that_repeats_itself_and_is_alone_ends_the_session(
    workshop: Workshop,
) -> None:
    lab = workshop.lab(ScriptedAgent(*[0.04] * 20))
    end = await lab.run()
    assert end.trouble
    assert "the same file as #0" in end.reason


async def test_an_agent_that_goes_on_repeating_itself_stays_away(workshop: Workshop) -> None:
    settings = Settings(watchdog=WatchdogSettings(repeats=2))
    agent = ScriptedAgent(*[0.04] * 1000)
    lab = workshop.lab(agent, settings, fallback=other(), max_experiments=5)
    assert (await lab.run()).finished
    assert [each.agent for each in changes(workshop)] == ["other"]
    assert [e.agent for e in lab.state.experiments.values()][1:] == ["other"] * 4
    # It is told why, also while it is away.
    assert len(agent.contexts) > 2
    assert all("the same file" in context.refused for context in agent.contexts[1:])


class OneAtATime(ScriptedAgent):
    """Fails once, and then thinks for as long as it would be left alone by who is impatient."""

    thinking = False

    async def propose(self, context: Context, think: Think) -> Proposal:
        assert not self.thinking, "it was asked while it thought"
        if not self.steps:
            self.thinking = True
            await asyncio.sleep(4 * roster.AWAY_LONGEST_S)
            self.thinking = False
        return await super().propose(context, think)


async def test_an_agent_is_not_asked_again_while_it_thinks_already(workshop: Workshop) -> None:
    """Where the fallback can not go on while the agent is asked beside it."""
    agent = OneAtATime(roster.ProposalError("busy", outage=True))
    nothing = ScriptedAgent(roster.ProposalError("Nothing.", fatal=True))
    nothing.name = "other"
    lab = workshop.lab(agent, fallback=nothing, max_experiments=2)
    assert (await lab.run()).finished
    failed = [fact.reason for fact in workshop.facts() if isinstance(fact, events.ProposalFailed)]
    assert failed == ["busy", "Nothing."]
