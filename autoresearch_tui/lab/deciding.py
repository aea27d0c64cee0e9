"""What a person decides of an edit that waits: it runs, it does not, it runs changed, all run.

The first decision stands: whoever decides after it reads what it was, and whose.
"""

import contextlib

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import Reply, done, nothing, refused
from autoresearch_tui.lab import clock, likeness, notebook
from autoresearch_tui.lab.hand import HUMAN_AGENT
from autoresearch_tui.lab.repository import ExperimentRepository, RepositoryError
from autoresearch_tui.lab.storing import (
    change_between,
    commit_below,
    restated,
    show_again,
    write_files,
)
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import ApprovalMode, Status
from autoresearch_tui.session import Session
from autoresearch_tui.syntax import syntax_trouble

NOBODY_WAITS = "no experiment waits for approval"

Decision = messages.Approve | messages.Reject | messages.SendBack


def decide(state: SessionState, command: Decision, record: Record) -> Reply:
    """Approve, refuse or send back the waiting experiment.

    Raises:
        OSError: it can not be recorded.
    """
    commit = command.commit if isinstance(command, messages.Approve) else None
    waiting = _waiting(state, command.experiment, commit)
    if isinstance(waiting, Reply):
        return waiting
    number, now, by = waiting.number, clock.now(), command.by
    match command:
        case messages.Approve():
            record(events.Approved(at=now, experiment=number, by=by))
            return done(f"#{number} is approved")
        case messages.Reject():
            reason = command.reason.strip() or "no reason given"
            record(events.Rejected(at=now, experiment=number, by=by, reason=f"{reason} ({by})"))
            return done(f"#{number} is rejected")
        case messages.SendBack():
            sentence = command.text.strip()
            if not sentence:
                return refused("say in a sentence what the next proposal should do otherwise")
            title = notebook.one_line(waiting.title)
            told = f"{sentence} (said of #{number}, {title}, which was not run)"
            # The sentence comes first: without its refusal it does no harm.
            record(events.Steered(at=now, by=by, text=told))
            reason = f"sent back: {sentence} ({by})"
            record(events.Rejected(at=now, experiment=number, by=by, reason=reason))
            return done(f"#{number} is sent back; the next proposal is given the sentence")


def amend(
    state: SessionState,
    command: messages.Amend,
    record: Record,
    repository: ExperimentRepository,
    session: Session,
) -> Reply:
    """Put a person's file in the place of the waiting edit: its commit, the fact, its reference.

    Raises:
        OSError: it can not be written or recorded.
        RepositoryError: git can not store it.
    """
    waiting = _waiting(state, command.experiment, command.commit)
    if isinstance(waiting, Reply):
        # A decision that came first is no success here: the person's file is not what runs.
        return refused(waiting.detail)
    number, parent = waiting.number, waiting.parent
    assert parent is not None, "a baseline does not wait"
    if command.train == repository.train(waiting.commit):
        return nothing(f"#{number} is as it was")
    if trouble := syntax_trouble(command.train):
        return refused(f"#{number} is as it was: {trouble}")
    before = repository.train(state.experiments[parent].commit)
    if command.train == before:
        return refused(f"#{number} is as it was: changed so, it would be what #{parent} is")
    change = change_between(before, command.train, repository.edited, state)
    commit = repository.store(
        command.train,
        commit_below(state, parent),
        notebook.proposal_message(number, waiting.title, waiting.hypothesis),
        HUMAN_AGENT,
    )
    digest = likeness.tree_digest(command.train)
    proposed = restated(waiting, parent, commit, change, digest)
    amended = events.Amended(
        at=clock.now(),
        experiment=number,
        commit=commit,
        lines_added=change.added,
        lines_removed=change.removed,
        by=command.by,
        marks=list(change.marks),
        touched=list(change.touched),
        tree_digest=digest,
    )
    try:
        write_files(session, proposed, command.train, change.diff)
        record(amended)
    except OSError:
        # It waits as it was, and has to be shown so; where this fails too, the next lab does it.
        with contextlib.suppress(OSError, RepositoryError):
            show_again(session, repository, state, waiting)
        raise
    repository.reference_experiment(number, commit)
    return done(f"#{number} is changed; it waits for approval as it is now")


def set_mode(state: SessionState, command: messages.SetApproval, record: Record) -> Reply:
    """Have edits run at once from here on, the one that was shown included, or wait.

    Raises:
        OSError: it can not be recorded.
    """
    mode, by = ApprovalMode(command.mode), command.by
    if mode is state.approval:
        return nothing(f"approval is {mode} already")
    approved = ""
    if mode is ApprovalMode.AUTO and state.waiting is not None:
        waiting = _waiting(state, command.experiment, command.commit)
        if isinstance(waiting, Reply):
            return refused(waiting.detail)
        record(events.Approved(at=clock.now(), experiment=waiting.number, by=by))
        approved = f"#{waiting.number} is approved, and "
    record(events.ApprovalChanged(at=clock.now(), mode=mode, by=by))
    if mode is ApprovalMode.AUTO:
        return done(f"{approved}from here on every edit runs unasked, until the lab ends")
    return done("from here on every edit waits for a person, until the lab ends")


def _waiting(state: SessionState, number: int | None, commit: str | None) -> Experiment | Reply:
    """Return the experiment that waits, or the answer where it is not the one that was shown."""
    waiting = state.waiting
    if number is None and waiting is not None:
        number = waiting.number
    if number is not None and (decided := _decided(state, number)):
        return nothing(decided)
    if waiting is None:
        return refused(NOBODY_WAITS)
    if number != waiting.number:
        return refused(f"#{number} is not waiting for approval; #{waiting.number} is")
    if commit not in (None, waiting.commit):
        how = f"changed by {waiting.amended_by}, or carried over to #{waiting.parent}"
        if waiting.amended_by is None:
            how = f"carried over to #{waiting.parent}"
        return refused(f"#{number} was {how}: look at its diff again")
    return waiting


def _decided(state: SessionState, number: int) -> str | None:
    """Return how an experiment was decided on, and by whom, or none where it was not."""
    experiment = state.experiments.get(number)
    if experiment is None:
        return None
    if experiment.approved_by is not None:
        return f"#{number} was approved by {experiment.approved_by}"
    if experiment.status is Status.REJECTED:
        return f"#{number} was rejected: {experiment.reason}"
    if experiment.skipped_by is not None:
        return f"#{number} was skipped by {experiment.skipped_by}"
    return None
