"""What an agent asks a person for, through the lab's real socket, and what becomes of it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from autoresearch_tui import headless
from autoresearch_tui import session as sessions
from autoresearch_tui.agents.base import Context, PermissionRequest, Proposal, Think
from autoresearch_tui.control import client, messages
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.lab import permissions
from autoresearch_tui.lab.approval import BY_POLICY
from autoresearch_tui.record import events, news
from autoresearch_tui.record.events import PermissionAnswered, PermissionRequested
from autoresearch_tui.record.fold import apply, fold
from autoresearch_tui.record.rules.permissions import BY_END_OF_LAB
from autoresearch_tui.record.state import Activity, SessionState
from autoresearch_tui.report import summary
from autoresearch_tui.session import LabLife
from tests.workshop import ScriptedAgent, WatchedLab, Workshop

ADA, BOB = "ada@here", "bob@there"


class Asking(ScriptedAgent):
    """Asks a person before it proposes, once, and remembers the answer."""

    computes_here = False

    def __init__(self, wait_s: float = 600.0) -> None:
        super().__init__()
        self.wait_s = wait_s
        self.answers: list[bool | None] = []

    async def propose(self, context: Context, think: Think) -> Proposal:
        if not self.answers:
            request = PermissionRequest(
                what="execute  ls -l",
                detail='{"command": "ls -l"}',
                reason="Only reading is allowed here.",
                options=["Yes", "No"],
                wait_s=self.wait_s,
            )
            self.answers.append(await context.ask_person(request))
        return await super().propose(context, think)


@asynccontextmanager
async def asking(workshop: Workshop, agent: Asking) -> AsyncIterator[WatchedLab]:
    """Have a lab whose agent asks, at its socket; it ends with the second experiment."""
    lab = workshop.lab(agent, max_experiments=2)
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "permissions" / "lab.sock"
    server = ControlServer(path, lab.handle)
    await server.start()
    sessions.write_lab_file(workshop.session, path, "0")
    night = asyncio.create_task(lab.run())
    try:
        await lab.until(lambda state: state.permission_requests > 0)
        yield lab
        await night
    finally:
        night.cancel()
        await server.stop()
    assert lab.state == fold(workshop.facts())


async def test_the_first_answer_stands_and_says_whose_it_is(workshop: Workshop) -> None:
    agent = Asking()
    async with asking(workshop, agent) as lab:
        asked = lab.state.asked
        assert asked is not None
        told = "\n".join(summary.status(workshop.session, lab.state, LabLife.ALIVE, time.time()))
        shown = await asyncio.to_thread(workshop.done, "allow")
        assert (shown.returncode, "execute  ls -l" in shown.stdout) == (0, True)
        assert "request 1 of scripted is allowed" in shown.stdout
        late = messages.Permit(by=BOB, request=1, allowed=False)
        reply = await asyncio.to_thread(client.send, workshop.session.socket, late, 30.0)
        assert (reply.ok, reply.changed) == (True, False)
        assert "request 1 was allowed by" in reply.detail
        unknown = await lab.handle(messages.Permit(by=BOB, request=7, allowed=True))
        assert not unknown.ok
    assert "ls -l" in told.replace("\n", "")
    assert agent.answers == [True]
    (answer,) = [fact for fact in workshop.facts() if isinstance(fact, PermissionAnswered)]
    assert answer.allowed
    assert "@" in answer.by
    nothing = await asyncio.to_thread(workshop.done, "refuse")
    assert "No agent asks to be allowed anything." in nothing.stderr


async def test_where_nobody_answers_in_time_the_policy_refuses(workshop: Workshop) -> None:
    agent = Asking(wait_s=0.05)
    async with asking(workshop, agent):
        pass
    assert agent.answers == [None]
    facts = workshop.facts()
    (asked,) = [fact for fact in facts if isinstance(fact, PermissionRequested)]
    (answer,) = [fact for fact in facts if isinstance(fact, PermissionAnswered)]
    assert (answer.allowed, answer.by) == (False, BY_POLICY)
    assert answer.at >= asked.decide_at


async def test_what_nobody_waits_for_any_more_is_refused(workshop: Workshop) -> None:
    agent = Asking()
    async with asking(workshop, agent) as lab:
        assert lab.state.activity in (Activity.WAITING_FOR_HUMAN, Activity.TRAINING)
        await lab.handle(messages.Stop(by=ADA, now=True))
    assert agent.answers == []
    (answer,) = [fact for fact in workshop.facts() if isinstance(fact, PermissionAnswered)]
    assert (answer.allowed, answer.by) == (False, permissions.BY_END)


def requested(at: float) -> PermissionRequested:
    return PermissionRequested(
        at=at, request=1, experiment=3, agent="coder", what="fetch \x1b[2J x", decide_at=at + 60.0
    )


def test_what_was_asked_under_a_lab_that_died_is_no_longer_asked() -> None:
    state = SessionState(lab_pid=1)
    apply(state, requested(5.0))
    assert state.asked is not None
    assert state.activity is Activity.WAITING_FOR_HUMAN
    apply(state, events.LabStopped(at=6.0, reason="it ended"))
    assert state.asked is None
    assert (state.permissions[1].allowed, state.permissions[1].answered_by) == (
        False,
        BY_END_OF_LAB,
    )


def test_it_is_a_line_and_news() -> None:
    state, fact = SessionState(lab_pid=1), requested(5.0)
    apply(state, fact)
    lines = [headless.printable(line) for line in headless.lines(state, fact)]
    assert lines[0].startswith("#3   coder asks to be allowed: fetch")
    assert "autoresearch allow 1, or refuse 1" in lines[-1]
    assert "coder asks to be allowed" in (news.news(state, fact) or "")
    answer = PermissionAnswered(at=6.0, request=1, allowed=True, by=ADA)
    apply(state, answer)
    assert list(headless.lines(state, answer)) == ["#3   request 1 allowed by ada@here"]
