"""The hand of a person: pause now, skip, promote, decide, steer; each may be said twice."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.control import client, messages
from autoresearch_tui.control.messages import AnyCommand
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Activity, Phase
from autoresearch_tui.record.vocabulary import Absence, ApprovalMode, RunOutcome, Status
from autoresearch_tui.settings import ApprovalSettings, Settings
from tests.lab.hand import BY, branch, endless, said_twice, train_of
from tests.workshop import ScriptedAgent, WatchedLab, Workshop, processes_below, with_rate

ASK = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))


async def test_pausing_now_ends_the_run_which_begins_anew_afterwards(kept: Workshop) -> None:
    lab = kept.lab(ScriptedAgent(), max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 3)
    await said_twice(lab, messages.Pause(by=BY, now=True))
    await lab.until(lambda state: state.activity is Activity.PAUSED)
    (run,) = lab.state.experiments[3].runs
    assert (run.outcome, run.reason) == (RunOutcome.INTERRUPTED, f"paused by {BY}")
    assert processes_below(kept.root) == []
    assert (await lab.handle(messages.Resume(by=BY))).changed
    assert (await night).finished
    runs = lab.state.experiments[3].runs
    assert [run.outcome for run in runs] == [RunOutcome.INTERRUPTED, RunOutcome.TRAINED]
    assert runs[0].seed == runs[1].seed
    assert lab.state == fold(kept.facts())


async def test_what_can_not_be_recorded_is_not_done(
    kept: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = kept.lab(ScriptedAgent(endless(kept)), max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 3)
    before, commits, full = fold(kept.facts()), branch(kept), OSError(errno.ENOSPC, "No space left")
    train = (kept.root / "train.py").read_text()
    commands: list[AnyCommand] = [
        messages.Pause(by=BY, now=True),
        messages.Skip(by=BY, experiment=3),
        messages.Kill(by=BY, experiment=3),
        messages.Undo(by=BY, experiment=1),
        messages.Try(by=BY, train=with_rate(train, 0.9), title="mine", hypothesis=""),
        messages.Stop(by=BY),
    ]

    def refuse(journal: Journal, fact: KnownFact) -> None:
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", refuse)
        for command in commands[:5]:
            with pytest.raises(OSError, match="No space"):
                await lab.handle(command)
        assert lab.state == before == fold(kept.facts())
        assert branch(kept) == commits
        assert lab.state.experiments[3].phase is Phase.TRAINING
        # But a stop is obeyed: the run is interrupted, and the next lab runs it again.
        with pytest.raises(OSError, match="No space"):
            await lab.handle(commands[5])
        with pytest.raises(OSError, match="No space"):
            await night
    assert lab.state == before
    again = kept.lab(ScriptedAgent())
    again.reconcile()
    assert again.state.experiments[3].phase is Phase.QUEUED


async def test_a_pause_may_become_one_that_ends_the_run(kept: Workshop) -> None:
    lab = kept.lab(ScriptedAgent(endless(kept)), max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 3)
    await said_twice(lab, messages.Pause(by=BY))
    await said_twice(lab, messages.Pause(by=BY, now=True))
    await lab.until(lambda state: state.activity is Activity.PAUSED)
    await lab.handle(messages.Stop(by=BY))
    await night


async def test_an_experiment_is_skipped_while_it_trains(kept: Workshop) -> None:
    lab = kept.lab(ScriptedAgent(endless(kept), 0.5), max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 3)
    await said_twice(lab, messages.Skip(by=BY, experiment=3, reason="too slow"))
    assert (await night).finished
    skipped, after = lab.state.experiments[3], lab.state.experiments[4]
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, f"skipped by {BY}: too slow")
    # It counts for nothing, so another one was run.
    assert after.status is Status.DISCARD
    assert not (await lab.handle(messages.Skip(by=BY, experiment=3))).changed
    assert not (await lab.handle(messages.Skip(by=BY, experiment=7))).ok
    assert processes_below(kept.root) == []


async def test_the_baseline_is_not_skipped(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent())
    assert not (await lab.handle(messages.Skip(by=BY))).changed
    lab.record(
        events.Proposed(
            at=1, experiment=0, parent=None, commit="c", title="t", hypothesis="",
            expected_change=None, agent="baseline",
        )
    )  # fmt: skip
    assert not (await lab.handle(messages.Skip(by=BY))).ok


async def test_an_experiment_is_skipped_while_it_waits(kept: Workshop) -> None:
    agent = ScriptedAgent(0.5, 0.6)
    lab = kept.lab(agent, ASK)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 3)
    await said_twice(lab, messages.Skip(by=BY, experiment=3))
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 4)
    assert lab.state.experiments[3].runs == []
    # The agent is told, as it is of what was rejected.
    told = agent.contexts[1].state.experiments[3]
    assert (told.status, told.reason) == (Status.SKIPPED, f"skipped by {BY}")
    await lab.handle(messages.Stop(by=BY))
    await night


class TestPromote:
    """The one command that writes into the user's work tree."""

    async def test_the_best_file_is_written_with_its_mode(self, kept: Workshop) -> None:
        lab = kept.lab(ScriptedAgent(0.025), max_experiments=4)
        path = kept.root / "train.py"
        path.chmod(0o751)
        before = kept.tree()
        await said_twice(lab, messages.Promote(by=BY))
        after = kept.tree()
        assert {name for name in after if after[name] != before.get(name)} == {str(path)}
        assert path.read_text() == train_of(kept, lab.state.experiments[2].commit)
        assert stat.S_IMODE(path.stat().st_mode) == 0o751
        (promoted,) = [f for f in kept.facts() if isinstance(f, events.Promoted)]
        assert (promoted.experiment, promoted.path, promoted.by) == (2, str(path), BY)
        # It is known where it came from, so that another keep may take its place.
        await said_twice(lab, messages.Promote(by=BY, experiment=1))

    async def test_nothing_of_the_users_is_lost(self, kept: Workshop) -> None:
        lab = kept.lab(ScriptedAgent())
        path = kept.root / "train.py"
        clean = path.read_text()
        changes: dict[str, Callable[[], object]] = {
            "changed": lambda: path.write_text(clean + "# mine\n"),
            "gone": path.unlink,
            "link": lambda: path.symlink_to("elsewhere.py"),
            "folder": path.mkdir,
        }
        (kept.root / "elsewhere.py").write_text(clean)
        for what, change in changes.items():
            if what != "changed":
                path.unlink(missing_ok=True)
            if what != "gone":
                change()
            before = kept.tree()
            reply = await lab.handle(messages.Promote(by=BY))
            assert not reply.ok, what
            assert reply.detail.startswith("nothing was written"), what
            assert kept.tree() == before, what
            assert path.is_symlink() == (what == "link")

    async def test_the_sessions_own_baseline_may_be_written_over(self, workshop: Workshop) -> None:
        path = workshop.root / "train.py"
        path.write_text(path.read_text() + "# not committed\n")
        lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
        await lab.run()
        await said_twice(lab, messages.Promote(by=BY))

    async def test_only_a_keep_is_promoted(self, kept: Workshop) -> None:
        lab = kept.lab(ScriptedAgent())
        assert not (await lab.handle(messages.Promote(by=BY, experiment=7))).ok
        lab.record(events.Judged(at=1, experiment=1, status=Status.DISCARD, reason="r", commit="c"))
        assert not (await lab.handle(messages.Promote(by=BY, experiment=1))).ok

    async def test_it_needs_no_lab(self, workshop: Workshop) -> None:
        lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
        await lab.run()
        promoted = workshop.done("promote")
        assert promoted.returncode == 0, promoted.stderr
        path = workshop.root / "train.py"
        assert path.read_text() == train_of(workshop, lab.state.experiments[1].commit)
        assert isinstance(workshop.facts()[-1], events.Promoted)
        # A session that nobody ran meanwhile has not lived any longer by it.
        assert workshop.state().last_fact_at == lab.state.last_fact_at


@asynccontextmanager
async def listening(lab: WatchedLab) -> AsyncIterator[Path]:
    """Have a lab take commands at a real socket."""
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "lab.sock"
    server = ControlServer(path, lab.handle)
    await server.start()
    yield path
    await server.stop()


async def test_of_two_who_decide_the_first_wins_and_the_other_reads_who_did(
    kept: Workshop,
) -> None:
    lab = kept.lab(ScriptedAgent(0.5), ASK, max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 3)
    async with listening(lab) as socket_path:
        answers = await asyncio.gather(
            asyncio.to_thread(client.send, socket_path, messages.Approve(by="ann", experiment=3)),
            asyncio.to_thread(client.send, socket_path, messages.Reject(by="bob", experiment=3)),
        )
    (won,) = [reply for reply in answers if reply.changed]
    (lost,) = [reply for reply in answers if not reply.changed]
    winner = "ann" if won is answers[0] else "bob"
    assert lost.ok
    assert winner in lost.detail
    await night
    decisions = [f for f in kept.facts() if isinstance(f, events.Approved | events.Rejected)]
    assert [decision.by for decision in decisions] == [winner]


@pytest.mark.parametrize(
    ("then", "status"), [(Absence.APPROVE, Status.DISCARD), (Absence.REJECT, Status.REJECTED)]
)
async def test_the_policy_for_absence_decides(
    kept: Workshop, then: Absence, status: Status
) -> None:
    asks = ApprovalSettings(mode=ApprovalMode.ASK, timeout_s=0.05, then=then)
    lab = kept.lab(ScriptedAgent(0.5), Settings(approval=asks), max_experiments=4)
    assert (await lab.run()).finished
    assert lab.state.experiments[3].status is status
    requested = [f for f in kept.facts() if isinstance(f, events.ApprovalRequested)]
    decided = [f for f in kept.facts() if isinstance(f, events.Approved | events.Rejected)]
    assert requested[0].then is then
    assert requested[0].decide_at is not None
    assert decided[0].at >= requested[0].decide_at
    assert decided[0].by == "the policy for absence"


async def test_a_sentence_given_during_a_proposal_goes_to_the_next_one(kept: Workshop) -> None:
    class Interrupted(ScriptedAgent):
        async def propose(self, context: Context, think: Think) -> Proposal:
            if not self.contexts:
                await lab.handle(messages.Steer(by=BY, text="try a wide one"))
            return await super().propose(context, think)

    agent = Interrupted(0.5, 0.6)
    lab = kept.lab(agent, max_experiments=5)
    await lab.run()
    assert [context.steering for context in agent.contexts] == [[], ["try a wide one"]]
    given = {s.text: s.experiment for s in lab.state.steering}
    assert given == {"try a wide one": 4}
