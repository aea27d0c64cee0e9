"""Coding agents over the Agent Client Protocol: real processes, one of them built with its library.

What an agent writes, asks for and says is looked at from the outside: the folder, the proposal, the
thoughts, and the processes that are left.
"""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoresearch_tui.agents.acp import guard, wire
from autoresearch_tui.agents.acp.agent import AcpAgent
from autoresearch_tui.agents.acp.policy import Permissions
from autoresearch_tui.agents.acp.process import agent_environment
from autoresearch_tui.agents.acp.talk import SESSION_PROPOSALS, Sessions
from autoresearch_tui.agents.base import PermissionRequest, ProposalError
from autoresearch_tui.control import messages
from autoresearch_tui.lab import roster
from autoresearch_tui.record import events
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import SessionState
from tests.agents.night import Night, Thoughts, begun
from tests.workshop import ScriptedAgent, Workshop, processes_below, wait_until

HERE = Path(__file__).parent
KEY = "planted-0123-key"
SCRIPT = '"""A script."""\n\nLEARNING_RATE = 0.04\n'


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "AWAY_FIRST_S", 0.05)
    monkeypatch.setattr(roster, "AWAY_LONGEST_S", 0.1)
    monkeypatch.setattr("tests.workshop.BUDGET_S", 0.02)


def environment() -> dict[str, str]:
    return agent_environment({**os.environ, "SOME_KEY": KEY}, ["PYTHONPATH", "SOME_KEY"])


def coder(
    place: Path,
    *more: str,
    limit_s: float = 30.0,
    permissions: Permissions = Permissions.TRAIN,
) -> AcpAgent:
    """Return an agent built with the protocol's library; it remembers in `place`."""
    memory = place / "memory"
    memory.mkdir(parents=True, exist_ok=True)
    return AcpAgent(
        command=[sys.executable, str(HERE / "acp_agent.py"), str(memory), *more],
        environment=environment(),
        secrets=[KEY],
        place=place / "place",
        limit_s=limit_s,
        permissions=permissions,
    )


def rascal(place: Path, *ways: str, limit_s: float = 10.0) -> AcpAgent:
    """Return an agent that misbehaves in these ways, one after the other."""
    place.mkdir(exist_ok=True)
    command = [sys.executable, "-I", str(HERE / "acp_rascal.py"), str(place / "count"), *ways]
    return AcpAgent(
        command=command, environment=environment(), place=place / "place", limit_s=limit_s
    )


def errand(night: Night, *errands: str) -> Any:
    return night.context(steering=[f"do: {each}" for each in errands])


async def test_an_agent_edits_as_it_likes_and_nothing_else(tmp_path: Path) -> None:
    night, agent = begun(SCRIPT), coder(tmp_path)
    thoughts = Thoughts()
    by_us = await agent.propose(errand(night), thoughts)
    assert (by_us.title, by_us.hypothesis) == ("Another rate", "Another rate is better.")
    assert by_us.expected_change == -0.01
    assert by_us.train == SCRIPT.replace("0.04", "0.0422")
    assert (by_us.usage.input_tokens, by_us.usage.output_tokens) == (100, 20)
    assert "I think about the rate." in thoughts.text(ThoughtKind.THINKING)
    assert "+LEARNING_RATE = 0.0422" in thoughts.text(ThoughtKind.TOOL)
    assert (await agent.propose(errand(night, "own-write"), Thoughts())).train == by_us.train

    thoughts = Thoughts()
    trespassed = await agent.propose(errand(night, "trespass", "edit"), thoughts)
    assert trespassed.train == by_us.train
    said = thoughts.text(ThoughtKind.TEXT)
    assert "done: []" in said
    assert "/etc/hostname is outside" in said
    assert re.search(r"program.md may not be written: only \S+/train.py may", said)
    assert "There is no terminal here" in said
    undone = thoughts.text(ThoughtKind.ERROR)
    assert all(name in undone for name in ("notes.md", "program.md", "deep"))
    work = tmp_path / "place" / "work"
    assert sorted(path.name for path in work.iterdir()) == ["history", "program.md", "train.py"]
    assert (work / "program.md").read_text() == night.context().program

    thoughts = Thoughts()
    mended = await agent.propose(errand(night, "break"), thoughts)
    assert mended.hypothesis == "Mended."
    assert mended.usage.input_tokens == 200
    assert "does not parse" in thoughts.text(ThoughtKind.ERROR)

    thoughts = Thoughts()
    told = await agent.propose(errand(night, "tell-key"), thoughts)
    assert KEY not in repr(told) + repr(thoughts.all)
    assert told.title == "use [masked] now"
    # It was one process and one session, which was told what had been undone, and it is gone.
    memory = list((tmp_path / "memory").iterdir())
    assert len(memory) == 1
    assert "Last time you also changed" in memory[0].read_text()
    await agent.close()
    assert not processes_below(tmp_path)


class Person:
    """Answers what is asked, in this order, and then nothing."""

    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)
        self.asked: list[PermissionRequest] = []

    async def __call__(self, request: PermissionRequest) -> bool | None:
        self.asked.append(request)
        return self.answers.pop(0) if self.answers else None


async def test_a_person_is_asked_for_what_is_no_write_and_nothing_else(tmp_path: Path) -> None:
    night, agent = begun(SCRIPT), coder(tmp_path, permissions=Permissions.ASK)
    person, thoughts = Person(True, False), Thoughts()
    context = replace(errand(night, "trespass", "edit"), ask_person=person)
    proposal = await agent.propose(context, thoughts)
    # It was let read, and not let write beside its file, whatever a person would say.
    assert "done: ['read']" in thoughts.text(ThoughtKind.TEXT)
    assert "refused: execute  rm -rf /. A person refused it." in thoughts.text(ThoughtKind.TOOL)
    assert [each.what for each in person.asked] == ["read", "execute rm -rf /"]
    assert person.asked[0].detail == "/etc/passwd"
    assert person.asked[0].options == ["Yes", "No"]
    assert proposal.train == SCRIPT.replace("0.04", "0.0422")
    assert "notes.md" in thoughts.text(ThoughtKind.ERROR)

    # Where nobody is there, one wait is enough for a proposal.
    nobody, thoughts = Person(), Thoughts()
    context = replace(errand(night, "trespass", "edit"), ask_person=nobody)
    await agent.propose(context, thoughts)
    assert "done: []" in thoughts.text(ThoughtKind.TEXT)
    assert [each.what for each in nobody.asked] == ["read"]
    assert "Nobody answered in time." in thoughts.text(ThoughtKind.TOOL)
    await agent.close()


async def test_a_request_is_taken_back_with_its_proposal(tmp_path: Path) -> None:
    taken_back = asyncio.Event()

    async def nobody_yet(_request: PermissionRequest) -> bool | None:
        asking.set()
        try:
            await asyncio.Event().wait()
        finally:
            taken_back.set()
        return None

    asking = asyncio.Event()
    agent = coder(tmp_path, permissions=Permissions.ASK)
    context = replace(errand(begun(SCRIPT), "trespass"), ask_person=nobody_yet)
    proposing = asyncio.create_task(agent.propose(context, Thoughts()))
    await asking.wait()
    proposing.cancel()
    await taken_back.wait()
    await asyncio.wait({proposing})
    await agent.close()
    assert not processes_below(tmp_path)


async def by_acp(workshop: Workshop, agent: AcpAgent, upto: int) -> None:
    lab = workshop.lab(agent, max_experiments=upto)
    assert (await lab.run()).finished
    judged = list(lab.state.experiments.values())[1:]
    assert {experiment.agent for experiment in judged} == {"acp"}
    assert all(experiment.status for experiment in judged)


async def test_a_night_goes_on_with_the_agent_s_own_session(
    workshop: Workshop, tmp_path: Path
) -> None:
    await by_acp(workshop, coder(tmp_path), 3)
    await by_acp(workshop, coder(tmp_path), 5)
    memory = list((tmp_path / "memory").iterdir())
    assert len(memory) == 1
    assert "Propose experiment 4." in memory[0].read_text()
    thoughts = workshop.session.reasoning.read_text()
    assert "Another rate" in thoughts
    assert "(again)" not in thoughts
    change = workshop.session.diff(1).read_text()
    assert "+LEARNING_RATE" in change
    history = tmp_path / "place" / "work" / "history"
    assert {"0002.md", "results.tsv"} < {path.name for path in history.iterdir()}


WAYS = {
    "die": "gone: it ended with exit code 3 and said: fatal: out of luck, [masked]",
    "hang-with-children": "left no edit within 1 s and was ended",
    "error": "answers: [Overloaded: {'details': 'try later'}]",
    "garbage": "answers what is not the Agent Client Protocol",
    "endless-line": "gone: it sent a line of more than 8 MiB",
    "refuse": "it refused to answer",
    "nothing": "",
    "no-text": "",
    "link": "",
    "gone": "",
    "flood": "",
    "surrogate": "",
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_is_well_again_after_whatever_it_did(tmp_path: Path, way: str) -> None:
    agent, night = rascal(tmp_path, way, limit_s=1.0), begun(SCRIPT)
    if reason := WAYS[way]:
        with pytest.raises(ProposalError, match=re.escape(reason)) as caught:
            await agent.propose(night.context(), Thoughts())
        assert not caught.value.fatal
        assert caught.value.outage == (way != "refuse")
    else:
        # A wrong edit was handed back, and is mended.
        (await agent.propose(night.context(), Thoughts())).title.encode()
    again = await agent.propose(night.context(), Thoughts())
    assert again.train != SCRIPT
    assert again.title.startswith("-LEARNING_RATE")
    await agent.close()
    assert not processes_below(tmp_path)


@pytest.mark.parametrize(
    "ways", [["die", "nothing"], pytest.param([*WAYS], marks=pytest.mark.long)], ids=["few", "all"]
)
async def test_the_night_goes_on_whatever_the_agent_does(
    workshop: Workshop, tmp_path: Path, ways: list[str]
) -> None:
    other = ScriptedAgent(*(0.5 + number / 1000 for number in range(1000)))
    other.name = "other"
    agent = rascal(tmp_path / "rascal", *ways, limit_s=1.0)
    lab = workshop.lab(agent, fallback=other)
    night = asyncio.create_task(lab.run())
    count = tmp_path / "rascal" / "count"

    def recovered(state: SessionState) -> bool:
        if not count.exists() or count.stat().st_size <= len(ways) + 1:
            return False
        return list(state.experiments.values())[-1].agent == "acp"

    await lab.until(recovered)
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    failed = [fact.reason for fact in workshop.facts() if isinstance(fact, events.ProposalFailed)]
    for way in ways:
        assert any(WAYS[way] in each for each in failed), (way, failed)
    assert not processes_below(tmp_path / "rascal")


async def test_an_agent_that_can_not_be_talked_to_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = AcpAgent(command=["no-such-agent"], environment=environment(), place=tmp_path)
    mute = rascal(tmp_path / "mute", "mute")
    cases = [
        (rascal(tmp_path / "in", "log-in-first"), "Log in with its own command", False),
        (missing, "There is no command 'no-such-agent'", True),
        (mute, "did not answer within 0.3 s", False),
    ]
    for agent, sentence, is_fatal in cases:
        with monkeypatch.context() as patch:
            if agent is mute:
                patch.setattr("autoresearch_tui.agents.acp.agent.START_LIMIT_S", 0.3)
            with pytest.raises(ProposalError, match=re.escape(sentence)) as caught:
                await agent.propose(begun(SCRIPT).context(), Thoughts())
        assert (caught.value.fatal, caught.value.outage) == (is_fatal, not is_fatal)
        await agent.close()
    with monkeypatch.context() as patch:
        patch.setattr("autoresearch_tui.agents.acp.agent.CHECK_LIMIT_S", 0.3)
        with pytest.raises(ProposalError, match="did not answer"):
            await rascal(tmp_path / "mute", "mute").check()
    assert "answers by the Agent Client Protocol" in await rascal(tmp_path / "well").check()
    assert not processes_below(tmp_path)


async def test_a_cancelled_proposal_leaves_no_process(tmp_path: Path) -> None:
    agent = rascal(tmp_path, "hang-with-children")
    asking = asyncio.create_task(agent.propose(begun(SCRIPT).context(), Thoughts()))
    await asyncio.to_thread(
        wait_until, lambda: len(processes_below(tmp_path)) >= 3, "the agent's processes"
    )
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await agent.close()
    assert not processes_below(tmp_path)


LAB = """
import os, subprocess, sys
lifeline, _ = os.pipe()
guard = [sys.executable, "-I", sys.argv[1], str(lifeline), *sys.argv[2:]]
agent = subprocess.Popen(guard, stdin=subprocess.PIPE, pass_fds=[lifeline])
agent.stdin.write(b'{"id": 1, "method": "session/prompt"}\\n')
agent.stdin.flush()
agent.wait()
"""


def test_an_agent_does_not_survive_the_lab(tmp_path: Path) -> None:
    agent = [sys.executable, "-I", HERE / "acp_rascal.py", tmp_path / "count", "hang-with-children"]
    lab = subprocess.Popen([sys.executable, "-I", "-c", LAB, guard.__file__, *agent])
    # The lab, the guard, the agent, and what left the agent.
    wait_until(lambda: len(processes_below(tmp_path)) >= 4, "the agent's processes")
    lab.kill()
    lab.wait()
    wait_until(lambda: not processes_below(tmp_path), "the end of the agent's processes")


def test_a_session_goes_on_until_it_is_old_full_or_another_agent_s(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    sessions = Sessions(file, ["a", "b"])
    assert sessions.last() is None
    for _ in range(SESSION_PROPOSALS - 1):
        sessions.note("one")
    assert Sessions(file, ["a", "b"]).last() == "one"
    assert Sessions(file, ["a"]).last() is None
    sessions.note("one")
    assert sessions.last() is None
    sessions.note("two")
    assert sessions.last() == "two"
    sessions.note("two", is_last=True)
    assert sessions.last() is None
    for spoilt in (b"", b"[]", b"\xff", b'{"command": ["a", "b"], "session": 1}'):
        file.write_bytes(spoilt)
        assert sessions.last() is None
    file.unlink()
    file.mkdir()
    sessions.note("three")
    assert sessions.last() is None


async def test_an_agent_that_loads_no_sessions_begins_one_each_time(tmp_path: Path) -> None:
    agent = coder(tmp_path, "forgets")
    for _ in range(2):
        await agent.propose(begun(SCRIPT).context(), Thoughts())
    await agent.close()
    begun_with = [path.read_text() for path in (tmp_path / "memory").iterdir()]
    assert len(begun_with) == 2
    assert all("You are the researcher" in text for text in begun_with)


def test_messages_that_are_none_are_passed_over() -> None:
    read = wire._read  # pyright: ignore[reportPrivateUsage]
    for line in (
        b"",
        b"text",
        b"[1]",
        b"1",
        b"{}",
        b'{"id": [1]}',
        b'{"method": 1}',
        b"[" * 99_999,
    ):
        assert read(line) is None
    assert read(b'{"id": 1, "result": null}') == {"id": 1, "result": None}


@pytest.mark.long
async def test_thirty_experiments_by_an_agent_unattended(
    workshop: Workshop, tmp_path: Path
) -> None:
    other = ScriptedAgent()
    other.name = "other"
    lab = workshop.lab(coder(tmp_path), fallback=other, max_experiments=30)
    assert (await lab.run()).finished
    state = lab.state
    proposed = list(state.experiments.values())[1:]
    failed = [fact for fact in workshop.facts() if isinstance(fact, events.ProposalFailed)]
    assert state.baseline is not None
    assert state.best is not None
    print(
        f"{len(proposed)} proposals, {len(failed)} failed, {dict(state.status_counts)}, "
        f"{state.tokens_spent} tokens, {state.baseline.val_bpb} -> {state.best.val_bpb}"
    )
    assert {experiment.agent for experiment in proposed} == {"acp"}
    assert len(proposed) >= 29
    # 120 for each prompt: its agent says so.
    assert state.tokens_spent == 120 * (len(proposed) + len(failed))
