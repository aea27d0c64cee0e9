"""Facts about runs: training, evaluation and the verdict."""

from autoresearch_tui.record import events, ledger
from autoresearch_tui.record.rules import memory, proposals, session
from autoresearch_tui.record.state import Phase, Run, SessionState
from autoresearch_tui.record.vocabulary import RunOutcome, Status

FAILURES = (Status.CRASH, Status.TIMEOUT, Status.INVALID, Status.KILLED)


def start_run(state: SessionState, fact: events.RunStarted) -> None:
    """A training process is there; what was waited for is too."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.STARTING
    state.backed_off_until = None
    experiment.runs.append(
        Run(
            replicate=fact.replicate,
            seed=fact.seed,
            budget_s=fact.budget_s,
            started_at=fact.at,
            pid=fact.pid,
            threads=fact.threads,
        )
    )


def open_trial(state: SessionState, fact: events.TrialOpened) -> None:
    """The process runs the script."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.COMPILING
    if run := experiment.last_run:
        run.opened_at = fact.at


def start_clock(state: SessionState, fact: events.ClockStarted) -> None:
    """The budget begins; how long no clock ran before it is known."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.TRAINING
    if run := experiment.last_run:
        run.clock_started_at = fact.at
        run.startup_s = fact.startup_s
        if state.clock_ended_at is not None:
            run.gap_s = max(0.0, fact.at - state.clock_ended_at)


def end_run(state: SessionState, fact: events.RunEnded) -> None:
    """The process is gone; what became of it decides what comes next."""
    experiment = state.experiments[fact.experiment]
    if fact.outcome is not RunOutcome.TRAINED and experiment is state.current:
        ledger.settle(state, fact.at, failed=True)
    if (fact.clock_ended_at or 0.0) > (state.lab_started_at or 0.0):
        state.clock_ended_at = fact.clock_ended_at
    if run := experiment.last_run:
        run.ended_at = fact.at
        run.outcome = fact.outcome
        run.reason = fact.reason
        run.trained_s = fact.trained_s
        run.overrun_s = fact.overrun_s
        run.clock_ended_at = fact.clock_ended_at
        run.tokens = fact.tokens
        run.steps = fact.steps
        run.peak_memory_mb = fact.peak_memory_mb
        run.exit_code = fact.exit_code
    match fact.outcome:
        case RunOutcome.TRAINED:
            experiment.phase = Phase.EVALUATING
            state.back_offs_in_a_row = 0
        case RunOutcome.INTERRUPTED:
            experiment.phase = Phase.QUEUED
        case _:
            experiment.phase = Phase.EVALUATED
            experiment.valid = False


def request_kill(state: SessionState, fact: events.KillRequested) -> None:
    """A person ends the run in flight."""
    state.experiments[fact.experiment].killed_by = fact.by


def evaluate(state: SessionState, fact: events.Evaluated) -> None:
    """The score is there, or that there is none."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.EVALUATED
    state.backed_off_until = None
    state.back_offs_in_a_row = 0
    experiment.valid = fact.valid
    experiment.val_bpb = fact.val_bpb
    experiment.standing = fact.standing
    experiment.reason = fact.reason or ""
    if run := experiment.last_run:
        run.val_bpb = fact.val_bpb
        run.evaluation_s = fact.seconds


def judge(state: SessionState, fact: events.Judged) -> None:
    """The verdict; a keep is the incumbent, and what was never tried gives back what it took."""
    experiment = state.experiments[fact.experiment]
    if experiment is state.current:
        ledger.settle(state, fact.at, failed=fact.status in FAILURES)
    experiment.phase = Phase.JUDGED
    experiment.status = fact.status
    experiment.reason = fact.reason
    experiment.commit = fact.commit
    experiment.val_bpb = fact.val_bpb
    experiment.change = fact.change
    experiment.judged_at = fact.at
    state.status_counts[fact.status] = state.status_counts.get(fact.status, 0) + 1
    if fact.status is Status.KEEP:
        state.incumbent = experiment.number
        session.move_branch(state, fact.commit)
    elif fact.status is Status.SKIPPED and experiment.skipped_by is None:
        proposals.take_steering_back(state, experiment.number)
        memory.give_idea_back(state, experiment)
    if experiment.number in state.open_experiments:
        state.open_experiments.remove(experiment.number)
