"""A coding agent that people use, in the lab: claude-agent-acp, where it is installed.

The model behind it is a script, so that no key is needed: it edits, and tries what is not allowed.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from autoresearch_tui.agents.acp.agent import AcpAgent
from autoresearch_tui.agents.acp.process import agent_environment
from autoresearch_tui.record.samples import ThoughtKind
from tests.agents.messages_server import Answer, MessagesServer, Text, ToolUse, Turn
from tests.agents.night import Thoughts, begun

COMMAND = shutil.which("claude-agent-acp")
SCRIPT = "LEARNING_RATE = 0.04\n"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(COMMAND is None, reason="claude-agent-acp is not installed"),
]


class Model:
    """Reads, runs a command, writes another file, edits, and ends its turn; then all over."""

    def __init__(self, work: Path) -> None:
        self._work = str(work)
        self._step = 0

    def __call__(self, request: dict[str, Any]) -> Turn:
        if not request.get("tools"):
            return Answer(Text("A title"))
        train = f"{self._work}/train.py"
        steps = [
            ToolUse("Read", {"file_path": train}),
            ToolUse("Bash", {"command": "echo > other.txt", "description": "Write"}),
            ToolUse("Write", {"file_path": f"{self._work}/notes.md", "content": "x"}),
            ToolUse(
                "Edit",
                {"file_path": train, "old_string": "RATE = 0.04", "new_string": "RATE = 0.05"},
            ),
            Text("Done.\n\ntitle: A higher rate\nhypothesis: It is slow.\nexpected_change: -0.01"),
        ]
        step = steps[self._step % len(steps)]
        self._step += 1
        return Answer(step)


async def test_a_real_agent_edits_the_file_and_nothing_else(tmp_path: Path) -> None:
    assert COMMAND is not None
    place = tmp_path.resolve() / "place"
    with MessagesServer(Model(place / "work")) as server:
        environment = agent_environment(os.environ, []) | {
            "HOME": str(tmp_path),
            "ANTHROPIC_API_KEY": "a-key-of-no-use",
            "ANTHROPIC_BASE_URL": server.url,
        }
        agent = AcpAgent(command=[COMMAND], environment=environment, place=place, limit_s=60)
        for _ in range(2):
            thoughts = Thoughts()
            proposal = await agent.propose(begun(SCRIPT).context(), thoughts)
            assert proposal.train == "LEARNING_RATE = 0.05\n"
            assert (proposal.title, proposal.hypothesis) == ("A higher rate", "It is slow.")
            # Five requests of 100 tokens to read and 50 to write.
            assert (proposal.usage.input_tokens, proposal.usage.output_tokens) == (500, 250)
            done = thoughts.text(ThoughtKind.TOOL)
            assert re.search(r"refused: execute.*echo", done)
            assert re.search(r"refused: edit.*notes\.md", done)
            assert "+LEARNING_RATE = 0.05" in done
        await agent.close()
    names = {path.name for path in (place / "work").iterdir()}
    assert names == {"train.py", "program.md", "history"}
