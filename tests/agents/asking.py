"""Asks the claude agent over a scripted server, and the edit that most scripts make."""

from typing import Any

import pytest

from autoresearch_tui.agents.base import Proposal, ProposalError
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Limits
from tests.agents.messages_server import (
    MessagesServer,
    Script,
    ToolUse,
)
from tests.agents.night import Night, Thoughts, begun

LIMITS = Limits(seconds=20.0, retry_wait_s=0.01)
EDIT = ToolUse("edit_train", {"old_text": "MATRIX_LR = 0.04", "new_text": "MATRIX_LR = 0.05"})
SUBMIT = ToolUse(
    "submit",
    {"title": "MATRIX_LR 0.04 -> 0.05", "hypothesis": "Faster.", "expected_change": -0.01},
)


def agent(server: MessagesServer, limits: Limits = LIMITS) -> ClaudeAgent:
    return ClaudeAgent(model="a-model", api_key="a-key", base_url=server.url, limits=limits)


async def ask(
    script: Script,
    night: Night | None = None,
    thoughts: Thoughts | None = None,
    limits: Limits = LIMITS,
    steering: list[str] | None = None,
) -> tuple[Proposal, list[dict[str, Any]]]:
    with MessagesServer(script) as server:
        context = (night or begun()).context(steering=steering)
        proposal = await agent(server, limits).propose(context, thoughts or Thoughts())
        return proposal, server.requests


async def fail(script: Script, limits: Limits = LIMITS) -> tuple[ProposalError, int]:
    """Return the error that a script leads to, and how many requests it took."""
    with MessagesServer(script) as server:
        with pytest.raises(ProposalError) as raised:
            await agent(server, limits).propose(begun().context(), Thoughts())
        return raised.value, len(server.requests)


def results(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tool results in the last message of a request."""
    content = request["messages"][-1]["content"]
    return [block for block in content if block["type"] == "tool_result"]
