"""What a night leaves in the user's repository, and what people may do there meanwhile."""

import asyncio

import pytest

from autoresearch_tui.lab.repository import RepositoryError
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import Status
from tests.workshop import ScriptedAgent, Workshop, with_rate


async def test_git_reads_as_a_notebook(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02, 0.5), max_experiments=3)
    await lab.run()
    subjects = workshop.git("log", "--format=%s", "autoresearch/test").splitlines()
    assert [subject.split(" (")[0] for subject in subjects] == [
        "0001 keep: LEARNING_RATE 0.02",
        "0000 keep: baseline: train.py as it stands",
        "begin",
    ]
    trailers = workshop.git("log", "-1", "--format=%(trailers)", "autoresearch/test")
    for name in ("Experiment", "Status", "Val-Bpb", "Measured-Change", "Expected-Change", "Seed"):
        assert f"\n{name}: " in "\n" + trailers
    shown = workshop.git("show", "refs/autoresearch/test/0002")
    assert "-LEARNING_RATE = 0.02 " in shown
    assert "+LEARNING_RATE = 0.5 " in shown


async def test_the_users_work_tree_index_and_head_are_left_alone(workshop: Workshop) -> None:
    (workshop.root / "train.py").write_text(
        with_rate((workshop.root / "train.py").read_text(), 0.03) + "# not committed\n"
    )
    (workshop.root / "notes.txt").write_text("mine")
    before = workshop.tree()
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    await lab.run()
    assert workshop.tree() == before
    assert workshop.git("status", "--porcelain") == " M train.py\n?? notes.txt\n"
    # What was measured is the work tree's file, committed or not.
    assert "# not committed" in workshop.git("show", "refs/autoresearch/test/0000:train.py")


async def test_the_night_goes_on_while_the_user_works_in_the_repository(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.03, 0.02, 0.5), max_experiments=4)
    night = asyncio.create_task(lab.run())
    for number in range(4):
        await lab.reach(Phase.TRAINING, number)
        (workshop.root / "train.py").write_text(f"raise SystemExit({number})\n")
        workshop.git("commit", "-qam", f"mine {number}")
        workshop.git("reset", "-q", "--hard", "HEAD~1")
        workshop.git("clean", "-qfdx")
    assert (await night).finished
    assert lab.state.status_counts == {Status.KEEP: 3, Status.DISCARD: 1}


async def test_a_branch_that_somebody_moved_stops_the_lab_and_is_not_touched(
    workshop: Workshop,
) -> None:
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 1)
    workshop.git("branch", "-f", "autoresearch/test", "HEAD")
    with pytest.raises(RepositoryError, match="git branch -f"):
        await night
    head = workshop.git("rev-parse", "HEAD")
    assert workshop.git("rev-parse", "autoresearch/test") == head


async def test_references_that_a_crash_left_behind_are_mended(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    await lab.run()
    kept = workshop.git("rev-parse", "autoresearch/test")
    # As if the end had come between the fact and the references.
    workshop.git("update-ref", "-d", "refs/autoresearch/test/0001")
    workshop.git("branch", "-f", "autoresearch/test", lab.state.experiments[0].commit)
    workshop.lab(ScriptedAgent()).reconcile()
    assert workshop.git("rev-parse", "autoresearch/test") == kept
    assert workshop.git("rev-parse", "refs/autoresearch/test/0001") == kept


async def test_a_branch_that_is_checked_out_is_left_alone_and_follows_later(
    workshop: Workshop,
) -> None:
    await workshop.lab(ScriptedAgent(), max_experiments=1).run()
    workshop.git("checkout", "-q", "autoresearch/test")
    before = workshop.tree()
    lab = workshop.lab(ScriptedAgent(0.03, 0.02), max_experiments=3)
    await lab.run()
    assert workshop.tree() == before
    assert workshop.git("status", "--porcelain") == ""
    assert sum("is checked out" in notice.text for notice in lab.state.notices) == 1
    workshop.git("checkout", "-q", "--detach")
    again = workshop.lab(ScriptedAgent())
    again.reconcile()
    assert again.state.best is not None
    assert workshop.git("rev-parse", "autoresearch/test").strip() == again.state.best.commit


async def test_locks_and_losses_in_git_do_not_end_the_session(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02, 0.5), max_experiments=3)
    await lab.run()
    # Somebody throws a discarded experiment away for good.
    lost = lab.state.experiments[2].commit
    workshop.git("update-ref", "-d", "refs/autoresearch/test/0002")
    workshop.git("reflog", "expire", "--expire=now", "--all")
    workshop.git("gc", "-q", "--prune=now")
    (workshop.root / ".git/refs/heads/autoresearch").mkdir(parents=True, exist_ok=True)
    (workshop.root / ".git/refs/heads/autoresearch/test.lock").touch()
    again = workshop.lab(ScriptedAgent(0.019), max_experiments=4)
    assert (await again.run()).finished
    assert again.state.experiments[2].commit == lost


async def test_line_ends_of_another_system_are_kept(workshop: Workshop) -> None:
    path = workshop.root / "train.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    workshop.git("commit", "-qam", "line ends")
    await workshop.lab(ScriptedAgent(), max_experiments=1).run()
    assert workshop.git("diff", "HEAD", "refs/autoresearch/test/0000") == ""
