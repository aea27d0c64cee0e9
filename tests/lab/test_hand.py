"""The hand of a person: pause now, skip, undo, promote, try; each may be said twice."""

import asyncio
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch_tui.agents import prompt
from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.control import client, messages
from autoresearch_tui.control.messages import AnyCommand
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.storing import commit_below
from autoresearch_tui.record import events
from autoresearch_tui.record.events import (
    Absence,
    ApprovalMode,
    KnownFact,
    RunOutcome,
    Status,
)
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Activity, Phase
from autoresearch_tui.settings import ApprovalSettings, Settings
from tests.workshop import TAG, ScriptedAgent, WatchedLab, Workshop, processes_below, with_rate

ASK = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))
BY = "me@here"


def train_of(workshop: Workshop, reference: str) -> str:
    return workshop.git("show", f"{reference}:train.py")


def branch(workshop: Workshop) -> list[str]:
    """Return the commits of the session's branch, the newest first."""
    return workshop.git("rev-list", "--first-parent", "autoresearch/test").split()


def endless(workshop: Workshop) -> str:
    train = (workshop.root / "train.py").read_text()
    return train.replace("while trial.running", "while True")


async def said_twice(lab: WatchedLab, command: AnyCommand) -> None:
    """Give a command twice: it is done once, and the second time is no error."""
    first = await lab.handle(command)
    assert first.ok, first.detail
    assert first.changed, first.detail
    again = await lab.handle(command)
    assert again.ok, again.detail
    assert not again.changed, again.detail


@pytest.fixture(scope="module")
def night_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository whose session kept #0, #1 and #2."""
    workshop = Workshop.begun(tmp_path_factory.mktemp("before") / "repository")
    lab = workshop.lab(ScriptedAgent(0.03, 0.02), max_experiments=3)
    asyncio.run(lab.run())
    assert lab.state.incumbent == 2
    return workshop.root


@pytest.fixture
def kept(night_before: Path, tmp_path: Path) -> Workshop:
    """Return a copy of that repository."""
    shutil.copytree(night_before, tmp_path / "repository")
    return Workshop(tmp_path / "repository")


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


async def test_an_undo_goes_back_by_going_on(kept: Workshop) -> None:
    before = branch(kept)
    lab = kept.lab(ScriptedAgent(0.025), max_experiments=4)
    await said_twice(lab, messages.Undo(by=BY, experiment=1, reason="by luck"))
    assert (await lab.run()).finished
    # #3 was made to #1, was better than it, and stands on the commit that reverted to it.
    assert (lab.state.experiments[3].parent, lab.state.experiments[3].status) == (1, Status.KEEP)
    after = branch(kept)
    assert after[2:] == before
    assert after[0] == lab.state.experiments[3].commit
    assert train_of(kept, after[1]) == train_of(kept, lab.state.experiments[1].commit)
    message = kept.git("log", "-1", "--format=%B", after[1])
    assert message.startswith("undo: back to 0001")
    assert BY in message
    assert "by luck" in message
    shown = kept.git("diff", after[1], after[0])
    assert "-LEARNING_RATE = 0.03 " in shown
    assert "+LEARNING_RATE = 0.025 " in shown
    assert lab.state == fold(kept.facts())


async def test_without_a_number_the_keep_before_is_taken(kept: Workshop) -> None:
    lab = kept.lab(ScriptedAgent(0.025), max_experiments=4)
    assert (await lab.handle(messages.Undo(by=BY))).changed
    assert lab.state.incumbent == 1
    assert "experiment 1 is the incumbent again" in prompt.digest(lab.state)
    assert (await lab.handle(messages.Undo(by=BY))).changed
    assert not (await lab.handle(messages.Undo(by=BY))).ok, "before the baseline is nothing"
    # What was undone can be done again.
    assert (await lab.handle(messages.Undo(by=BY, experiment=2))).changed
    lab.reconcile()
    assert train_of(kept, "autoresearch/test") == train_of(kept, lab.state.experiments[2].commit)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=8))
def test_the_branch_only_goes_forward_and_always_holds_the_incumbent(
    night_before: Path, steps: list[int | None]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(night_before, Path(folder) / "repository")
        workshop = Workshop(Path(folder) / "repository")
        lab, repository = workshop.lab(ScriptedAgent()), ExperimentRepository(workshop.root, TAG)
        kept, head = [0, 1, 2], branch(workshop)[0]
        for step in steps:
            state = lab.state
            if step is None:
                # Another keep, as a verdict stores it.
                number, parent = state.next_number, state.incumbent
                train = f"x = {number}\n"
                below = commit_below(state, parent)
                commit = repository.store(train, below, "a test", "a test")
                lab.record(
                    events.Proposed(
                        at=1, experiment=number, parent=parent, commit=commit, title="t",
                        hypothesis="", expected_change=None, agent="a",
                    )
                )  # fmt: skip
                lab.record(
                    events.Judged(
                        at=1, experiment=number, status=Status.KEEP, reason="", commit=commit
                    )
                )
                kept.append(number)
            else:
                undo = messages.Undo(by=BY, experiment=kept[step % len(kept)])
                assert asyncio.run(lab.handle(undo)).ok
            lab.reconcile()
            assert lab.state.best is not None
            incumbent = lab.state.best.commit
            assert train_of(workshop, "autoresearch/test") == train_of(workshop, incumbent)
            commits = branch(workshop)
            assert head in commits
            head = commits[0]
        assert lab.state == workshop.state()


async def test_only_a_keep_can_be_the_incumbent(kept: Workshop, tmp_path: Path) -> None:
    fresh = Workshop.begun(tmp_path / "fresh").lab(ScriptedAgent())
    assert not (await fresh.handle(messages.Undo(by=BY))).ok
    lab = kept.lab(ScriptedAgent())
    lab.record(events.Judged(at=1, experiment=1, status=Status.DISCARD, reason="r", commit="c"))
    for number in (1, 9):
        assert not (await lab.handle(messages.Undo(by=BY, experiment=number))).ok
    assert lab.state.incumbent == 2


async def test_an_undo_whose_lab_died_before_the_branch_moved_is_finished(
    kept: Workshop,
) -> None:
    lab = kept.lab(ScriptedAgent(0.025), max_experiments=4)
    head = kept.git("rev-parse", "autoresearch/test")
    await lab.handle(messages.Undo(by=BY, experiment=0))
    # The lab took no further turn.
    assert kept.git("rev-parse", "autoresearch/test") == head
    again = kept.lab(ScriptedAgent(0.5), max_experiments=4)
    assert (await again.run()).finished
    assert again.state.branch_commit == kept.git("rev-parse", "autoresearch/test").strip()
    assert train_of(kept, "autoresearch/test") == train_of(kept, again.state.experiments[0].commit)
    assert branch(kept)[1] == head.strip()


async def test_what_runs_on_a_keep_that_is_undone_is_carried_over(kept: Workshop) -> None:
    train = with_rate(endless(kept), 0.02)
    lab = kept.lab(ScriptedAgent(train), max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 3)
    await lab.handle(messages.Undo(by=BY, experiment=0))
    await lab.until(lambda state: state.experiments[3].parent == 0)
    await lab.reach(Phase.TRAINING, 3)
    merged = kept.session.train_file(3).read_text()
    assert "LEARNING_RATE = 0.04 " in merged
    assert "while True" in merged
    await lab.handle(messages.Kill(by=BY))
    assert (await night).finished
    assert lab.state.experiments[3].runs[0].reason == "its parent #2 is no longer the incumbent"


async def test_what_is_scored_on_a_keep_that_is_undone_does_not_bring_it_back(
    kept: Workshop,
) -> None:
    kept.hold_evaluation(3)
    lab = kept.lab(ScriptedAgent(0.0201), max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.EVALUATING, 3)
    await lab.handle(messages.Undo(by=BY))
    kept.let_go()
    assert (await night).finished
    third = lab.state.experiments[3]
    assert third.val_bpb is not None
    assert third.val_bpb < (lab.state.experiments[1].val_bpb or 0)
    assert (third.status, lab.state.incumbent) == (Status.DISCARD, 1)


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


def with_momentum(train: str, momentum: float) -> str:
    return train.replace("MOMENTUM = 0.9", f"MOMENTUM = {momentum}")


class TestTry:
    """A person's own edit, queued as an experiment."""

    async def test_it_comes_before_the_agent_and_needs_no_approval(
        self, workshop: Workshop
    ) -> None:
        asked = asyncio.Event()

        class Thinking(ScriptedAgent):
            async def propose(self, context: Context, think: Think) -> Proposal:
                if not self.contexts:
                    self.contexts.append(context)
                    asked.set()
                    await asyncio.Event().wait()
                return await super().propose(context, think)

        agent = Thinking(0.5)
        lab = workshop.lab(agent, ASK, max_experiments=3)
        await lab.handle(messages.Steer(by=BY, text="try a wide one"))
        night = asyncio.create_task(lab.run())
        await asked.wait()
        mine = with_rate((workshop.root / "train.py").read_text(), 0.02)
        command = messages.Try(by=BY, train=mine, title="mine", hypothesis="It is better.")
        await said_twice(lab, command)
        await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
        first = lab.state.experiments[1]
        assert (first.agent, first.title, first.edit) == ("human", "mine", 1)
        assert (first.parent, first.status) == (0, Status.KEEP)
        assert train_of(workshop, first.commit) == mine
        assert lab.state.queued_edits == []
        # The sentence that the agent had was not acknowledged by a person's edit.
        assert [context.steering for context in agent.contexts] == [["try a wide one"]] * 2
        await lab.handle(messages.Approve(by=BY))
        assert (await night).finished
        assert lab.state == fold(workshop.facts())

    async def test_it_waits_over_the_end_of_a_lab(self, kept: Workshop) -> None:
        mine = with_rate((kept.root / "train.py").read_text(), 0.5)
        lab = kept.lab(ScriptedAgent())
        await said_twice(lab, messages.Try(by=BY, train=mine, title="mine"))
        # The lab died between the fact and the reference.
        kept.git("update-ref", "-d", "refs/autoresearch/test/edit-0001")
        again = kept.lab(ScriptedAgent(), max_experiments=4)
        again.reconcile()
        assert train_of(kept, "refs/autoresearch/test/edit-0001") == mine
        assert (await again.run()).finished
        assert again.state.experiments[3].edit == 1

    async def test_after_another_keep_it_is_carried_over_or_run_as_it_is(
        self, kept: Workshop
    ) -> None:
        train = with_rate((kept.root / "train.py").read_text(), 0.02)
        apart, same_line = with_momentum(train, 0.8), with_rate(train, 0.5)
        lab = kept.lab(ScriptedAgent(), max_experiments=5)
        for mine in (apart, same_line):
            await said_twice(lab, messages.Try(by=BY, train=mine, title="mine"))
        await lab.handle(messages.Undo(by=BY))
        assert (await lab.run()).finished
        third, fourth = lab.state.experiments[3], lab.state.experiments[4]
        assert (third.edit, third.parent, fourth.edit, fourth.parent) == (1, 1, 2, 1)
        merged = kept.session.train_file(3).read_text()
        assert "LEARNING_RATE = 0.03 " in merged
        assert "MOMENTUM = 0.8 " in merged
        assert "+LEARNING_RATE" not in kept.session.diff(3).read_text()
        assert kept.session.train_file(4).read_text() == same_line
        diff = kept.session.diff(4).read_text()
        assert "-LEARNING_RATE = 0.03 " in diff
        assert "+LEARNING_RATE = 0.5 " in diff
        notices = [notice.text for notice in lab.state.notices]
        assert ["#4 is run as the person wrote it" in text for text in notices] == [True]

    async def test_an_experiment_is_run_again_from_its_file(self, kept: Workshop) -> None:
        train = kept.session.train_file(1).read_text()
        lab = kept.lab(ScriptedAgent(), max_experiments=4)
        await said_twice(lab, messages.again(BY, 1, "again: one", train))
        assert (await lab.run()).finished
        third = lab.state.experiments[3]
        assert (third.agent, third.title) == ("human", "again: one")
        assert train_of(kept, third.commit) == train
        assert third.val_bpb is not None

    async def test_what_can_not_run_or_changes_nothing_is_refused(self, kept: Workshop) -> None:
        lab = kept.lab(ScriptedAgent())
        train = with_rate((kept.root / "train.py").read_text(), 0.02)
        for bad, said in [
            ("x = 1\ndef broken(:\n", "line 2"),
            ("x = 1\0", "does not parse"),
            (train, "it is what #2 is already"),
        ]:
            reply = await lab.handle(messages.Try(by=BY, train=bad, title="mine"))
            assert not reply.ok
            assert said in reply.detail
        assert lab.state.queued_edits == []


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
