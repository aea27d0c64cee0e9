"""Servers that send what no server should: each costs a proposal at most, and never the night."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from autoresearch_tui.agents import claude as claude_module
from autoresearch_tui.agents.base import Proposal, ProposalError
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Form, Limits
from autoresearch_tui.control import messages
from autoresearch_tui.lab import roster
from tests.agents.messages_server import (
    Answer,
    EditOneConstant,
    Endless,
    Fault,
    MessagesServer,
    Silence,
    Text,
    Thinking,
    ToolUse,
    Turn,
)
from tests.agents.night import Thoughts, begun
from tests.workshop import ScriptedAgent, Workshop

SECONDS = 0.4
LIMITS = Limits(seconds=SECONDS, retries=0, retry_wait_s=0.01)
PATIENT = Limits(seconds=20.0, retries=0, retry_wait_s=0.01)
EDIT = ToolUse("edit_train", {"old_text": "MATRIX_LR = 0.04", "new_text": "MATRIX_LR = 0.05"})
SUBMIT = ToolUse("submit", {"title": "A rate", "hypothesis": "Faster."})

Events = list[dict[str, Any]]


def answer(garble: Callable[[Events], Events], *blocks: Text | Thinking | ToolUse) -> Answer:
    return Answer(*(blocks or (Text("I look at it."), EDIT, SUBMIT)), garble=garble)


def with_field(kind: str, **fields: object) -> Callable[[Events], Events]:
    """Return what changes fields of all the events of one kind."""
    return lambda events: [{**e, **fields} if e["type"] == kind else e for e in events]


def without_field(kind: str, field: str) -> Callable[[Events], Events]:
    return lambda events: [
        {key: value for key, value in e.items() if e["type"] != kind or key != field}
        for e in events
    ]


def without(kind: str) -> Callable[[Events], Events]:
    return lambda events: [event for event in events if event["type"] != kind]


def raw(text: str, at: int = 4) -> Callable[[Events], Events]:
    name = "content_block_delta"
    return lambda events: [*events[:at], {"type": "raw", "name": name, "raw": text}, *events[at:]]


def delta(index: object, **fields: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


USAGE = {"input_tokens": "many", "output_tokens": -1, "cache_read_input_tokens": 1e300}

BROKEN: dict[str, Turn] = {
    "cut before it begins": Answer(Text("x"), cut_after=0),
    "cut in the middle": Answer(Text("I was about to say"), cut_after=5),
    "no end": answer(without("message_stop")),
    "no begin": answer(without("message_start")),
    "no begin of a block": answer(without("content_block_start")),
    "two begins": answer(lambda events: [events[0], *events]),
    "a block twice": answer(lambda events: [*events[:3], *events[2:]]),
    "backwards": answer(lambda events: events[::-1]),
    "no JSON": answer(raw("{")),
    "no object": answer(raw("[1, 2]")),
    "null": answer(raw("null")),
    "an index of text": answer(lambda events: [*events[:4], delta("x", type="text_delta")]),
    "a far index": answer(
        lambda events: [*events[:4], delta(9, type="text_delta", text="a"), *events[4:]]
    ),
    "a text that is none": answer(
        lambda events: [*events[:4], delta(0, type="text_delta", text=[1]), *events[4:]]
    ),
    "a delta without its text": answer(
        lambda events: [*events[:4], delta(0, type="text_delta"), *events[4:]]
    ),
    "no delta": answer(without_field("content_block_delta", "delta")),
    "no message": answer(without_field("message_start", "message")),
    "a message that is none": answer(with_field("message_start", message=7)),
    "a block that is none": answer(with_field("content_block_start", content_block="text")),
    "an error": answer(
        lambda events: [*events[:4], {"type": "error", "error": {"type": "api_error"}}]
    ),
    "an error that is none": answer(lambda events: [*events[:4], {"type": "error"}]),
    "a page": Fault(502, message="<html>Bad gateway</html>"),
    "silence": Silence(),
    "pings for ever": Endless({"type": "ping"}, begun=False, pause_s=0.02),
    "pings in the middle": Endless({"type": "ping"}, pause_s=0.02),
    "a line for ever": Endless({"type": "bytes", "data": b"x" * 65_536}),
    "text for ever": Endless(delta(0, type="text_delta", text="x" * 1_000)),
    "nothing for ever": Endless(delta(0, type="unknown_delta"), pause_s=0.02),
    "a refusal": Answer(Text("No."), stop_reason="refusal"),
    "pauses for ever": Answer(Text("Wait."), stop_reason="pause_turn"),
    "nothing": Answer(),
    "blanks": Answer(Text("   \n")),
    "talk": Answer(Text("I would raise the rate.")),
    "an edit that does not parse": Answer(ToolUse("write_train", {"text": "def f(:"}), SUBMIT),
    "half a character": Answer(ToolUse("write_train", {}, raw='{"text": "\\ud800"}'), SUBMIT),
    "a submission of nothing": Answer(SUBMIT),
    "tools that are none": Answer(ToolUse("fly", {}), ToolUse("", {})),
    "deep arguments": Answer(ToolUse("submit", {}, raw="[" * 5_000)),
}
"""What can not become a proposal, however often it comes."""

ODD: dict[str, Turn] = {
    "events of other kinds": answer(
        lambda events: [
            *events[:4],
            {"type": "weather", "sun": True},
            delta(0, type="weather_delta", rain="x"),
            *events[4:],
        ]
    ),
    "blocks of other kinds": answer(
        lambda events: [
            *events[:-2],
            {"type": "content_block_start", "index": 9, "content_block": {"type": "weather"}},
            delta(9, type="weather_delta"),
            {"type": "content_block_stop", "index": 9},
            *events[-2:],
        ]
    ),
    "no stops of blocks": answer(without("content_block_stop")),
    "an event without a type": answer(raw("{}")),
    "pings between": answer(lambda events: [x for e in events for x in (e, {"type": "ping"})]),
    "counts that are none": answer(
        lambda events: [
            {**events[0], "message": {**events[0]["message"], "usage": USAGE}},
            *with_field("message_delta", usage=USAGE)(events[1:]),
        ]
    ),
    "no counts": answer(without_field("message_delta", "usage")),
    "a reason nobody knows": answer(
        with_field("message_delta", delta={"stop_reason": "tired", "stop_sequence": None})
    ),
    "two submissions": Answer(EDIT, SUBMIT, SUBMIT),
    "arguments that are no object": Answer(ToolUse("edit_train", {}, raw="[1]"), EDIT, SUBMIT),
    "arguments that are no JSON": Answer(ToolUse("edit_train", {}, raw='{"a'), EDIT, SUBMIT),
    "thoughts without a signature": Answer(Thinking("Hm.", signature=""), EDIT, SUBMIT),
    "a large answer": Answer(Text("word " * 20_000), EDIT, SUBMIT),
}
"""What is odd, and still says what it wants."""


async def propose(turn: Turn, limits: Limits, form: Form = Form.AUTO) -> Proposal:
    with MessagesServer(lambda _: turn) as server:
        agent = ClaudeAgent(model="m", api_key=None, base_url=server.url, limits=limits, form=form)
        return await agent.propose(begun().context(), Thoughts())


@pytest.mark.parametrize("name", BROKEN)
async def test_what_can_not_be_a_proposal_is_a_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claude_module, "ANSWER_BYTES", 1 << 20)
    with pytest.raises(ProposalError) as raised:
        await propose(BROKEN[name], LIMITS)
    assert str(raised.value)
    assert not raised.value.fatal


@pytest.mark.parametrize("name", ODD)
async def test_what_is_odd_is_still_understood(name: str) -> None:
    proposal = await propose(ODD[name], PATIENT)
    assert "MATRIX_LR = 0.05" in proposal.train
    assert proposal.usage.input_tokens >= 0
    assert proposal.title == "A rate"


@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.long)])
async def test_they_leave_the_night_running(
    step: int, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "AWAY_FIRST_S", 0.01)
    monkeypatch.setattr(roster, "AWAY_LONGEST_S", 0.02)
    monkeypatch.setattr(roster, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr("tests.workshop.BUDGET_S", 0.02)
    monkeypatch.setattr(claude_module, "ANSWER_BYTES", 1 << 20)
    left = list(BROKEN.values())[::step]
    good = EditOneConstant(r"^(LEARNING_RATE) = ([0-9.]+)")

    trouble: list[Turn] = []

    def script(request: dict[str, Any]) -> Turn:
        if len(request["messages"]) == 1:
            trouble[:] = left[:1]
            del left[:1]
        return trouble[0] if trouble else good(request)

    other = ScriptedAgent(*(0.5 + number / 1000 for number in range(1000)))
    other.name = "other"
    limits = Limits(seconds=0.3, retries=0, retry_wait_s=0.001)
    with MessagesServer(script) as server:
        agent = ClaudeAgent(
            model="m", api_key=None, base_url=server.url, limits=limits, form=Form.TOOLS
        )
        lab = workshop.lab(agent, fallback=other)
        night = asyncio.create_task(lab.run())
        await lab.until(lambda _: not left)
        done = lab.state.next_number
        await lab.until(lambda state: state.next_number > done and state.agent == "claude")
        await lab.handle(messages.Stop(by="me", now=True))
        end = await night
    assert not end.trouble
    assert {each.agent for each in lab.state.experiments.values()} >= {"claude", "other"}
