"""A night on a device with room for two: the next run starts up while the last is evaluated."""

import asyncio
import itertools

import psutil
import pytest

from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.control import messages
from autoresearch_tui.lab.standby import has_room, is_overlapping
from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Activity, Phase
from autoresearch_tui.record.vocabulary import ApprovalMode, Hardware, RunOutcome, Status
from autoresearch_tui.settings import ApprovalSettings, RunSettings, Settings
from tests.workshop import (
    BUDGET_S,
    ScriptedAgent,
    Workshop,
    assert_no_clock_beside_an_evaluation,
    processes_below,
    wait_until,
)

ON = Settings(run=RunSettings(overlap="on"))
ON_AND_ASK = Settings(
    run=RunSettings(overlap="on"), approval=ApprovalSettings(mode=ApprovalMode.ASK)
)
WORSE = (0.5, 0.6, 0.7, 0.8)
"""Learning rates that no incumbent of these nights loses to."""


@pytest.fixture
def slow(workshop: Workshop) -> Workshop:
    """Return a repository where an evaluation waits until the next run is ready, or for long.

    That of the baseline does not: before its verdict there is no next run.
    """
    path = workshop.root / "prepare.py"
    text = path.read_text()
    waiting = (
        "    number = int(folder.parent.name) + 1\n"
        "    after = folder.parents[1] / f'{number:04d}' / 'run' / 'is_ready'\n"
        "    until = time.monotonic() + 2\n"
        "    while number > 1 and time.monotonic() < until and not after.exists():\n"
        "        time.sleep(0.005)\n"
    )
    head = "def evaluate(folder: Path) -> dict[str, object]:\n"
    text = text.replace(head, head + waiting)
    text = text.replace(
        "    def start(self) -> None:\n",
        "    def start(self) -> None:\n        (self.folder / 'is_ready').touch()\n",
    )
    path.write_text(text)
    return workshop


def moments(facts: list[AnyFact], kind: type[events.KnownFact], number: int) -> list[int]:
    """Return where in the journal the facts of one kind about an experiment stand."""
    return [
        index
        for index, fact in enumerate(facts)
        if isinstance(fact, kind) and getattr(fact, "experiment", None) == number
    ]


async def test_the_next_run_starts_up_during_the_evaluation(slow: Workshop) -> None:
    lab = slow.lab(ScriptedAgent(*WORSE), ON, max_experiments=4)
    end = await lab.run()
    assert end.finished
    facts = slow.facts()
    assert lab.state == fold(facts)
    assert_no_clock_beside_an_evaluation(facts)
    for number in (2, 3):
        before = number - 1
        (started,), (clock,) = (
            moments(facts, kind, number) for kind in (events.RunStarted, events.ClockStarted)
        )
        (proposed,) = moments(facts, events.Proposed, number)
        (trained,) = moments(facts, events.RunEnded, before)
        (evaluated,) = moments(facts, events.Evaluated, before)
        (judged,) = moments(facts, events.Judged, before)
        assert proposed < evaluated
        assert trained < started < evaluated < judged < clock
    assert [e.status for e in lab.state.experiments.values()] == [
        Status.KEEP,
        *[Status.DISCARD] * 3,
    ]
    assert processes_below(slow.root) == []


async def test_every_gap_between_clocks_is_known(slow: Workshop) -> None:
    lab = slow.lab(ScriptedAgent(*WORSE), ON, max_experiments=3)
    await lab.run()
    runs = [experiment.runs[0] for experiment in lab.state.experiments.values()]
    assert runs[0].gap_s is None
    for before, after in itertools.pairwise(runs):
        assert before.clock_ended_at is not None
        assert before.clock_started_at is not None
        assert before.ended_at is not None
        assert after.clock_started_at is not None
        assert after.gap_s == after.clock_started_at - before.clock_ended_at
        assert before.clock_ended_at - before.clock_started_at >= BUDGET_S
        assert before.clock_ended_at <= before.ended_at < after.clock_started_at


async def test_the_seconds_of_two_at_once_are_counted_once(slow: Workshop) -> None:
    lab = slow.lab(ScriptedAgent(*WORSE), ON, max_experiments=3)
    await lab.run()
    facts = slow.facts()
    state = fold(facts)
    started_at = state.lab_started_at
    assert started_at is not None
    stopped = facts[-1].at
    assert sum(state.ledger_s.values()) == pytest.approx(stopped - started_at)
    # While #1 is evaluated and #2 starts up, the time is the evaluation's.
    (started,) = moments(facts, events.RunStarted, 2)
    assert fold(facts[: started + 1]).activity is Activity.EVALUATING
    (judged,) = moments(facts, events.Judged, 1)
    assert fold(facts[: judged + 1]).activity in (Activity.STARTING, Activity.COMPILING)


async def test_a_keep_skips_what_was_proposed_to_the_old_incumbent(slow: Workshop) -> None:
    agent = ScriptedAgent(0.02, 0.5, 0.6)
    lab = slow.lab(agent, ON, max_experiments=3)
    end = await lab.run()
    assert end.finished
    facts = slow.facts()
    assert_no_clock_beside_an_evaluation(facts)
    first, second, third = (lab.state.experiments[number] for number in (1, 2, 3))
    assert first.status is Status.KEEP
    assert second.status is Status.SKIPPED
    assert second.reason == (
        "its parent #0 is no longer the incumbent, and its edit does not merge onto #1"
    )
    assert [run.outcome for run in second.runs] == [RunOutcome.INTERRUPTED]
    assert moments(facts, events.ClockStarted, 2) == []
    # The next is an edit of the new incumbent, and the skipped one does not count.
    assert (third.parent, third.status) == (1, Status.DISCARD)
    assert "LEARNING_RATE = 0.02 " in agent.contexts[2].train
    assert "+LEARNING_RATE = 0.5 " in slow.session.diff(2).read_text()
    assert slow.git("rev-parse", "autoresearch/test").strip() == first.commit
    assert slow.git("rev-parse", "refs/autoresearch/test/0002").strip() == second.commit


async def test_no_more_is_proposed_than_will_be_run(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(*WORSE), ON, max_experiments=2)
    await lab.run()
    assert len(lab.state.experiments) == 2


def spares_of(workshop: Workshop, number: int, word: str) -> list[psutil.Process]:
    """Return the processes of an experiment that were started with a word of prepare.py's."""
    folder = workshop.session.experiment(number)
    return [each for each in processes_below(folder) if word in each.cmdline()]


@pytest.mark.parametrize("word", ["stand-by", "evaluate"])
async def test_a_spare_that_died_costs_nothing_but_time(workshop: Workshop, word: str) -> None:
    # The baseline's clock runs until the test has done its deed.
    path = workshop.root / "train.py"
    path.write_text(
        path.read_text()
        .replace(
            "        pass\n",
            "        try:\n"
            "            open(prepare.__file__.replace('prepare.py', 'done')).close()\n"
            "        except OSError:\n"
            "            trial.started = time.monotonic()\n",
        )
        .replace("import prepare\n", "import time\n\nimport prepare\n")
    )
    lab = workshop.lab(ScriptedAgent(*WORSE), ON, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 0)
    number = 1 if word == "stand-by" else 0
    (spare,) = await asyncio.to_thread(
        wait_until, lambda: spares_of(workshop, number, word), "a spare"
    )
    spare.kill()
    (workshop.session.pristine / "done").touch()
    assert (await night).finished
    assert [e.status for e in lab.state.experiments.values()] == [
        Status.KEEP,
        Status.DISCARD,
        Status.DISCARD,
    ]
    assert all(len(e.runs) == 1 for e in lab.state.experiments.values())
    assert processes_below(workshop.root) == []


ENDLESS = "while True"


def endless(workshop: Workshop) -> str:
    """Return a train.py that never ends by itself."""
    return (workshop.root / "train.py").read_text().replace("while trial.running", ENDLESS)


async def test_an_edit_is_decided_while_another_trains(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(endless(workshop), 0.5, 0.6), ON_AND_ASK, max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 1)
    await lab.handle(messages.Approve(by="me"))
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
    assert lab.state.experiments[1].phase is Phase.TRAINING
    assert lab.state.activity is Activity.TRAINING
    assert (await lab.handle(messages.Reject(by="me", reason="too bold"))).changed
    # A refused one makes room for another at once.
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 3)
    assert lab.state.experiments[2].status is Status.REJECTED
    assert (await lab.handle(messages.Approve(by="me", experiment=3))).changed
    assert (await lab.handle(messages.Kill(by="me", experiment=1))).changed
    assert (await night).finished
    assert lab.state.experiments[1].status is Status.KILLED
    assert lab.state.experiments[3].status is Status.DISCARD
    assert processes_below(workshop.root) == []


@pytest.fixture
def held(workshop: Workshop) -> Workshop:
    """Return a repository where the evaluation of #1 does not end before a file is there."""
    workshop.hold_evaluation(1)
    return workshop


async def test_a_run_that_starts_ahead_can_be_killed(held: Workshop) -> None:
    lab = held.lab(ScriptedAgent(*WORSE), ON, max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.STARTING, 2)
    assert lab.state.experiments[1].phase is Phase.EVALUATING
    assert (await lab.handle(messages.Kill(by="me", experiment=2))).changed
    await lab.reach(Phase.JUDGED, 2)
    await lab.reach(Phase.STARTING, 3)
    held.let_go()
    assert (await night).finished
    statuses = [e.status for e in lab.state.experiments.values()]
    assert statuses == [Status.KEEP, Status.DISCARD, Status.KILLED, Status.DISCARD]
    assert_no_clock_beside_an_evaluation(held.facts())


async def test_a_crash_while_starting_ahead_is_an_experiment_like_any_other(
    held: Workshop,
) -> None:
    lab = held.lab(ScriptedAgent(0.5, "raise ValueError('no width')\n", 0.6), ON, max_experiments=4)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.JUDGED, 2)
    assert lab.state.experiments[2].status is Status.CRASH
    assert "no width" in lab.state.experiments[2].reason
    held.let_go()
    assert (await night).finished


async def test_a_pause_ends_what_started_ahead_and_it_goes_on_afterwards(held: Workshop) -> None:
    lab = held.lab(ScriptedAgent(*WORSE), ON, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.STARTING, 2)
    await lab.handle(messages.Pause(by="me"))
    await lab.reach(Phase.QUEUED, 2)
    held.let_go()
    await lab.until(lambda state: state.activity is Activity.PAUSED)
    assert lab.state.experiments[1].phase is Phase.JUDGED
    await lab.handle(messages.Resume(by="me"))
    assert (await night).finished
    outcomes = [run.outcome for run in lab.state.experiments[2].runs]
    assert outcomes == [RunOutcome.INTERRUPTED, RunOutcome.TRAINED]


@pytest.mark.parametrize("now", [False, True])
async def test_a_stop_with_two_in_flight_loses_neither(held: Workshop, now: bool) -> None:
    lab = held.lab(ScriptedAgent(*WORSE), ON)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.STARTING, 2)
    await lab.handle(messages.Stop(by="me", now=now))
    held.let_go()
    assert not (await night).finished
    assert processes_below(held.root) == []
    first, second = lab.state.experiments[1], lab.state.experiments[2]
    assert second.phase is Phase.QUEUED
    assert first.phase is (Phase.EVALUATING if now else Phase.JUDGED)
    assert len(lab.state.experiments) == 3
    again = held.lab(ScriptedAgent(), ON, max_experiments=3)
    assert (await again.run()).finished
    assert [e.status for e in again.state.experiments.values()] == [
        Status.KEEP,
        Status.DISCARD,
        Status.DISCARD,
    ]
    assert_no_clock_beside_an_evaluation(held.facts())


async def test_a_lab_killed_with_two_in_flight_takes_both_up(held: Workshop) -> None:
    lab = held.lab(ScriptedAgent(*WORSE), ON)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.STARTING, 2)
    journal = held.session.journal.read_bytes()
    lab.interrupt("a test said so")
    await night
    # As if it had been killed: nothing was recorded of the end.
    held.session.journal.write_bytes(journal)
    held.let_go()
    again = held.lab(ScriptedAgent(), ON, max_experiments=3)
    assert (await again.run()).finished
    assert [e.status for e in again.state.experiments.values()] == [
        Status.KEEP,
        Status.DISCARD,
        Status.DISCARD,
    ]
    outcomes = [run.outcome for run in again.state.experiments[2].runs]
    assert outcomes == [RunOutcome.INTERRUPTED, RunOutcome.TRAINED]


async def test_an_agent_that_can_not_go_on_ends_the_session_after_the_verdict(
    workshop: Workshop,
) -> None:
    lab = workshop.lab(ScriptedAgent(0.5, ProposalError("nothing is left.", fatal=True)), ON)
    end = await lab.run()
    assert end.trouble
    assert "nothing is left" in end.reason
    assert lab.state.experiments[1].status is Status.DISCARD


def hardware(device: str, device_memory_mb: int) -> Hardware:
    return Hardware(
        device=device, name="a", cores=1, memory_mb=1, device_memory_mb=device_memory_mb,
        torch="2", python="3", host="h",
    )  # fmt: skip


def test_only_a_large_gpu_overlaps_by_itself() -> None:
    assert is_overlapping("auto", hardware("cuda", 81_079))
    assert is_overlapping("auto", hardware("cuda", 24_210))
    assert not is_overlapping("auto", hardware("cuda", 16_000))
    assert not is_overlapping("auto", hardware("cpu", 0))
    assert not is_overlapping("auto", None)
    assert is_overlapping("on", hardware("cpu", 0))
    assert not is_overlapping("off", hardware("cuda", 81_079))


def test_two_runs_share_a_device_only_with_room_to_spare() -> None:
    assert has_room(hardware("cuda", 81_079), 40_000)
    assert not has_room(hardware("cuda", 81_079), 70_000)
    assert not has_room(hardware("cuda", 24_210), 12_000)
    assert has_room(hardware("cpu", 0), 12_000)
