"""An undo: an earlier keep is the incumbent again, and the branch only goes forward."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch_tui.agents import prompt
from autoresearch_tui.control import messages
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.storing import commit_below
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import Status
from tests.lab.hand import BY, branch, endless, said_twice, train_of
from tests.workshop import TAG, ScriptedAgent, Workshop, with_rate


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
