"""Facts about edits: asked for, proposed, changed and decided on, up to their run."""

from sys import intern

from autoresearch_tui.record import events
from autoresearch_tui.record.rules import memory
from autoresearch_tui.record.state import (
    OPEN_AT_MOST,
    Asking,
    Experiment,
    Phase,
    QueuedEdit,
    SessionState,
)
from autoresearch_tui.record.vocabulary import Status, Usage


def queue_edit(state: SessionState, fact: events.EditQueued) -> None:
    """A person's edit waits for its turn."""
    state.edits = fact.edit
    state.queued_edits.append(
        QueuedEdit(fact.edit, fact.by, fact.at, fact.title, fact.hypothesis, fact.commit)
    )


def start_proposal(state: SessionState, fact: events.ProposalStarted) -> None:
    """An agent is asked, and given the sentences that waited."""
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


def fail_proposal(state: SessionState, fact: events.ProposalFailed) -> None:
    """An agent had no edit; what it used is spent."""
    state.asking = None
    state.proposal_failures_in_a_row += 1
    _spend(state, fact.agent, fact.usage)


def cancel_proposal(state: SessionState, fact: events.ProposalCancelled) -> None:
    """A proposal is given up; what it used is spent."""
    state.asking = None
    _spend(state, fact.agent, fact.usage)


def propose(state: SessionState, fact: events.Proposed) -> None:
    """An experiment is there, with what its edit cost."""
    state.asking = None
    _spend(state, fact.agent, fact.usage)
    if fact.edit is None:
        state.proposal_failures_in_a_row = 0
    else:
        # The agent that was asked for this number is asked for another one.
        take_steering_back(state, fact.experiment)
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
    memory.take_idea(state, fact)


def take_steering_back(state: SessionState, number: int) -> None:
    """Have the sentences that an experiment was given be given to the next proposal."""
    for steering in state.steering:
        if steering.experiment == number:
            steering.experiment = None


def _spend(state: SessionState, agent: str, usage: Usage) -> None:
    state.tokens_spent += usage.tokens
    if usage.cost_usd is None:
        state.unpriced_tokens += usage.tokens
    else:
        state.cost_usd += usage.cost_usd
        state.cost_of_agent[agent] = state.cost_of_agent.get(agent, 0.0) + usage.cost_usd


def request_approval(state: SessionState, fact: events.ApprovalRequested) -> None:
    """An experiment waits for a person."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.WAITING_FOR_APPROVAL
    experiment.decide_at = fact.decide_at
    experiment.then = fact.then


def approve(state: SessionState, fact: events.Approved) -> None:
    """An experiment may run."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.QUEUED
    experiment.approved_by = fact.by


def reject(state: SessionState, fact: events.Rejected) -> None:
    """An experiment will not run."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.EVALUATED
    experiment.status = Status.REJECTED
    experiment.reason = fact.reason


def rebase(state: SessionState, fact: events.Rebased) -> None:
    """An edit is another commit, made to another incumbent; it is asked about anew."""
    _restate(state, fact).parent = fact.parent


def amend(state: SessionState, fact: events.Amended) -> None:
    """An edit is another commit, as a person changed it; it is asked about anew."""
    experiment = _restate(state, fact)
    experiment.decide_at = None
    experiment.amended_by = fact.by
    experiment.touched = fact.touched


def _restate(state: SessionState, fact: events.Rebased | events.Amended) -> Experiment:
    """Have an experiment's edit be another commit, which nobody decided on yet."""
    experiment = state.experiments[fact.experiment]
    experiment.phase = Phase.QUEUED
    experiment.approved_by = None
    experiment.commit = fact.commit
    experiment.lines_added = fact.lines_added
    experiment.lines_removed = fact.lines_removed
    experiment.marks = fact.marks
    experiment.tree_digest = fact.tree_digest
    return experiment


def request_skip(state: SessionState, fact: events.SkipRequested) -> None:
    """A person passes an experiment over."""
    experiment = state.experiments[fact.experiment]
    experiment.skipped_by = fact.by
    experiment.reason = fact.reason
