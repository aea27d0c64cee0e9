"""An edit that meets another incumbent than it was made to: merged, or passed over."""

import asyncio

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.control import messages
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Activity, Phase
from autoresearch_tui.record.vocabulary import ApprovalMode, RunOutcome, Status
from autoresearch_tui.settings import ApprovalSettings, RunSettings, Settings
from tests.workshop import (
    ScriptedAgent,
    Workshop,
    assert_no_clock_beside_an_evaluation,
    processes_below,
    with_rate,
)

ON = Settings(run=RunSettings(overlap="on"))
ON_AND_ASK = Settings(
    run=RunSettings(overlap="on"), approval=ApprovalSettings(mode=ApprovalMode.ASK)
)


class Remote(ScriptedAgent):
    """Waits for a server, so that it may think beside a clock on a CPU."""

    computes_here = False


def with_momentum(workshop: Workshop, momentum: float) -> str:
    """Return the baseline with a constant changed that no other edit here is near to."""
    train = (workshop.root / "train.py").read_text()
    return train.replace("MOMENTUM = 0.9", f"MOMENTUM = {momentum}")


def assert_what_is_shown_is_what_ran(workshop: Workshop, number: int) -> None:
    """Files, reference, fact and diff of an experiment say the same."""
    state, session = workshop.state(), workshop.session
    experiment = state.experiments[number]
    assert experiment.parent is not None
    train = session.train_file(number).read_text()
    assert workshop.git("show", f"refs/autoresearch/test/{number:04d}:train.py") == train
    before = session.train_file(experiment.parent).read_text().splitlines()
    diff = session.diff(number).read_text().splitlines()
    added = [line[1:] for line in diff if line.startswith("+") and not line.startswith("+++")]
    removed = [line[1:] for line in diff if line.startswith("-") and not line.startswith("---")]
    assert set(added) == set(train.splitlines()) - set(before)
    assert set(removed) == set(before) - set(train.splitlines())
    assert (experiment.lines_added, experiment.lines_removed) == (len(added), len(removed))


async def test_an_edit_made_ready_follows_a_keep(workshop: Workshop) -> None:
    workshop.hold_evaluation(1)
    lab = workshop.lab(ScriptedAgent(0.02, with_momentum(workshop, 0.8)), ON, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.STARTING, 2)
    workshop.let_go()
    assert (await night).finished
    second = lab.state.experiments[2]
    assert (second.parent, second.status) == (1, Status.DISCARD)
    train = workshop.session.train_file(2).read_text()
    assert "LEARNING_RATE = 0.02 " in train
    assert "MOMENTUM = 0.8 " in train
    # The process that had started up with the old code got no clock.
    assert [run.outcome for run in second.runs] == [RunOutcome.INTERRUPTED, RunOutcome.TRAINED]
    assert second.change == 0.0
    assert_what_is_shown_is_what_ran(workshop, 2)
    assert_no_clock_beside_an_evaluation(workshop.facts())
    assert lab.state == fold(workshop.facts())
    assert processes_below(workshop.root) == []


async def test_what_was_approved_is_asked_about_again_once_it_is_another(
    workshop: Workshop,
) -> None:
    workshop.hold_evaluation(1)
    agent = ScriptedAgent(0.02, with_momentum(workshop, 0.8))
    lab = workshop.lab(agent, ON_AND_ASK, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 1)
    await lab.handle(messages.Approve(by="me"))
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
    shown = lab.state.experiments[2].commit
    await lab.handle(messages.Approve(by="me", experiment=2, commit=shown))
    await lab.reach(Phase.STARTING, 2)
    workshop.let_go()
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
    late = await lab.handle(messages.Approve(by="you", experiment=2, commit=shown))
    assert not late.ok
    assert "look at its diff again" in late.detail
    assert lab.state.experiments[2].approved_by is None
    shown = lab.state.experiments[2].commit
    assert (await lab.handle(messages.Approve(by="you", experiment=2, commit=shown))).changed
    assert (await night).finished
    assert lab.state.experiments[2].approved_by == "you"


async def test_what_the_keep_has_already_is_passed_over(workshop: Workshop) -> None:
    better = with_rate((workshop.root / "train.py").read_text(), 0.02)
    more = better + "NOTHING_ELSE = 1\n"
    lab = workshop.lab(Remote(more, better, 0.5), max_experiments=3)
    await lab.run()
    skipped = lab.state.experiments[2]
    assert skipped.status is Status.SKIPPED
    assert "has all of its edit already" in skipped.reason
    assert lab.state.experiments[3].parent == 1


async def test_what_was_tried_already_is_not_run_again_after_a_merge(workshop: Workshop) -> None:
    train = (workshop.root / "train.py").read_text()
    broken = train.replace("MOMENTUM = 0.9", "MOMENTUM = 1 / 0")
    better = with_rate(train, 0.02)
    lab = workshop.lab(Remote(with_rate(broken, 0.02), better, broken, 0.5, 0.6), max_experiments=4)
    await lab.run()
    tried, keep, again = (lab.state.experiments[number] for number in (1, 2, 3))
    assert (tried.status, keep.status) == (Status.CRASH, Status.KEEP)
    assert (again.status, again.runs) == (Status.SKIPPED, [])
    assert again.reason.endswith("and merged onto #2 it is what #1 was")


async def test_a_thought_under_way_at_a_keep_is_finished_and_carried_over(
    workshop: Workshop,
) -> None:
    class Slow(Remote):
        async def propose(self, context: Context, think: Think) -> Proposal:
            asked.append((context.experiment, context.incumbent))
            if context.experiment == 2:
                await kept.wait()
            return await super().propose(context, think)

    asked: list[tuple[int, int]] = []
    kept = asyncio.Event()
    agent = Slow(0.02, with_momentum(workshop, 0.8))
    lab = workshop.lab(agent, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.JUDGED, 1)
    await lab.until(lambda state: state.activity is Activity.WAITING_FOR_AGENT)
    kept.set()
    assert (await night).finished
    assert asked == [(1, 0), (2, 0)]
    second = lab.state.experiments[2]
    assert (second.parent, second.status) == (1, Status.DISCARD)
    assert_what_is_shown_is_what_ran(workshop, 2)


async def test_an_agent_that_waits_for_a_server_thinks_beside_a_clock(workshop: Workshop) -> None:
    lab = workshop.lab(Remote(0.5, 0.6), max_experiments=3)
    await lab.run()
    facts = workshop.facts()
    # From the second experiment on, each is proposed before the one before it has its verdict.
    verdicts = {f.experiment: i for i, f in enumerate(facts) if isinstance(f, events.Judged)}
    proposals = {f.experiment: i for i, f in enumerate(facts) if isinstance(f, events.Proposed)}
    assert [proposals[n] < verdicts[n - 1] for n in (1, 2)] == [False, True]
    # A CPU is never shared: nothing starts up ahead.
    starts = {f.experiment: i for i, f in enumerate(facts) if isinstance(f, events.RunStarted)}
    assert all(verdicts[n - 1] < starts[n] for n in (1, 2))


async def test_a_refused_merge_gives_its_steering_to_the_next_proposal(workshop: Workshop) -> None:
    agent = Remote(0.02, 0.5, 0.6)
    lab = workshop.lab(agent, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.STARTING, 1)
    await lab.handle(messages.Steer(by="me", text="try a wide one"))
    await night
    assert lab.state.experiments[2].status is Status.SKIPPED
    asked = ["try a wide one"]
    assert [context.steering for context in agent.contexts] == [[], asked, asked]
