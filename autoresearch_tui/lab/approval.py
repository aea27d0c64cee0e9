"""Whether an edit waits for a person, and what becomes of it where nobody comes."""

import msgspec

from autoresearch_tui.record import events
from autoresearch_tui.record.state import Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Absence, ApprovalMode
from autoresearch_tui.settings import ApprovalSettings

BY_POLICY = "the policy for absence"
BY_MODE = "the session's approval mode, auto"

Decision = events.ApprovalRequested | events.Approved | events.Rejected


def in_force(settings: ApprovalSettings, state: SessionState) -> ApprovalSettings:
    """Return the settings with the mode that a person may have changed since the lab started."""
    return msgspec.structs.replace(settings, mode=state.approval)


def is_needed(experiment: Experiment, settings: ApprovalSettings) -> bool:
    """Return whether an experiment may not run before somebody let it."""
    # The baseline and what a person queued are people's own files.
    is_proposal = experiment.parent is not None and experiment.edit is None
    asks = settings.mode is ApprovalMode.ASK
    return asks and is_proposal and experiment.approved_by is None


def next_step(experiment: Experiment, settings: ApprovalSettings, now: float) -> Decision | None:
    """Return what is due of the approval of an experiment that does not run; none where nothing is.

    A policy that was given after the question was put counts from then on.
    """
    number, waits = experiment.number, experiment.phase is Phase.WAITING_FOR_APPROVAL
    if not is_needed(experiment, settings):
        return events.Approved(at=now, experiment=number, by=BY_MODE) if waits else None
    if waits and experiment.decide_at is not None and now >= experiment.decide_at:
        if experiment.then is Absence.APPROVE:
            return events.Approved(at=now, experiment=number, by=BY_POLICY)
        reason = f"nobody decided in time ({BY_POLICY})"
        return events.Rejected(at=now, experiment=number, by=BY_POLICY, reason=reason)
    if waits and (settings.then is None or experiment.decide_at is not None):
        return None
    decide_at = None if settings.timeout_s is None else now + settings.timeout_s
    return events.ApprovalRequested(
        at=now, experiment=number, decide_at=decide_at, then=settings.then
    )


def next_at(state: SessionState) -> float | None:
    """Return when the policy for absence decides next, in seconds since the epoch, or none."""
    opened = (state.experiments[number] for number in state.open_experiments)
    return min(
        (
            each.decide_at
            for each in opened
            if each.phase is Phase.WAITING_FOR_APPROVAL and each.decide_at is not None
        ),
        default=None,
    )
