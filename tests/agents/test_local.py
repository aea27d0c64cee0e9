"""Servers of the user's own, whose models are weak at tools, and whose contexts are small."""

from typing import Any

import pytest

from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.agents.brief import REMINDER
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Form, Limits
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Status
from tests.agents.messages_server import Answer, Fault, MessagesServer, Script, Text, ToolUse, Turn
from tests.agents.night import TRAIN, Thoughts, begun

LIMITS = Limits(seconds=20.0, retry_wait_s=0.01)
TALK = Answer(Text("A larger learning rate would help."))
PLAIN = Answer(Text("TITLE: A rate\nWHY: Faster.\nEXPECTED: -0.01\nSET MATRIX_LR = 0.05"))
RAISED = TRAIN.replace("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")


def local(
    server: MessagesServer, form: Form = Form.AUTO, context_tokens: int | None = None
) -> ClaudeAgent:
    return ClaudeAgent(
        model="small",
        api_key=None,
        base_url=server.url,
        limits=LIMITS,
        form=form,
        context_tokens=context_tokens,
    )


def is_plain(request: dict[str, Any]) -> bool:
    return "tools" not in request and "SET NAME = value" in request["system"][0]["text"]


def size(request: dict[str, Any]) -> int:
    said = [block["text"] for message in request["messages"] for block in message["content"]]
    return len(request["system"][0]["text"]) + sum(map(len, said))


async def test_a_model_that_calls_no_tools_is_asked_in_plain_text_from_then_on() -> None:
    thoughts = Thoughts()
    with MessagesServer([TALK, TALK, PLAIN, PLAIN]) as server:
        agent = local(server)
        first = await agent.propose(begun().context(), thoughts)
        second = await agent.propose(begun().context(), thoughts)
        assert [is_plain(each) for each in server.requests] == [False, False, True, True]
    assert (first.train, first.title, first.expected_change) == (RAISED, "A rate", -0.01)
    assert second.train == RAISED
    assert "plain text from now on" in thoughts.text(ThoughtKind.ERROR)


async def test_one_that_talks_to_the_end_of_its_tokens_is_not_urged_to_talk_on() -> None:
    with MessagesServer([Answer(Text("The "), stop_reason="max_tokens"), PLAIN]) as server:
        assert (await local(server).propose(begun().context(), Thoughts())).train == RAISED
        assert [is_plain(each) for each in server.requests] == [False, True]


@pytest.mark.parametrize(
    "refusal",
    [
        Fault(400, "invalid_request_error", "registry/small does not support tools"),
        Fault(500, "server_error", "tools param requires --jinja flag"),
    ],
)
async def test_a_server_without_tools_is_asked_in_plain_text(refusal: Fault) -> None:
    with MessagesServer([refusal, PLAIN]) as server:
        assert (await local(server).propose(begun().context(), Thoughts())).train == RAISED
        assert is_plain(server.requests[1])


async def test_who_asks_for_tools_or_text_gets_that() -> None:
    with (
        MessagesServer([TALK, TALK]) as server,
        pytest.raises(ProposalError, match="nothing that can run"),
    ):
        await local(server, Form.TOOLS).propose(begun().context(), Thoughts())
    with MessagesServer([PLAIN]) as server:
        await local(server, Form.TEXT).propose(begun().context(), Thoughts())
        assert is_plain(server.requests[0])


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (TALK, "no edit"),
        (Answer(Text("SET MATRIX_LR = 0.04")), "had that value"),
        (Answer(Text("<<<<<<< SEARCH\ndef main\n=======\ndef f(:\n>>>>>>> REPLACE")), "parse"),
        (Answer(), "no edit"),
    ],
)
async def test_one_repair_is_given_in_plain_text_too(bad: Answer, told: str) -> None:
    with MessagesServer([bad, PLAIN]) as server:
        proposal = await local(server, Form.TEXT).propose(begun().context(), Thoughts())
        assert told in server.requests[1]["messages"][-1]["content"][-1]["text"]
    assert proposal.train == RAISED
    with MessagesServer([bad, bad, PLAIN]) as server:
        with pytest.raises(ProposalError, match="nothing that can run"):
            await local(server, Form.TEXT).propose(begun().context(), Thoughts())
        assert len(server.requests) == 2


def busy_night() -> Any:
    night = begun(TRAIN + "\n# a comment that nobody needs\n" * 400)
    for number in range(60):
        night.add(TRAIN, Status.DISCARD, 1.9, parent=0, title=f"An idea of the night, {number}")
    return night.context()


@pytest.mark.parametrize("tokens", [1_024, 2_048, 8_192])
async def test_a_small_context_gets_a_short_prompt(tokens: int) -> None:
    with MessagesServer([PLAIN]) as server:
        proposal = await local(server, context_tokens=tokens).propose(busy_night(), Thoughts())
        request = server.requests[0]
    assert "MATRIX_LR = 0.05" in proposal.train
    assert is_plain(request)
    assert size(request) / 3 + request["max_tokens"] <= tokens * 1.2
    asked = request["messages"][0]["content"][0]["text"]
    assert "MATRIX_LR = 0.04" in asked
    assert asked.endswith(f"Propose experiment 61.\n\n{REMINDER}")


SENTENCES = [
    "request (9000 tokens) exceeds the available context size (2048 tokens), try increasing it",
    "This model's maximum context length is 2048 tokens, your messages resulted in 9000 tokens.",
    "the prompt is larger than the context window",
]


@pytest.mark.parametrize("said", SENTENCES)
async def test_a_context_is_learned_from_a_refusal(said: str) -> None:
    def script(request: dict[str, Any]) -> Turn:
        fits = is_plain(request) and size(request) / 3.5 + request["max_tokens"] <= 2_048
        return PLAIN if fits else Fault(400, "invalid_request_error", said)

    with MessagesServer(script) as server:
        agent = local(server)
        await agent.propose(busy_night(), Thoughts())
        asked = len(server.requests)
        # What was learned stays.
        await agent.propose(busy_night(), Thoughts())
        assert len(server.requests) == asked + 1
        assert asked <= 4


async def test_a_conversation_that_outgrows_its_context_goes_on_in_plain_text() -> None:
    too_long = Fault(400, "invalid_request_error", "exceeds the available context size")
    script: Script = [Answer(ToolUse("read_train", {})), too_long, PLAIN]
    with MessagesServer(script) as server:
        assert (await local(server).propose(begun().context(), Thoughts())).train == RAISED
        assert is_plain(server.requests[2])
    with MessagesServer([Answer(ToolUse("read_train", {})), *[too_long] * 5]) as server:
        with pytest.raises(ProposalError) as raised:
            await local(server, Form.TOOLS).propose(begun().context(), Thoughts())
        assert len(server.requests) <= 4
    assert raised.value.fatal


async def test_a_context_that_holds_nothing_is_a_sentence() -> None:
    refusal: Script = lambda _: Fault(400, message="exceeds the available context size")  # noqa: E731
    with MessagesServer(refusal) as server:
        with pytest.raises(ProposalError, match="context size") as raised:
            await local(server).propose(begun().context(), Thoughts())
        assert len(server.requests) <= 4
    assert raised.value.fatal


async def test_a_model_that_calls_tools_is_not_asked_in_plain_text() -> None:
    with MessagesServer([Answer(ToolUse("read_train", {})), TALK, TALK]) as server:
        with pytest.raises(ProposalError, match="nothing that can run"):
            await local(server).propose(begun().context(), Thoughts())
        assert not any(is_plain(each) for each in server.requests)
