"""Whatever an agent does about its limit, the lab goes on without it."""

import asyncio
import sys
from pathlib import Path

import pytest

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.lab import patience, roster
from autoresearch_tui.settings import AgentSettings, Settings
from tests.workshop import ScriptedAgent, Workshop, processes_below, wait_until

SHORT = Settings(agent=AgentSettings(limit_s=0.05))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE_S", 0.05)
    monkeypatch.setattr(roster, "AWAY_FIRST_S", 60.0)


class Stubborn(ScriptedAgent):
    """Does not end, whoever tells it to, before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.left = asyncio.Event()
        self.asked = 0

    async def propose(self, context: Context, think: Think) -> Proposal:
        self.asked += 1
        while not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                continue
        asyncio.get_running_loop().call_later(0.05, self.left.set)
        raise RuntimeError("what it does afterwards is nobody's business")


class Quitter(ScriptedAgent):
    async def propose(self, context: Context, think: Think) -> Proposal:
        raise asyncio.CancelledError


async def test_an_agent_that_does_not_end_is_left_behind(workshop: Workshop) -> None:
    fallback = ScriptedAgent()
    fallback.name = "other"
    agent = Stubborn()
    lab = workshop.lab(agent, SHORT, fallback=fallback, max_experiments=3)
    assert (await lab.run()).finished
    assert [e.agent for e in lab.state.experiments.values()] == ["baseline", "other", "other"]
    # Once beside the fallback, and not again while it is away.
    assert agent.asked == 2
    assert lab.has_stuck_agent
    agent.free.set()
    await agent.left.wait()
    assert not lab.has_stuck_agent


async def test_an_agent_that_cancels_itself_cancels_nothing_else(workshop: Workshop) -> None:
    fallback = ScriptedAgent()
    fallback.name = "other"
    lab = workshop.lab(Quitter(), SHORT, fallback=fallback, max_experiments=2)
    assert (await lab.run()).finished
    assert lab.state.experiments[1].agent == "other"
    assert not lab.has_stuck_agent


STUBBORN = """\
import asyncio
from autoresearch_tui.agents import catalogue
from autoresearch_tui.lab import patience

class Stubborn:
    name, model = "stubborn", None
    computes_here = False

    async def propose(self, context, think):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

patience.GRACE_S = 0.05
catalogue.choose = lambda *_: (Stubborn(), None)
"""
"""Has any lab below ask an agent that does not end."""


def test_the_labs_process_ends_although_an_agent_does_not(
    workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(STUBBORN)
    done = workshop.done(
        "run", "--headless", "--budget", "0.1", "--max-experiments", "2",
        PYTHONPATH=f"{tmp_path}:{':'.join(sys.path)}", AUTORESEARCH_AGENT_LIMIT_S="0.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agent is now tpe: stubborn gave no answer within 0.1 s" in done.stdout
    wait_until(lambda: not processes_below(workshop.root), "the end of the lab")
