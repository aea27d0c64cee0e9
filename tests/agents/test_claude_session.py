"""Thirty experiments by a scripted model, unattended: in tools and in plain text."""

import re
from typing import Any

import pytest

from autoresearch_tui.agents.catalogue import fallback
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Form, Limits
from autoresearch_tui.record.vocabulary import Status
from tests.agents.messages_server import Answer, EditOneConstant, MessagesServer, Script, Text
from tests.agents.table import table
from tests.workshop import Workshop

EXPERIMENTS = 30


def in_text(request: dict[str, Any]) -> Answer:
    """Set the learning rate to what no experiment before had."""
    asked = re.search(r"Propose experiment (\d+)", request["messages"][0]["content"][0]["text"])
    assert asked is not None
    rate = 0.04 - 0.0005 * int(asked[1])
    return Answer(Text(f"TITLE: a rate of {rate:.4f}\nSET LEARNING_RATE = {rate:.4f}"))


@pytest.mark.long
@pytest.mark.parametrize("form", [Form.TOOLS, Form.TEXT])
async def test_a_scripted_model_proposes_for_a_night(form: Form, workshop: Workshop) -> None:
    constants = r"^(LEARNING_RATE|WEIGHT_DECAY|MOMENTUM|INIT_SCALE) = ([0-9.]+)"
    script: Script = EditOneConstant(constants) if form is Form.TOOLS else in_text
    with MessagesServer(script) as server:
        agent = ClaudeAgent(
            model="m", api_key=None, base_url=server.url, limits=Limits(), form=form
        )
        lab = workshop.lab(agent, fallback=fallback(), max_experiments=EXPERIMENTS)
        assert (await lab.run()).finished
    print(f"\n{form}:", *table(workshop.facts()), sep="\n")
    # What was proposed to an incumbent that lost its place may be passed over, and is not counted.
    mine = [
        each
        for each in lab.state.experiments.values()
        if each.agent == agent.name and each.status is not Status.SKIPPED
    ]
    assert len(mine) == EXPERIMENTS - 1
    assert all(each.usage.input_tokens >= 100 for each in mine)
    assert any(each.status is Status.KEEP for each in mine)
