"""What goes wrong between the claude agent and its server: mended, asked again, or a sentence."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Limits
from autoresearch_tui.record.samples import ThoughtKind
from tests.agents.asking import EDIT, LIMITS, SUBMIT, agent, ask, fail
from tests.agents.messages_server import (
    Answer,
    Fault,
    MessagesServer,
    Silence,
    Text,
    ToolUse,
)
from tests.agents.night import TRAIN, Thoughts, begun


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (Answer(SUBMIT), "unchanged"),
        (Answer(ToolUse("write_train", {"text": "def f(:"}), SUBMIT), "does not parse at line 1"),
        (Answer(Text("I would raise the rate.")), "call submit"),
        (Answer(), "call submit"),
        (Answer(ToolUse("submit", {}, raw='{title = "a"}')), "no valid JSON"),
        (
            Answer(ToolUse("edit_train", {}, raw='{"old_te'), stop_reason="max_tokens"),
            "no valid JSON",
        ),
    ],
)
async def test_one_repair_is_given_with_the_reason(first: Answer, told: str) -> None:
    write = ToolUse("write_train", {"text": TRAIN.replace("0.04", "0.05")})
    proposal, requests = await ask([first, Answer(write, SUBMIT)])
    assert "0.05" in proposal.train
    assert told in str(requests[1]["messages"][-1])
    roles = [message["role"] for message in requests[1]["messages"]]
    assert all(one != other for one, other in itertools.pairwise(roles))


async def test_a_second_unusable_answer_ends_the_proposal() -> None:
    error, asked = await fail([Answer(SUBMIT), Answer(SUBMIT), Answer(EDIT, SUBMIT)])
    assert asked == 2
    assert "unchanged" in str(error)
    assert not error.fatal
    assert error.usage.output_tokens == 100


async def test_a_wrong_key_is_fatal_and_says_where_it_came_from() -> None:
    error, asked = await fail([Fault(401, "authentication_error", "invalid x-api-key")])
    assert (asked, error.fatal) == (1, True)
    assert "ANTHROPIC_API_KEY" in str(error)
    assert "a-key" not in str(error)
    with MessagesServer([Fault(401, "authentication_error", "no key")]) as server:
        keyless = ClaudeAgent(api_key=None, base_url=server.url, limits=LIMITS)
        with pytest.raises(ProposalError, match="api_key_env"):
            await keyless.propose(begun().context(), Thoughts())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(404, "not_found_error", "model: a-model"), "no model 'a-model'"),
        (Fault(400, "invalid_request_error", "credit balance is too low"), "credit balance"),
        (Fault(403, "permission_error", "not yours"), "403"),
    ],
)
async def test_what_asking_again_can_not_heal_is_fatal(fault: Fault, said: str) -> None:
    error, asked = await fail([fault, fault])
    assert (asked, error.fatal) == (1, True)
    assert said in str(error)


def error_event(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    return [*events[:4], {"type": "error", "error": error}]


def not_json(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*events[:4], {"type": "raw", "name": "content_block_delta", "raw": "{"}]


def no_start(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] != "content_block_start"]


def no_stop(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return events[:-1]


@pytest.mark.parametrize(
    "trouble",
    [
        Fault(429, "rate_limit_error", headers={"retry-after": "0.01"}),
        Fault(500),
        Fault(529, "overloaded_error"),
        Answer(Text("I was about to say"), cut_after=5),
        Answer(Text("nothing"), cut_after=0),
        Answer(Text("I was about to say"), garble=error_event),
        Answer(Text("I was about to say"), garble=not_json),
        Answer(Text("I was about to say"), garble=no_start),
        Answer(Text("I was about to say"), garble=no_stop),
    ],
    ids=["429", "500", "529", "cut", "empty", "error event", "no JSON", "no start", "no stop"],
)
async def test_passing_trouble_is_shown_and_asked_again(trouble: Answer | Fault) -> None:
    thoughts = Thoughts()
    proposal, requests = await ask([trouble, Answer(EDIT, SUBMIT)], thoughts=thoughts)
    assert proposal.train != TRAIN
    assert len(requests) == 2
    assert requests[0]["messages"] == requests[1]["messages"]
    assert "Asking again in 0.01 s" in thoughts.text(ThoughtKind.ERROR)


async def test_trouble_that_does_not_pass_ends_the_proposal_but_not_the_night() -> None:
    limits = Limits(seconds=20.0, retries=2, retry_wait_s=0.01)
    error, asked = await fail(lambda _: Fault(500), limits)
    assert asked == 3
    assert not error.fatal
    assert "500" in str(error)


async def test_who_has_to_wait_is_told_how_long_and_who_else_can_not_answer() -> None:
    later = format_datetime(datetime.now(tz=UTC) + timedelta(hours=1), usegmt=True)
    for said, least_s in ((later, 3500.0), ("3600", 3600.0), ("soon", 0.0)):
        limits = Limits(seconds=20.0, retries=0)
        error, _ = await fail([Fault(429, headers={"retry-after": said})], limits)
        assert error.outage
        assert least_s <= error.retry_after_s <= 3600.0
    error, _ = await fail([Silence()], Limits(seconds=0.2))
    assert error.outage
    error, _ = await fail([Answer(SUBMIT), Answer(SUBMIT)])
    # A server that answers, however wrongly, is none that is away.
    assert not error.outage


async def test_a_device_that_may_be_waiting_bounds_the_retries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autoresearch_tui.agents.requests.PATIENCE_S", 0.05)
    limits = Limits(seconds=60.0, retries=100, retry_wait_s=0.02)
    error, asked = await fail(lambda _: Fault(500), limits)
    assert asked == 2
    assert error.outage


async def test_a_wait_longer_than_the_proposal_may_take_is_not_begun() -> None:
    error, asked = await fail([Fault(429, headers={"retry-after": "3600"})])
    assert (asked, error.fatal) == (1, False)
    assert "429" in str(error)


async def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with MessagesServer([]) as server:
        gone = server.url
    claude = ClaudeAgent(
        api_key=None, base_url=gone, limits=Limits(seconds=20.0, retries=1, retry_wait_s=0.01)
    )
    with pytest.raises(ProposalError, match="can not be reached") as raised:
        await claude.propose(begun().context(), Thoughts())
    assert not raised.value.fatal


async def test_a_silent_server_is_left_at_the_limit() -> None:
    error, _ = await fail([Silence()], Limits(seconds=0.3))
    assert not error.fatal
    assert "within 0.3 s" in str(error)


async def test_turns_and_tokens_are_limited() -> None:
    error, asked = await fail(lambda _: Answer(ToolUse("read_train", {})), Limits(turns=3))
    assert asked == 3
    assert "3 turns" in str(error)
    error, asked = await fail(lambda _: Answer(ToolUse("read_train", {})), Limits(output_tokens=66))
    assert asked == 2
    assert "output tokens" in str(error)


async def test_a_refusal_is_a_sentence() -> None:
    error, _ = await fail([Answer(Text("No."), stop_reason="refusal")])
    assert "declined" in str(error)


async def test_a_cancelled_proposal_leaves_at_once() -> None:
    with MessagesServer([Silence()]) as server:
        proposing = asyncio.create_task(agent(server).propose(begun().context(), Thoughts()))
        await asyncio.to_thread(server.asked.wait)
        proposing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await proposing


async def test_what_a_cancelled_proposal_cost_is_known() -> None:
    heard, context = asyncio.Event(), begun().context()
    said = "It may be that the rate is too low. " * 20

    def think(kind: ThoughtKind, text: str) -> None:
        if context.spending.usage.output_tokens >= 100:
            heard.set()

    with MessagesServer([Answer(Text(said), silent_after=60)]) as server:
        proposing = asyncio.create_task(agent(server).propose(context, think))
        await heard.wait()
        proposing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await proposing
    # What was told at its begin, and an estimate of what it wrote.
    assert context.spending.usage.input_tokens == 100
    assert 100 <= context.spending.usage.output_tokens <= len(said) // 4
