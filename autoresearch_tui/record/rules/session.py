"""Facts about the session: its labs, who has the place, and what a person says to all of it."""

from autoresearch_tui.record import events, ledger
from autoresearch_tui.record.rules import permissions
from autoresearch_tui.record.state import NOTICES_KEPT, SessionState, Steering


def start_session(state: SessionState, fact: events.SessionStarted) -> None:
    """A night begins on a repository."""
    state.tag = fact.tag
    state.session_id = fact.session_id
    state.repository = fact.repository
    state.base_commit = fact.base_commit
    state.started_at = fact.at


def start_lab(state: SessionState, fact: events.LabStarted) -> None:
    """A lab takes the session up; what an earlier one left unsaid is over."""
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
    permissions.refuse_all(state)
    state.clock_ended_at = None


def _watch_anew(state: SessionState) -> None:
    """Forget what went wrong until now: somebody saw to it."""
    state.backed_off_until = None
    state.back_offs_in_a_row = 0
    state.watched_from = min([*state.open_experiments, state.next_number])


def stop_lab(state: SessionState, fact: events.LabStopped) -> None:
    """The lab ends in order."""
    state.lab_pid = None
    state.stop_reason = fact.reason
    state.finished = fact.finished
    state.trouble = fact.trouble
    state.asking = None
    permissions.refuse_all(state)


def change_agent(state: SessionState, fact: events.AgentChanged) -> None:
    """Another agent has the place."""
    state.agent = fact.agent
    state.model = fact.model
    state.proposal_failures_in_a_row = 0


def change_approval(state: SessionState, fact: events.ApprovalChanged) -> None:
    """Edits run at once from here on, or wait."""
    state.approval = fact.mode


def pause(state: SessionState, fact: events.Paused) -> None:
    """Nothing new starts."""
    state.paused_by = fact.by
    state.paused_now = fact.now


def resume(state: SessionState, _: events.Resumed) -> None:
    """The session goes on, and whoever paused it saw to what was wrong."""
    state.paused_by = None
    state.paused_now = False
    _watch_anew(state)


def back_off(state: SessionState, fact: events.BackedOff) -> None:
    """The lab waits for something that is not there."""
    state.backed_off_until = fact.until
    state.back_off_reason = fact.reason
    state.back_offs_in_a_row += 1


def request_stop(state: SessionState, fact: events.StopRequested) -> None:
    """A person ends the session; what was asked for at once stays so."""
    state.stop_requested = True
    state.stop_now = state.stop_now or fact.now


def steer(state: SessionState, fact: events.Steered) -> None:
    """A sentence waits for the next proposal."""
    state.steering.append(Steering(fact.text, fact.by, fact.at))


def notice(state: SessionState, fact: events.Notice) -> None:
    """The latest notices are kept."""
    state.notices.append(fact)
    del state.notices[:-NOTICES_KEPT]


def undo(state: SessionState, fact: events.Undone) -> None:
    """An earlier keep is the incumbent again."""
    state.incumbent = state.experiments[fact.experiment].number
    move_branch(state, fact.commit)


def move_branch(state: SessionState, commit: str) -> None:
    """Have a commit be the session's branch from here on."""
    state.branch_commit = commit
    state.branch_commits.append(commit)
