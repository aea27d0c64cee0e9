"""The verdict on an experiment: a pure function of what was measured."""

import math
from dataclasses import dataclass

from autoresearch_tui.record.state import Experiment
from autoresearch_tui.record.vocabulary import Direction, RunOutcome, Status

STATUS_OF_OUTCOME = {
    RunOutcome.CRASH: Status.CRASH,
    RunOutcome.TIMEOUT: Status.TIMEOUT,
    RunOutcome.INVALID: Status.INVALID,
    RunOutcome.KILLED: Status.KILLED,
}


@dataclass(frozen=True)
class Verdict:
    """What becomes of an experiment, and why."""

    status: Status
    reason: str
    val_bpb: float | None = None
    change: float | None = None


def skip(reason: str) -> Verdict:
    """Return the verdict on an edit that is passed over."""
    return Verdict(Status.SKIPPED, reason)


def no_longer_incumbent(experiment: Experiment) -> str:
    """Return the clause for an edit of what another one took the place of."""
    return f"its parent #{experiment.parent} is no longer the incumbent"


def after_undo(experiment: Experiment, verdict: Verdict) -> Verdict:
    """Return the verdict on an experiment that stands on a keep which was undone while it ran.

    It is not kept, however good: that would bring the keep back.
    """
    if verdict.val_bpb is None:
        return verdict
    reason = f"{verdict.val_bpb:.6f}, but {no_longer_incumbent(experiment)}"
    return Verdict(Status.DISCARD, reason, verdict.val_bpb)


def judge(
    experiment: Experiment,
    incumbent: Experiment | None,
    direction: Direction = Direction.LOWER,
) -> Verdict:
    """Return the verdict on an experiment that was rejected, or whose run ended.

    It is kept when its metric is finite and better than the incumbent's; the baseline, which has no
    incumbent to beat, when it is finite. One that is to be lowered has to be greater than zero.
    """
    if experiment.status is Status.REJECTED:
        return Verdict(Status.REJECTED, experiment.reason)
    run = experiment.last_run
    if run is not None and run.outcome is not None and run.outcome in STATUS_OF_OUTCOME:
        return Verdict(STATUS_OF_OUTCOME[RunOutcome(run.outcome)], run.reason)
    val_bpb = experiment.val_bpb
    if not experiment.valid:
        return Verdict(Status.INVALID, experiment.reason or "the evaluator gave no reason")
    if val_bpb is None or not math.isfinite(val_bpb):
        return Verdict(Status.INVALID, f"a result of {val_bpb} is no measurement")
    if direction is Direction.LOWER and val_bpb <= 0:
        return Verdict(Status.INVALID, f"a loss of {val_bpb} is no measurement")
    if incumbent is None or incumbent.val_bpb is None:
        return Verdict(Status.KEEP, "the baseline", val_bpb)
    change = val_bpb - incumbent.val_bpb
    compared = f"{val_bpb:.6f} against {incumbent.val_bpb:.6f} of #{incumbent.number}"
    if direction.gain(change) > 0:
        return Verdict(Status.KEEP, f"better: {compared}", val_bpb, change)
    return Verdict(Status.DISCARD, f"no better: {compared}", val_bpb, change)
