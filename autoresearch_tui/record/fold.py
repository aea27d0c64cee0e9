"""How each fact changes the state. Nothing here looks at a clock, a file or the machine."""

from collections.abc import Iterable

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact, RunOutcome, Status
from autoresearch_tui.record.state import (
    NOTICES_KEPT,
    OPEN_AT_MOST,
    Activity,
    Asking,
    Experiment,
    Phase,
    QueuedEdit,
    Run,
    SessionState,
    Steering,
)

OF_A_RUN = (Activity.STARTING, Activity.COMPILING, Activity.TRAINING, Activity.EVALUATING)
FAILURES = (Status.CRASH, Status.TIMEOUT, Status.INVALID, Status.KILLED)


def fold(facts: Iterable[AnyFact]) -> SessionState:
    """Return the state that the facts lead to."""
    state = SessionState()
    for fact in facts:
        apply(state, fact)
    return state


def apply(state: SessionState, fact: AnyFact) -> None:
    """Bring the state forward by one fact.

    A fact about an experiment that the state does not hold (its own line was lost) changes
    nothing but the time of the last fact.
    """
    state.facts += 1
    current = state.current
    try:
        _change(state, fact)
    except KeyError:
        return
    finally:
        # A person may promote a keep when no lab lives.
        if not isinstance(fact, events.Promoted):
            state.last_fact_at = max(state.last_fact_at, fact.at)
    _account(state, fact.at)
    if isinstance(fact, events.RunEnded | events.Judged):
        _settle(state, fact, current)


def _change(state: SessionState, fact: AnyFact) -> None:
    match fact:
        case events.SessionStarted():
            state.tag = fact.tag
            state.session_id = fact.session_id
            state.repository = fact.repository
            state.base_commit = fact.base_commit
            state.started_at = fact.at
        case events.LabStarted():
            _start_lab(state, fact)
        case events.LabStopped():
            state.lab_pid = None
            state.stop_reason = fact.reason
            state.finished = fact.finished
            state.trouble = fact.trouble
            state.asking = None
        case events.AgentChanged():
            state.agent = fact.agent
            state.model = fact.model
            state.proposal_failures_in_a_row = 0
        case events.Paused():
            state.paused_by = fact.by
            state.paused_now = fact.now
        case events.Resumed():
            state.paused_by = None
            state.paused_now = False
            state.backed_off_until = None
        case events.BackedOff():
            state.backed_off_until = fact.until
            state.back_off_reason = fact.reason
        case events.EditQueued():
            state.edits = fact.edit
            state.queued_edits.append(
                QueuedEdit(fact.edit, fact.by, fact.at, fact.title, fact.hypothesis, fact.commit)
            )
        case events.Undone():
            state.incumbent = state.experiments[fact.experiment].number
            _move_branch(state, fact.commit)
        case events.StopRequested():
            state.stop_requested = True
            state.stop_now = state.stop_now or fact.now
        case events.Steered():
            state.steering.append(Steering(fact.text, fact.by, fact.at))
        case events.Notice():
            state.notices.append(fact)
            del state.notices[:-NOTICES_KEPT]
        case events.Promoted() | events.UnknownFact():
            pass
        case events.ProposalStarted() | events.Proposed() | events.ProposalFailed():
            _propose(state, fact)
        case _:
            _change_experiment(state, fact)


def _start_lab(state: SessionState, fact: events.LabStarted) -> None:
    if state.activity is not Activity.OFF:
        # An earlier lab ended without a word: what it did is known up to its last sign of life.
        last_sign = max(fact.last_beat_at or 0.0, state.last_fact_at)
        _credit(state, min(last_sign, fact.at) - state.activity_since)
    state.lab_pid = fact.pid
    state.lab_started_at = fact.at
    state.agent = fact.agent
    state.model = fact.model
    state.approval = fact.approval
    state.budget_s = fact.budget_s
    state.hardware = fact.hardware
    state.data = fact.data
    state.limits = fact.limits
    state.metric = fact.metric
    state.direction = fact.direction
    state.edited_file = fact.edit
    state.backed_off_until = None
    state.stop_requested = False
    state.stop_now = False
    state.stop_reason = ""
    state.finished = False
    state.trouble = False
    # The agent of an earlier lab died with it.
    state.asking = None
    state.clock_ended_at = None
    # Time without a lab belongs to no activity: the ledger starts anew at this fact.
    state.activity = Activity.STARTING
    state.activity_since = fact.at


def _propose(
    state: SessionState, fact: events.ProposalStarted | events.Proposed | events.ProposalFailed
) -> None:
    match fact:
        case events.ProposalStarted():
            state.asking = Asking(fact.experiment, fact.agent, fact.at)
            given = list(fact.steering)
            for steering in state.steering:
                if steering.experiment is None and steering.text in given:
                    given.remove(steering.text)
                    steering.experiment = fact.experiment
        case events.ProposalFailed():
            state.asking = None
            state.proposal_failures_in_a_row += 1
            _spend(state, fact.usage)
        case events.Proposed():
            state.asking = None
            if fact.edit is None:
                state.proposal_failures_in_a_row = 0
            else:
                # The agent that was asked for this number is asked for another one.
                _take_steering_back(state, fact.experiment)
            _spend(state, fact.usage)
            state.queued_edits = [each for each in state.queued_edits if each.edit != fact.edit]
            # A journal that lost a verdict must not keep its experiment in flight for ever.
            known = [number for number in state.open_experiments if number != fact.experiment]
            state.open_experiments = [*known, fact.experiment][-OPEN_AT_MOST:]
            state.experiments[fact.experiment] = Experiment(
                number=fact.experiment,
                parent=fact.parent,
                commit=fact.commit,
                title=fact.title,
                hypothesis=fact.hypothesis,
                expected_change=fact.expected_change,
                agent=fact.agent,
                model=fact.model,
                lines_added=fact.lines_added,
                lines_removed=fact.lines_removed,
                usage=fact.usage,
                proposed_at=fact.at,
                marks=fact.marks,
                edit=fact.edit,
            )


def _take_steering_back(state: SessionState, number: int) -> None:
    """Have the sentences that an experiment was given be given to the next proposal."""
    for steering in state.steering:
        if steering.experiment == number:
            steering.experiment = None


def _spend(state: SessionState, usage: events.Usage) -> None:
    tokens = (
        usage.input_tokens
        + usage.output_tokens
        + usage.cache_read_tokens
        + usage.cache_write_tokens
    )
    state.tokens_spent += tokens
    if usage.cost_usd is None:
        state.unpriced_tokens += tokens
    else:
        state.cost_usd += usage.cost_usd


def _move_branch(state: SessionState, commit: str) -> None:
    state.branch_commit = commit
    state.branch_commits.append(commit)


def _change_experiment(
    state: SessionState,
    fact: events.ApprovalRequested
    | events.Rebased
    | events.KillRequested
    | events.SkipRequested
    | events.Approved
    | events.Rejected
    | events.RunStarted
    | events.TrialOpened
    | events.ClockStarted
    | events.RunEnded
    | events.Evaluated
    | events.Judged,
) -> None:
    experiment = state.experiments[fact.experiment]
    match fact:
        case events.ApprovalRequested():
            experiment.phase = Phase.WAITING_FOR_APPROVAL
            experiment.decide_at = fact.decide_at
            experiment.then = fact.then
        case events.Rebased():
            experiment.phase = Phase.QUEUED
            experiment.approved_by = None
            experiment.parent = fact.parent
            experiment.commit = fact.commit
            experiment.lines_added = fact.lines_added
            experiment.lines_removed = fact.lines_removed
            experiment.marks = fact.marks
        case events.SkipRequested():
            experiment.skipped_by = fact.by
            experiment.reason = fact.reason
        case events.Approved():
            experiment.phase = Phase.QUEUED
            experiment.approved_by = fact.by
        case events.KillRequested():
            experiment.killed_by = fact.by
        case events.Rejected():
            experiment.phase = Phase.EVALUATED
            experiment.status = Status.REJECTED
            experiment.reason = fact.reason
        case events.RunStarted():
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
        case events.TrialOpened():
            experiment.phase = Phase.COMPILING
            if run := experiment.last_run:
                run.opened_at = fact.at
        case events.ClockStarted():
            experiment.phase = Phase.TRAINING
            if run := experiment.last_run:
                run.clock_started_at = fact.at
                run.startup_s = fact.startup_s
                if state.clock_ended_at is not None:
                    run.gap_s = max(0.0, fact.at - state.clock_ended_at)
        case events.RunEnded():
            _end_run(experiment, fact)
            if (fact.clock_ended_at or 0.0) > (state.lab_started_at or 0.0):
                state.clock_ended_at = fact.clock_ended_at
        case events.Evaluated():
            experiment.phase = Phase.EVALUATED
            experiment.valid = fact.valid
            experiment.val_bpb = fact.val_bpb
            experiment.standing = fact.standing
            experiment.reason = fact.reason or ""
            if run := experiment.last_run:
                run.val_bpb = fact.val_bpb
                run.evaluation_s = fact.seconds
        case events.Judged():
            _judge(state, experiment, fact)


def _end_run(experiment: Experiment, fact: events.RunEnded) -> None:
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
        case RunOutcome.INTERRUPTED:
            experiment.phase = Phase.QUEUED
        case _:
            experiment.phase = Phase.EVALUATED
            experiment.valid = False


def _judge(state: SessionState, experiment: Experiment, fact: events.Judged) -> None:
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
        _move_branch(state, fact.commit)
    elif fact.status is Status.SKIPPED and experiment.skipped_by is None:
        _take_steering_back(state, experiment.number)
    if experiment.number in state.open_experiments:
        state.open_experiments.remove(experiment.number)


def _account(state: SessionState, at: float) -> None:
    """Close the activity that a fact ended."""
    activity = _activity(state)
    if activity is state.activity:
        return
    if state.activity is not Activity.OFF:
        _credit(state, at - state.activity_since)
    state.activity = activity
    state.activity_since = at


def _credit(state: SessionState, seconds: float) -> None:
    """Add to the activity under way."""
    # A clock set back must not take from what was already spent.
    seconds, activity = max(0.0, seconds), state.activity
    state.ledger_s[activity] = state.ledger_s.get(activity, 0.0) + seconds
    if activity in OF_A_RUN:
        state.run_ledger_s[activity] = state.run_ledger_s.get(activity, 0.0) + seconds


def _settle(
    state: SessionState, fact: events.RunEnded | events.Judged, was_current: Experiment | None
) -> None:
    """Close the account of the run in flight; what came to nothing was time that failed."""
    if was_current is None or was_current.number != fact.experiment:
        return
    if isinstance(fact, events.RunEnded):
        if fact.outcome is RunOutcome.TRAINED:
            return
        failed = True
    else:
        failed = fact.status in FAILURES
    if failed:
        for activity, seconds in state.run_ledger_s.items():
            state.ledger_s[activity] -= seconds
            state.ledger_s[Activity.FAILED] = state.ledger_s.get(Activity.FAILED, 0.0) + seconds
    state.run_ledger_s = {}


def _activity(state: SessionState) -> Activity:
    if state.lab_pid is None:
        return Activity.OFF
    if experiment := state.current:
        match experiment.phase:
            case Phase.STARTING:
                return Activity.STARTING
            case Phase.COMPILING:
                return Activity.COMPILING
            case Phase.TRAINING:
                return Activity.TRAINING
            case Phase.EVALUATING:
                return Activity.EVALUATING
            case Phase.WAITING_FOR_APPROVAL:
                return Activity.WAITING_FOR_HUMAN
            case Phase.QUEUED if state.paused:
                return Activity.PAUSED
            case Phase.QUEUED if state.backed_off_until is not None:
                return Activity.FAILED
            case _:
                return Activity.STARTING
    if state.paused:
        return Activity.PAUSED
    if state.backed_off_until is not None:
        return Activity.FAILED
    # An agent that failed is given time before it is asked again.
    if state.asking is not None or state.proposal_failures_in_a_row:
        return Activity.WAITING_FOR_AGENT
    return Activity.STARTING
