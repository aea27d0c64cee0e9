"""How each fact changes the state. Nothing here looks at a clock, a file or the machine."""

from collections.abc import Callable, Iterable
from typing import Any

from autoresearch_tui.record import events, ledger
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.rules import memory, permissions, proposals, runs, session
from autoresearch_tui.record.state import SessionState


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


RULES: dict[type[AnyFact], Callable[[SessionState, Any], None]] = {
    events.SessionStarted: session.start_session,
    events.LabStarted: session.start_lab,
    events.LabStopped: session.stop_lab,
    events.ProposalStarted: proposals.start_proposal,
    events.Proposed: proposals.propose,
    events.ProposalFailed: proposals.fail_proposal,
    events.ProposalCancelled: proposals.cancel_proposal,
    events.Rebased: proposals.rebase,
    events.Amended: proposals.amend,
    events.EditQueued: proposals.queue_edit,
    events.ApprovalRequested: proposals.request_approval,
    events.Approved: proposals.approve,
    events.Rejected: proposals.reject,
    events.ApprovalChanged: session.change_approval,
    events.PermissionRequested: permissions.request,
    events.PermissionAnswered: permissions.answer,
    events.RunStarted: runs.start_run,
    events.TrialOpened: runs.open_trial,
    events.ClockStarted: runs.start_clock,
    events.RunEnded: runs.end_run,
    events.Evaluated: runs.evaluate,
    events.Judged: runs.judge,
    events.AgentChanged: session.change_agent,
    events.Paused: session.pause,
    events.Resumed: session.resume,
    events.Steered: session.steer,
    events.PageWritten: memory.write_page,
    events.IdeaAdded: memory.add_idea,
    events.IdeasOrdered: memory.order_ideas,
    events.IdeaDropped: memory.drop_idea,
    events.Frozen: memory.freeze,
    events.Thawed: memory.thaw,
    events.KillRequested: runs.request_kill,
    events.SkipRequested: proposals.request_skip,
    events.Undone: session.undo,
    events.Promoted: _change_nothing,
    events.BackedOff: session.back_off,
    events.StopRequested: session.request_stop,
    events.Notice: session.notice,
    events.UnknownFact: _change_nothing,
}
"""What each kind of fact changes; a look into a table costs the last no more than the first."""
