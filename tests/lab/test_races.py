"""The worst moments: a word at the very end of what it is about, and a disk that is full."""

import asyncio
import errno

import pytest

from autoresearch_tui.control import messages
from autoresearch_tui.executors.base import Ended
from autoresearch_tui.lab import device, runs, stages
from autoresearch_tui.record import events
from autoresearch_tui.record.events import ApprovalMode, KnownFact, RunOutcome, Status
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Experiment, Phase
from autoresearch_tui.session import Session
from autoresearch_tui.settings import ApprovalSettings, Settings
from tests.workshop import ScriptedAgent, Workshop, with_rate

ASK = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))
BY = "me@here"


@pytest.mark.parametrize("phase", [Phase.TRAINING, Phase.EVALUATING])
@pytest.mark.parametrize("word", [messages.Kill, messages.Skip])
async def test_who_is_told_that_it_is_killed_or_skipped_finds_it_so(
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    phase: Phase,
    word: type[messages.Kill | messages.Skip],
) -> None:
    """Also where the job has ended already, and only its record is still to come."""
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=3)

    async def fault(kind: str, ended: Ended, said: str, experiment: Experiment) -> None:
        if experiment.number == 1 and experiment.phase is phase:
            assert ended.outcome is RunOutcome.TRAINED
            assert (await lab.handle(word(by=BY, experiment=1))).changed

    monkeypatch.setattr(device, "fault", fault)
    assert (await lab.run()).finished
    wanted = Status.KILLED if word is messages.Kill else Status.SKIPPED
    experiment = lab.state.experiments[1]
    assert experiment.status is wanted
    assert BY in experiment.reason
    assert lab.state.incumbent != 1


async def test_an_edit_that_could_not_be_changed_is_shown_as_it_is(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = workshop.lab(ScriptedAgent(0.02), ASK)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 1)
    session, waiting = workshop.session, lab.state.experiments[1]
    files = [session.train_file(1), session.diff(1), session.experiment(1) / "proposal.json"]
    before = [path.read_bytes() for path in files]
    append = Journal.append

    def refuse(journal: Journal, fact: KnownFact) -> None:
        if isinstance(fact, events.Amended):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(journal, fact)

    monkeypatch.setattr(Journal, "append", refuse)
    changed = with_rate(before[0].decode(), 0.07)
    with pytest.raises(OSError, match="No space"):
        await lab.handle(messages.Amend(by=BY, experiment=1, commit=waiting.commit, train=changed))
    assert [path.read_bytes() for path in files] == before
    await lab.handle(messages.Stop(by=BY))
    await night
    # A lab that died between the files and the fact leaves it to the next one.
    for path in files:
        path.write_text(changed)
    workshop.lab(ScriptedAgent(), ASK).reconcile()
    assert [path.read_bytes() for path in files] == before


FILLING = """\
from pathlib import Path
Path("more").write_bytes(bytes(3 << 20))
raise OSError("No space left on device")
"""


async def test_a_run_that_fills_the_disk_is_to_blame_and_the_night_goes_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def free_mb(session: Session) -> float:
        return 0.0 if any(session.folder.glob("experiments/*/run/more")) else 1e6

    monkeypatch.setattr(stages, "free_mb", free_mb)
    monkeypatch.setattr(runs, "FILLING_MB", 2.0)
    lab = workshop.lab(ScriptedAgent(FILLING, 0.02), max_experiments=3)
    assert (await lab.run()).finished
    crashed = lab.state.experiments[1]
    assert crashed.status is Status.CRASH
    assert crashed.reason.startswith("it filled the disk with 3 MiB")
    # One that is small is not: whoever filled the disk, it is run again when there is room.
    monkeypatch.setattr(runs, "FILLING_MB", 4.0)
    end = await workshop.lab(
        ScriptedAgent(FILLING.replace("3 <<", "2 <<")), max_experiments=9
    ).run()
    assert end.trouble
    assert "Make room" in end.reason


async def test_what_a_death_right_after_a_verdict_left_is_freed_by_the_next_lab(
    workshop: Workshop,
) -> None:
    await workshop.lab(ScriptedAgent(0.03, 0.02, 0.5), max_experiments=4).run()
    folders = [workshop.session.experiment(number) / "evaluation" for number in range(4)]
    assert [folder.exists() for folder in folders] == [False, False, True, False]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / stages.WEIGHTS).touch()
    workshop.lab(ScriptedAgent()).reconcile()
    assert [folder.exists() for folder in folders] == [True, False, True, False]
