"""How each fact changes the state. Nothing here looks at a clock, a file or the machine."""

from collections.abc import Callable, Iterable
from sys import intern
from typing import Any

from autoresearch_tui.record import events, ledger
from autoresearch_tui.record.events import AnyFact, RunOutcome, Status
from autoresearch_tui.record.state import (
    NOTICES_KEPT,
    OPEN_AT_MOST,
    PERMISSIONS_KEPT,
    Asking,
    Experiment,
    Idea,
    Permission,
    Phase,
    QueuedEdit,
    Run,
    SessionState,
    Steering,
)

BY_END_OF_LAB = "the end of the lab"
"""Who refuses what an agent asked for that died with its lab."""
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
    rule = RULES[type(fact)]
    try:
        rule(state, fact)
    except KeyError:
        return
    finally:
        # A person may promote a keep when no lab lives.
        if not isinstance(fact, events.Promoted):
            state.last_fact_at = fact.at
    ledger.account(state, fact.at)


def _change_nothing(state: SessionState, fact: AnyFact) -> None:
    """Take note of a fact that only people read."""


def _start_session(state: SessionState, fact: events.SessionStarted) -> None:
    state.tag = fact.tag
    state.session_id = fact.session_id
    state.repository = fact.repository
    state.base_commit = fact.base_commit
    state.started_at = fact.at


def _start_lab(state: SessionState, fact: events.LabStarted) -> None:
    ledger.begin_anew(state, fact)
    state.lab_pid = fact.pid
    state.lab_started_at = fact.at
    state.agent = fact.agent
    state.model = fact.model
    state.contestants = [fact.agent, *fact.rivals] if fact.rivals else []
    state.approval = fact.approval
    state.budget_s = fact.budget_s
    state.hardware = fact.hardware
    state.data = fact.data
    state.limits = fact.limits
    state.metric = fact.metric
    state.direction = fact.direction
    state.edited_file = fact.edit
    state.frozen_in_settings = fact.frozen
    _watch_anew(state)
    state.stop_requested = False
    state.stop_now = False
    state.stop_reason = ""
    state.finished = False
    state.trouble = False
    # The agent of an earlier lab died with it.
    state.asking = None
    _refuse_the_dead(state)
    state.clock_ended_at = None


def _watch_anew(state: SessionState) -> None:
    """Forget what went wrong until now: somebody saw to it."""
    state.backed_off_until = None
    state.back_offs_in_a_row = 0
    state.watched_from = min([*state.open_experiments, state.next_number])


def _stop_lab(state: SessionState, fact: events.LabStopped) -> None:
    state.lab_pid = None
    state.stop_reason = fact.reason
    state.finished = fact.finished
    state.trouble = fact.trouble
    state.asking = None
    _refuse_the_dead(state)


def _refuse_the_dead(state: SessionState) -> None:
    """Refuse what was asked for by agents that are no more."""
    for permission in state.permissions.values():
        if permission.allowed is None:
            permission.allowed, permission.answered_by = False, BY_END_OF_LAB


def _change_agent(state: SessionState, fact: events.AgentChanged) -> None:
    state.agent = fact.agent
    state.model = fact.model
    state.proposal_failures_in_a_row = 0


def _pause(state: SessionState, fact: events.Paused) -> None:
    state.paused_by = fact.by
    state.paused_now = fact.now


def _resume(state: SessionState, _: events.Resumed) -> None:
    state.paused_by = None
    state.paused_now = False
    _watch_anew(state)


def _back_off(state: SessionState, fact: events.BackedOff) -> None:
    state.backed_off_until = fact.until
    state.back_off_reason = fact.reason
    state.back_offs_in_a_row += 1


def _queue_edit(state: SessionState, fact: events.EditQueued) -> None:
    state.edits = fact.edit
    state.queued_edits.append(
        QueuedEdit(fact.edit, fact.by, fact.at, fact.title, fact.hypothesis, fact.commit)
    )


def _undo(state: SessionState, fact: events.Undone) -> None:
    state.incumbent = state.experiments[fact.experiment].number
    _move_branch(state, fact.commit)


def _request_stop(state: SessionState, fact: events.StopRequested) -> None:
    state.stop_requested = True
    state.stop_now = state.stop_now or fact.now


def _steer(state: SessionState, fact: events.Steered) -> None:
    state.steering.append(Steering(fact.text, fact.by, fact.at))


def _notice(state: SessionState, fact: events.Notice) -> None:
    state.notices.append(fact)
    del state.notices[:-NOTICES_KEPT]


def _start_proposal(state: SessionState, fact: events.ProposalStarted) -> None:
    state.asking = Asking(fact.experiment, fact.agent, fact.at)
    if fact.repairs in state.experiments:
        state.experiments[fact.repairs].repair_asked = True
    if not fact.steering:
        return
    given = list(fact.steering)
    for steering in state.steering:
        if steering.experiment is None and steering.text in given:
            given.remove(steering.text)
            steering.experiment = fact.experiment


def _fail_proposal(state: SessionState, fact: events.ProposalFailed) -> None:
    state.asking = None
    state.proposal_failures_in_a_row += 1
    _spend(state, fact.agent, fact.usage)


def _cancel_proposal(state: SessionState, fact: events.ProposalCancelled) -> None:
    state.asking = None
    _spend(state, fact.agent, fact.usage)


def _propose(state: SessionState, fact: events.Proposed) -> None:
    state.asking = None
    _spend(state, fact.agent, fact.usage)
    if fact.edit is None:
        state.proposal_failures_in_a_row = 0
    else:
        # The agent that was asked for this number is asked for another one.
        _take_steering_back(state, fact.experiment)
        state.queued_edits = [each for each in state.queued_edits if each.edit != fact.edit]
    state.next_number = max(state.next_number, fact.experiment + 1)
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
        # A hundred thousand experiments have a handful of agents between them.
        agent=intern(fact.agent),
        model=None if fact.model is None else intern(fact.model),
        lines_added=fact.lines_added,
        lines_removed=fact.lines_removed,
        usage=fact.usage,
        proposed_at=fact.at,
        marks=fact.marks,
        edit=fact.edit,
        repairs=fact.repairs,
        touched=fact.touched,
        tree_digest=fact.tree_digest,
        idea=fact.idea,
        by=intern(fact.by),
    )
    _take_idea(state, fact)


def _take_steering_back(state: SessionState, number: int) -> None:
    """Have the sentences that an experiment was given be given to the next proposal."""
    for steering in state.steering:
        if steering.experiment == number:
            steering.experiment = None


def _take_idea(state: SessionState, fact: events.Proposed) -> None:
    for place, idea in enumerate(state.backlog):
        if idea.idea == fact.idea:
            del state.backlog[place]
            idea.experiment = fact.experiment
            state.taken_ideas[idea.idea] = idea
            return


def _give_idea_back(state: SessionState, experiment: Experiment) -> None:
    """Have the idea of an experiment that was never tried come next."""
    idea = None if experiment.idea is None else state.taken_ideas.pop(experiment.idea, None)
    if idea is not None:
        idea.experiment = None
        state.backlog.insert(0, idea)


def _add_idea(state: SessionState, fact: events.IdeaAdded) -> None:
    state.ideas = max(state.ideas, fact.idea)
    place = len(state.backlog) if fact.place is None else max(0, fact.place - 1)
    state.backlog.insert(place, Idea(fact.idea, fact.text, fact.by, fact.is_agents, fact.at))


def _order_ideas(state: SessionState, fact: events.IdeasOrdered) -> None:
    place = {idea: at for at, idea in enumerate(fact.ideas)}
    # Sorting keeps the order of those that are not named.
    state.backlog.sort(key=lambda idea: place.get(idea.idea, len(place)))


def _drop_idea(state: SessionState, fact: events.IdeaDropped) -> None:
    state.backlog = [idea for idea in state.backlog if idea.idea != fact.idea]


def _write_page(state: SessionState, fact: events.PageWritten) -> None:
    state.page = fact.page
    state.page_by = fact.by


def _freeze(state: SessionState, fact: events.Frozen) -> None:
    state.frozen_by_hand = list(dict.fromkeys([*state.frozen_by_hand, fact.name]))


def _thaw(state: SessionState, fact: events.Thawed) -> None:
    state.frozen_by_hand = [name for name in state.frozen_by_hand if name != fact.name]


def _spend(state: SessionState, agent: str, usage: events.Usage) -> None:
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
        state.cost_of_agent[agent] = state.cost_of_agent.get(agent, 0.0) + usage.cost_usd


def _move_branch(state: SessionState, commit: str) -> None:
    state.branch_commit = commit
    state.branch_commits.append(commit)


def _request_approval(state: SessionState, fact: events.ApprovalRequested) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.WAITING_FOR_APPROVAL
    experiment.decide_at = fact.decide_at
    experiment.then = fact.then


def _rebase(state: SessionState, fact: events.Rebased) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.QUEUED
    experiment.approved_by = None
    experiment.parent = fact.parent
    experiment.commit = fact.commit
    experiment.lines_added = fact.lines_added
    experiment.lines_removed = fact.lines_removed
    experiment.marks = fact.marks
    experiment.tree_digest = fact.tree_digest


def _amend(state: SessionState, fact: events.Amended) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.QUEUED
    experiment.approved_by = None
    experiment.decide_at = None
    experiment.amended_by = fact.by
    experiment.commit = fact.commit
    experiment.lines_added = fact.lines_added
    experiment.lines_removed = fact.lines_removed
    experiment.marks = fact.marks
    experiment.touched = fact.touched
    experiment.tree_digest = fact.tree_digest


def _change_approval(state: SessionState, fact: events.ApprovalChanged) -> None:
    state.approval = fact.mode


def _request_permission(state: SessionState, fact: events.PermissionRequested) -> None:
    state.permission_requests = max(state.permission_requests, fact.request)
    state.permissions[fact.request] = Permission(
        request=fact.request,
        experiment=fact.experiment,
        agent=fact.agent,
        what=fact.what,
        detail=fact.detail,
        reason=fact.reason,
        options=fact.options,
        at=fact.at,
        decide_at=fact.decide_at,
    )
    if len(state.permissions) > PERMISSIONS_KEPT:
        del state.permissions[next(iter(state.permissions))]


def _answer_permission(state: SessionState, fact: events.PermissionAnswered) -> None:
    permission = state.permissions[fact.request]
    permission.allowed = fact.allowed
    permission.answered_by = fact.by


def _request_skip(state: SessionState, fact: events.SkipRequested) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.skipped_by = fact.by
    experiment.reason = fact.reason


def _approve(state: SessionState, fact: events.Approved) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.QUEUED
    experiment.approved_by = fact.by


def _request_kill(state: SessionState, fact: events.KillRequested) -> None:
    state.experiments[fact.experiment].killed_by = fact.by


def _reject(state: SessionState, fact: events.Rejected) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.EVALUATED
    experiment.status = Status.REJECTED
    experiment.reason = fact.reason


def _start_run(state: SessionState, fact: events.RunStarted) -> None:
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


def _open_trial(state: SessionState, fact: events.TrialOpened) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.COMPILING
    if run := experiment.last_run:
        run.opened_at = fact.at


def _start_clock(state: SessionState, fact: events.ClockStarted) -> None:
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.TRAINING
    if run := experiment.last_run:
        run.clock_started_at = fact.at
        run.startup_s = fact.startup_s
        if state.clock_ended_at is not None:
            run.gap_s = max(0.0, fact.at - state.clock_ended_at)


def _end_run(state: SessionState, fact: events.RunEnded) -> None:
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


def _evaluate(state: SessionState, fact: events.Evaluated) -> None:
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


def _judge(state: SessionState, fact: events.Judged) -> None:
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
        _move_branch(state, fact.commit)
    elif fact.status is Status.SKIPPED and experiment.skipped_by is None:
        _take_steering_back(state, experiment.number)
        _give_idea_back(state, experiment)
    if experiment.number in state.open_experiments:
        state.open_experiments.remove(experiment.number)


RULES: dict[type[AnyFact], Callable[[SessionState, Any], None]] = {
    events.SessionStarted: _start_session,
    events.LabStarted: _start_lab,
    events.LabStopped: _stop_lab,
    events.ProposalStarted: _start_proposal,
    events.Proposed: _propose,
    events.ProposalFailed: _fail_proposal,
    events.ProposalCancelled: _cancel_proposal,
    events.Rebased: _rebase,
    events.Amended: _amend,
    events.EditQueued: _queue_edit,
    events.ApprovalRequested: _request_approval,
    events.Approved: _approve,
    events.Rejected: _reject,
    events.ApprovalChanged: _change_approval,
    events.PermissionRequested: _request_permission,
    events.PermissionAnswered: _answer_permission,
    events.RunStarted: _start_run,
    events.TrialOpened: _open_trial,
    events.ClockStarted: _start_clock,
    events.RunEnded: _end_run,
    events.Evaluated: _evaluate,
    events.Judged: _judge,
    events.AgentChanged: _change_agent,
    events.Paused: _pause,
    events.Resumed: _resume,
    events.Steered: _steer,
    events.PageWritten: _write_page,
    events.IdeaAdded: _add_idea,
    events.IdeasOrdered: _order_ideas,
    events.IdeaDropped: _drop_idea,
    events.Frozen: _freeze,
    events.Thawed: _thaw,
    events.KillRequested: _request_kill,
    events.SkipRequested: _request_skip,
    events.Undone: _undo,
    events.Promoted: _change_nothing,
    events.BackedOff: _back_off,
    events.StopRequested: _request_stop,
    events.Notice: _notice,
    events.UnknownFact: _change_nothing,
}
"""What each kind of fact changes; a look into a table costs the last no more than the first."""
