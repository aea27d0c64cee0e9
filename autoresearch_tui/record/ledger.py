"""What the device's time goes to: every second of a living lab is in one activity.

The time of a run is entered as it passes, and moved to `FAILED` once the run comes to nothing.
"""

from autoresearch_tui.record import events
from autoresearch_tui.record.state import Activity, Phase, SessionState

OF_A_RUN = frozenset(
    (Activity.STARTING, Activity.COMPILING, Activity.TRAINING, Activity.EVALUATING)
)
_OF_PHASE = {
    Phase.WAITING_FOR_APPROVAL: Activity.WAITING_FOR_HUMAN,
    Phase.QUEUED: None,
    Phase.STARTING: Activity.STARTING,
    Phase.COMPILING: Activity.COMPILING,
    Phase.TRAINING: Activity.TRAINING,
    Phase.EVALUATING: Activity.EVALUATING,
    Phase.EVALUATED: Activity.STARTING,
    Phase.JUDGED: Activity.STARTING,
}
"""Of the experiment in flight; while it is queued, it depends on what holds it back."""


def account(state: SessionState, at: float) -> None:
    """Close the activity that a fact ended."""
    activity = _activity(state)
    if activity is not state.activity:
        _close(state, at)
        state.activity = activity


def settle(state: SessionState, at: float, *, failed: bool) -> None:
    """Close the account of the run in flight; what came to nothing was time that failed."""
    _close(state, at)
    if failed:
        for activity, seconds in state.run_ledger_s.items():
            state.ledger_s[activity] -= seconds
            state.ledger_s[Activity.FAILED] = state.ledger_s.get(Activity.FAILED, 0.0) + seconds
    state.run_ledger_s = {}


def begin_anew(state: SessionState, fact: events.LabStarted) -> None:
    """Close the account of an earlier lab, and open that of the one that starts."""
    # One that ended without a word: what it did is known up to its last sign of life.
    last_sign = max(fact.last_beat_at or 0.0, state.last_fact_at)
    _close(state, min(last_sign, fact.at))
    # Time without a lab belongs to no activity.
    state.activity = Activity.STARTING
    state.activity_since = fact.at


def _close(state: SessionState, at: float) -> None:
    """Add the time up to `at` to the activity under way."""
    activity, seconds = state.activity, at - state.activity_since
    state.activity_since = at
    if seconds <= 0.0:
        # A clock set back must not take from what was already spent.
        return
    if activity in OF_A_RUN:
        state.ledger_s[activity] = state.ledger_s.get(activity, 0.0) + seconds
        state.run_ledger_s[activity] = state.run_ledger_s.get(activity, 0.0) + seconds
    elif activity is not Activity.OFF:
        state.ledger_s[activity] = state.ledger_s.get(activity, 0.0) + seconds


def _activity(state: SessionState) -> Activity:
    if state.lab_pid is None:
        return Activity.OFF
    opened = state.open_experiments
    if opened and (activity := _OF_PHASE[state.experiments[opened[0]].phase]):
        waits = activity is Activity.EVALUATING and state.backed_off_until is not None
        return Activity.FAILED if waits else activity
    if state.paused_by is not None:
        return Activity.PAUSED
    if state.backed_off_until is not None:
        return Activity.FAILED
    if not opened and state.asked is not None:
        return Activity.WAITING_FOR_HUMAN
    # An agent that failed is given time before it is asked again.
    if not opened and (state.asking is not None or state.proposal_failures_in_a_row):
        return Activity.WAITING_FOR_AGENT
    return Activity.STARTING
