"""A night in this process: a scripted agent, real runs of 0.1 s, real git."""

import asyncio

import msgspec
import pytest

from autoresearch_tui.agents.base import Context, Proposal, ProposalError, Think
from autoresearch_tui.control import messages
from autoresearch_tui.lab import roster
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Activity, Phase
from autoresearch_tui.record.vocabulary import ApprovalMode, RunOutcome, Status
from autoresearch_tui.settings import ApprovalSettings, LimitSettings, Settings
from tests.workshop import ScriptedAgent, Workshop, processes_below

ASK = Settings(approval=ApprovalSettings(mode=ApprovalMode.ASK))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an agent that is alone be asked again soon."""
    monkeypatch.setattr(roster, "RETRY_FIRST_S", 0.01)


async def test_a_better_edit_is_kept_and_a_worse_one_discarded(workshop: Workshop) -> None:
    agent = ScriptedAgent(0.02, 0.5)
    lab = workshop.lab(agent, max_experiments=3)
    end = await lab.run()
    assert end.finished
    statuses = [experiment.status for experiment in lab.state.experiments.values()]
    assert statuses == [Status.KEEP, Status.KEEP, Status.DISCARD]
    assert lab.state.incumbent == 1
    # The second edit started from the first one's file.
    assert "LEARNING_RATE = 0.02 " in agent.contexts[1].train
    assert lab.state == fold(workshop.facts())


async def test_results_are_upstreams_table(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02, "raise SystemExit(3)\n"), max_experiments=3)
    await lab.run()
    header, *rows = workshop.session.results.read_text().splitlines()
    assert header == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    cells = [row.split("\t") for row in rows]
    assert [row[3] for row in cells] == ["keep", "keep", "crash"]
    assert cells[2][1] == "0.000000"
    assert workshop.git("rev-parse", "--short=7", "autoresearch/test").strip() == cells[1][0]


@pytest.mark.parametrize(
    ("train", "status", "reason"),
    [
        ("raise ValueError('no width')\n", Status.CRASH, "ValueError: no width"),
        ("print('nothing')\n", Status.CRASH, "without trial.finish"),
        ("def broken(:\n", Status.CRASH, "SyntaxError"),
        ("import no_such_package\n", Status.CRASH, "no_such_package"),
    ],
)
async def test_a_bad_edit_costs_one_experiment_and_says_why(
    workshop: Workshop, train: str, status: Status, reason: str
) -> None:
    lab = workshop.lab(ScriptedAgent(train, 0.02), max_experiments=3)
    await lab.run()
    failed, better = lab.state.experiments[1], lab.state.experiments[2]
    assert failed.status is status
    assert reason in failed.reason
    assert better.status is Status.KEEP
    assert processes_below(workshop.root) == []


async def test_weights_of_another_model_are_invalid(workshop: Workshop) -> None:
    train = (workshop.root / "train.py").read_text()
    cheat = train.replace("trial.finish(build_model())", 'trial.finish({"WIDTH": 96})')
    lab = workshop.lab(ScriptedAgent(cheat), max_experiments=2)
    await lab.run()
    assert lab.state.experiments[1].status is Status.INVALID


async def test_a_baseline_that_fails_ends_the_session_in_a_sentence(workshop: Workshop) -> None:
    (workshop.root / "train.py").write_text("raise ValueError('mine')\n")
    lab = workshop.lab(ScriptedAgent())
    end = await lab.run()
    assert "Mend train.py" in end.reason
    assert "ValueError: mine" in end.reason
    # Mended, the same session goes on with a baseline of its own.
    workshop.git("checkout", "-q", "train.py")
    again = workshop.lab(ScriptedAgent(0.02), max_experiments=3)
    await again.run()
    assert [e.status for e in again.state.experiments.values()] == [
        Status.CRASH,
        Status.KEEP,
        Status.KEEP,
    ]


async def test_an_edit_waits_for_its_approval(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02, 0.03), ASK, max_experiments=3)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 1)
    assert not (await lab.handle(messages.Approve(by="me", experiment=7))).ok
    assert (await lab.handle(messages.Approve(by="me", experiment=1))).changed
    assert not (await lab.handle(messages.Approve(by="you", experiment=1))).changed
    await lab.reach(Phase.WAITING_FOR_APPROVAL, 2)
    await lab.handle(messages.Reject(by="me", experiment=2, reason="too bold"))
    await night
    assert lab.state.experiments[1].status is Status.KEEP
    assert lab.state.experiments[1].approved_by == "me"
    rejected = lab.state.experiments[2]
    assert rejected.status is Status.REJECTED
    assert "too bold" in rejected.reason
    assert rejected.runs == []


async def test_pausing_starts_nothing_new_and_can_be_said_twice(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 0)
    assert (await lab.handle(messages.Pause(by="me"))).changed
    assert not (await lab.handle(messages.Pause(by="me"))).changed
    await lab.reach(Phase.JUDGED, 0)
    await lab.until(lambda state: state.activity is Activity.PAUSED)
    assert len(lab.state.experiments) == 1
    assert (await lab.handle(messages.Resume(by="me"))).changed
    await night
    assert len(lab.state.experiments) == 2


async def test_a_killed_run_is_judged_killed(workshop: Workshop) -> None:
    train = (workshop.root / "train.py").read_text()
    endless = train.replace("while trial.running", "while True")
    lab = workshop.lab(ScriptedAgent(endless, 0.02), max_experiments=3)
    night = asyncio.create_task(lab.run())
    assert not (await lab.handle(messages.Kill(by="me"))).changed
    await lab.reach(Phase.TRAINING, 1)
    assert (await lab.handle(messages.Kill(by="me", experiment=1))).changed
    await night
    assert lab.state.experiments[1].status is Status.KILLED
    assert lab.state.experiments[1].reason == "killed by me"
    assert lab.state.experiments[2].status is Status.KEEP
    assert processes_below(workshop.root) == []


async def test_stopping_finishes_the_run_in_flight(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent())
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 1)
    await lab.handle(messages.Stop(by="me"))
    end = await night
    assert not end.finished
    assert lab.state.experiments[1].phase is Phase.JUDGED
    assert len(lab.state.experiments) == 2


async def test_stopping_now_queues_the_run_again(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent())
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 1)
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    interrupted = lab.state.experiments[1]
    assert interrupted.phase is Phase.QUEUED
    again = workshop.lab(ScriptedAgent(), max_experiments=2)
    await again.run()
    outcomes = [run.outcome for run in again.state.experiments[1].runs]
    assert outcomes == [RunOutcome.INTERRUPTED, RunOutcome.TRAINED]
    # The same replicate of the same experiment has the same seed.
    assert len({run.seed for run in again.state.experiments[1].runs}) == 1


async def test_stopping_while_the_agent_thinks_ends_at_once(workshop: Workshop) -> None:
    class Thinker(ScriptedAgent):
        async def propose(self, context: Context, think: Think) -> Proposal:
            await asyncio.Event().wait()
            raise AssertionError

    lab = workshop.lab(Thinker())
    night = asyncio.create_task(lab.run())
    await lab.until(lambda state: state.asking is not None)
    await lab.handle(messages.Stop(by="me"))
    assert (await night).reason == "a person stopped it"


async def test_steering_is_given_to_the_next_proposal_once(workshop: Workshop) -> None:
    agent = ScriptedAgent(ProposalError("busy"), 0.02, 0.03)
    lab = workshop.lab(agent, max_experiments=3)
    await lab.handle(messages.Steer(by="me", text="  try width  "))
    assert not (await lab.handle(messages.Steer(by="me", text=" "))).ok
    await lab.run()
    # A failed attempt does not use the sentence up.
    assert [context.steering for context in agent.contexts] == [["try width"], ["try width"], []]


async def test_an_agent_that_fails_is_asked_again(workshop: Workshop) -> None:
    agent = ScriptedAgent(ProposalError("the server is busy"), 0.02)
    lab = workshop.lab(agent, max_experiments=2)
    await lab.run()
    failures = [fact for fact in workshop.facts() if isinstance(fact, events.ProposalFailed)]
    assert [failure.reason for failure in failures] == ["the server is busy"]
    assert lab.state.experiments[1].status is Status.KEEP


async def test_an_agent_that_can_not_go_on_is_replaced(workshop: Workshop) -> None:
    fallback = ScriptedAgent(0.02)
    fallback.name = "other"
    agent = ScriptedAgent(ProposalError("the key was refused.", fatal=True))
    lab = workshop.lab(agent, fallback=fallback, max_experiments=2)
    await lab.run()
    assert lab.state.experiments[1].agent == "other"
    assert lab.state.agent == "other"
    assert any("the key was refused" in notice.text for notice in lab.state.notices)


async def test_a_bug_in_an_agent_does_not_end_the_night(workshop: Workshop) -> None:
    class Buggy(ScriptedAgent):
        async def propose(self, context: Context, think: Think) -> Proposal:
            raise KeyError("oops")

    fallback = ScriptedAgent(0.02)
    fallback.name = "other"
    lab = workshop.lab(Buggy(), fallback=fallback, max_experiments=2)
    await lab.run()
    assert lab.state.experiments[1].status is Status.KEEP


async def test_thoughts_are_stored_and_proposals_too(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    await lab.run()
    assert "thinking about 1" in workshop.session.reasoning.read_text()
    folder = workshop.session.experiment(1)
    proposal = msgspec.json.decode((folder / "proposal.json").read_bytes())
    assert proposal["hypothesis"] == "Another rate is better."
    assert "+LEARNING_RATE = 0.02" in workshop.session.diff(1).read_text()


FOLDER_TRICKS = {
    "a folder for weights": "import os; os.mkdir('weights.safetensors'); raise SystemExit(1)\n",
    "a file for the evaluation's folder": (
        "open('../evaluation', 'w').close(); raise SystemExit(1)\n"
    ),
    "links everywhere": (
        "import os\n"
        "for name in ('weights.safetensors', 'loop'): os.symlink('/etc/passwd', name)\n"
        "os.remove('metrics.jsonl') if os.path.exists('metrics.jsonl') else None\n"
        "os.mkfifo('metrics.jsonl'); raise SystemExit(1)\n"
    ),
    "a signal without a name": "import os; os.kill(os.getpid(), 37)\n",
    "the end of its supervisor": "import os, signal; os.kill(os.getppid(), signal.SIGTERM)\n",
    "a hopeless message": (
        "import os, socket, time\n"
        "channel = socket.socket(fileno=int(os.environ['AUTORESEARCH_TRIAL_FD']))\n"
        "channel.sendall(b'[' * 500000 + b'\\n')\n"
        "raise SystemExit(1)\n"
    ),
    "finished without weights": (
        "import prepare\n"
        "trial = prepare.open_trial(); trial.start()\n"
        'trial.channel.sendall(b\'{"kind":"finished"}\\n\')\n'
    ),
}


@pytest.mark.parametrize("trick", FOLDER_TRICKS)
async def test_no_trick_of_a_run_ends_the_night(workshop: Workshop, trick: str) -> None:
    lab = workshop.lab(ScriptedAgent(FOLDER_TRICKS[trick], 0.02), max_experiments=3)
    end = await lab.run()
    assert end.finished, end.reason
    assert lab.state.experiments[1].status in (Status.CRASH, Status.INVALID)
    assert len(lab.state.experiments[1].runs) == 1
    assert lab.state.experiments[2].status is Status.KEEP
    assert processes_below(workshop.root) == []


async def test_a_run_during_which_labs_die_is_given_up(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent())
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 1)
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    for _ in range(3):
        # As a lab leaves its journal that was killed while it trained.
        dying = workshop.lab(ScriptedAgent())
        dying.record(
            events.RunStarted(at=1, experiment=1, replicate=0, seed=1, pid=1, threads=1, budget_s=1)
        )
        workshop.lab(ScriptedAgent()).reconcile()
    again = workshop.lab(ScriptedAgent(), max_experiments=2)
    await again.run()
    assert again.state.experiments[1].status is Status.CRASH
    assert "the lab died 3 times" in again.state.experiments[1].reason


async def test_a_kill_between_training_and_evaluation_is_not_lost(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.EVALUATING, 1)
    assert (await lab.handle(messages.Kill(by="me"))).changed
    await night
    killed = lab.state.experiments[1]
    assert killed.status is Status.KILLED
    # What it had trained is still known.
    assert killed.runs[0].steps > 0


async def test_a_kill_is_remembered_over_the_death_of_the_lab(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent())
    night = asyncio.create_task(lab.run())
    await lab.reach(Phase.TRAINING, 1)
    lab.record(events.KillRequested(at=1, experiment=1, by="me"))
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    assert workshop.state().experiments[1].runs[0].outcome == RunOutcome.KILLED


async def test_a_limit_of_time_holds_while_the_agent_thinks(workshop: Workshop) -> None:
    class Thinker(ScriptedAgent):
        async def propose(self, context: Context, think: Think) -> Proposal:
            await asyncio.Event().wait()
            raise AssertionError

    limits = Settings(limits=LimitSettings(max_hours=1.0 / 3600))
    end = await workshop.lab(Thinker(), limits).run()
    assert end.finished


async def test_an_agent_that_fails_loses_its_turn_and_not_its_place(workshop: Workshop) -> None:
    fallback = ScriptedAgent(0.03)
    fallback.name = "other"
    busy = ProposalError("the server is busy")
    lab = workshop.lab(ScriptedAgent(busy, busy, busy, 0.02), fallback=fallback, max_experiments=3)
    await lab.run()
    assert [e.agent for e in lab.state.experiments.values()] == ["baseline", "other", "scripted"]


async def test_text_that_can_not_be_written_is_no_proposal(workshop: Workshop) -> None:
    lab = workshop.lab(ScriptedAgent("# \ud800\n", 0.02), max_experiments=2)
    await lab.run()
    assert lab.state.experiments[1].status is Status.KEEP


async def test_the_files_of_a_run_are_cleared_away_after_its_verdict(workshop: Workshop) -> None:
    train = (workshop.root / "train.py").read_text()
    littering = train.replace(
        "    trial.start()", "    open('checkpoint', 'w').close()\n    trial.start()"
    )
    lab = workshop.lab(ScriptedAgent(littering), max_experiments=2)
    await lab.run()
    assert list(workshop.session.run_folder(1).glob("*")) == []
    assert (workshop.session.experiment(0) / "evaluation" / "weights.safetensors").exists()
