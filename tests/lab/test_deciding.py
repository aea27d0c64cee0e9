"""What a person decides of an edit that waits, through the lab's real socket."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from autoresearch_tui import session as sessions
from autoresearch_tui.control import client, messages
from autoresearch_tui.control.messages import AnyCommand, Reply
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import ApprovalMode, Status
from autoresearch_tui.settings import ApprovalSettings, Settings
from tests.workshop import ScriptedAgent, WatchedLab, Workshop, with_rate

ASK = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))
ADA, BOB = "ada@here", "bob@there"


class Desk:
    """A lab whose first proposal waits, and people who send it commands."""

    def __init__(self, workshop: Workshop, lab: WatchedLab, socket: Path) -> None:
        self.workshop = workshop
        self.lab = lab
        self._socket = socket

    async def send(self, command: AnyCommand) -> Reply:
        return await asyncio.to_thread(client.send, self._socket, command, 30.0)

    @property
    def commit(self) -> str:
        return self.lab.state.experiments[1].commit

    def changed(self, rate: float = 0.07) -> str:
        return with_rate((self.workshop.root / "train.py").read_text(), rate)

    def amend(self, train: str, commit: str | None = None) -> messages.Amend:
        commit = commit or self.commit
        return messages.Amend(by=ADA, experiment=1, commit=commit, train=train)


@asynccontextmanager
async def desk(workshop: Workshop, agent: ScriptedAgent) -> AsyncIterator[Desk]:
    lab = workshop.lab(agent, ASK)
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "deciding" / "lab.sock"
    server = ControlServer(path, lab.handle)
    await server.start()
    sessions.write_lab_file(workshop.session, path, "0")
    night = asyncio.create_task(lab.run())
    try:
        await lab.reach(Phase.WAITING_FOR_APPROVAL, 1)
        yield Desk(workshop, lab, path)
        await lab.handle(messages.Stop(by=ADA))
        await night
    finally:
        night.cancel()
        await server.stop()
    assert lab.state == fold(workshop.facts())


async def test_a_changed_edit_is_asked_about_anew_and_is_what_runs(workshop: Workshop) -> None:
    async with desk(workshop, ScriptedAgent(0.02)) as at:
        lab, first = at.lab, at.commit
        train = at.changed()
        assert (await at.send(at.amend(train))).changed
        await lab.until(lambda state: state.waiting is not None)
        assert (at.commit != first, lab.state.experiments[1].amended_by) == (True, ADA)
        late = await at.send(messages.Approve(by=BOB, experiment=1, commit=first))
        assert not late.ok
        assert ADA in late.detail
        assert (await at.send(messages.Approve(by=BOB, experiment=1, commit=at.commit))).changed
        await lab.reach(Phase.JUDGED, 1)
        session = workshop.session
        assert session.train_file(1).read_text() == train
        assert workshop.git("show", "refs/autoresearch/test/0001:train.py") == train
        assert "+LEARNING_RATE = 0.07" in session.diff(1).read_text()
        lab_says = lab.state.experiments[1]
        assert (lab_says.lines_added, lab_says.lines_removed) == (1, 1)


async def test_what_can_not_run_or_changes_nothing_is_no_new_edit(workshop: Workshop) -> None:
    async with desk(workshop, ScriptedAgent(0.02)) as at:
        commit = at.commit
        same = await at.send(at.amend(workshop.session.train_file(1).read_text()))
        assert (same.ok, same.changed) == (True, False)
        broken = await at.send(at.amend("x = 1\nif x\n"))
        assert not broken.ok
        assert "line 2" in broken.detail
        parents = await at.send(at.amend((workshop.root / "train.py").read_text()))
        assert (parents.ok, "#0" in parents.detail) == (False, True)
        assert not (await at.send(at.amend(at.changed(), commit="another"))).ok
        assert at.commit == commit
        assert at.lab.state.waiting is not None


async def test_sending_back_refuses_and_steers_in_one(workshop: Workshop) -> None:
    agent = ScriptedAgent(0.02, 0.03)
    async with desk(workshop, agent) as at:
        command = messages.SendBack(by=ADA, experiment=1, text="smaller steps")
        assert (await at.send(command)).changed
        await at.lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
        again = await at.send(command)
        assert (again.ok, again.changed) == (True, False)
        (told,) = agent.contexts[1].steering
        assert told.startswith("smaller steps (said of #1")
        first = at.lab.state.experiments[1]
        assert (first.status, first.reason) == (
            Status.REJECTED, f"sent back: smaller steps ({ADA})"
        )  # fmt: skip
        assert not (await at.send(messages.SendBack(by=ADA, experiment=2, text=" "))).ok


async def test_all_from_here_run_unasked_until_they_are_asked_about_again(
    workshop: Workshop,
) -> None:
    async with desk(workshop, ScriptedAgent(0.02, 0.03, 0.04, 0.05)) as at:
        lab = at.lab
        stale = messages.SetApproval(by=ADA, mode="auto", experiment=1, commit="another")
        assert not (await at.send(stale)).ok
        command = messages.SetApproval(by=ADA, mode="auto", experiment=1, commit=at.commit)
        assert (await at.send(command)).changed
        assert not (await at.send(command)).changed
        await lab.reach(Phase.JUDGED, 2)
        assert lab.state.approval is ApprovalMode.AUTO
        assert lab.state.experiments[1].approved_by == ADA
        asked = [f for f in workshop.facts() if isinstance(f, events.ApprovalRequested)]
        assert [fact.experiment for fact in asked] == [1]
        assert (await at.send(messages.SetApproval(by=ADA, mode="ask"))).changed
        await lab.until(lambda state: state.waiting is not None)
    # A lab asks as its settings say, whatever was said to the one before.
    assert workshop.lab(ScriptedAgent()).state.approval is ApprovalMode.AUTO
    assert workshop.lab(ScriptedAgent(), ASK).state.approval is ApprovalMode.ASK


async def test_of_two_who_decide_at_once_the_first_wins_and_the_other_reads_who(
    workshop: Workshop,
) -> None:
    async with desk(workshop, ScriptedAgent(0.02, 0.03)) as at:
        commit = at.commit
        approve = messages.Approve(by=ADA, experiment=1, commit=commit)
        reject = messages.Reject(by=BOB, experiment=1, reason="no")
        replies = await asyncio.gather(at.send(approve), at.send(reject))
        first, second = sorted(replies, key=lambda reply: not reply.changed)
        assert (first.changed, second.changed) == (True, False)
        winner = ADA if replies[0].changed else BOB
        assert winner in second.detail
        # A file that comes too late is not what runs, which whoever sent it has to hear.
        late = await at.send(at.amend(at.changed(), commit=commit))
        assert (late.ok, winner in late.detail) == (False, True)


async def test_the_same_on_the_command_line(workshop: Workshop) -> None:
    editor = workshop.root.parent / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/LEARNING_RATE = [^ ]*/LEARNING_RATE = 0.07/' \"$1\"\n")
    editor.chmod(0o755)

    async def say(*arguments: str) -> str:
        done = await asyncio.to_thread(workshop.done, *arguments, EDITOR=str(editor), VISUAL="")
        assert done.returncode == 0, done.stderr
        return done.stdout

    async with desk(workshop, ScriptedAgent(0.02, 0.03, 0.04)) as at:
        lab = at.lab
        assert "+LEARNING_RATE = 0.07" in await say("edit")
        await lab.until(lambda state: state.waiting is not None)
        assert "LEARNING_RATE = 0.07" in workshop.session.train_file(1).read_text()
        assert "nothing" not in (approved := await say("approve", "1"))
        assert approved.startswith("#1 LEARNING_RATE 0.02 [+1 -1], from #0, changed by ")
        await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
        await say("send-back", "try", "momentum")
        await lab.reach(Phase.WAITING_FOR_APPROVAL, 3)
        assert [s.experiment for s in lab.state.steering] == [3]
        await say("approve", "--all")
        assert lab.state.approval is ApprovalMode.AUTO
        await say("ask")
        assert lab.state.approval is ApprovalMode.ASK
        assert await say("program") == "Make val_bpb small.\n"
