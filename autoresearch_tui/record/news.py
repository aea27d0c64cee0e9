"""What of a night is worth telling somebody who does not watch it."""

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Direction, Level, Status

STREAK = 5
"""So many experiments in a row without a result are told, once a streak."""
SAME_MOMENT_S = 1.0
"""What lies no farther apart speaks of one thing."""
TEXT_CHARS = 300
_CRASHES = (Status.CRASH, Status.TIMEOUT, Status.INVALID)


def news(state: SessionState, fact: AnyFact) -> str | None:
    """Return a fact as a sentence for somebody who is away, or none where it can wait.

    `state` has the fact already.
    """
    text = _told(state, fact)
    return None if text is None else _shortened(text)


def _told(state: SessionState, fact: AnyFact) -> str | None:
    match fact:
        case events.Judged(status=Status.KEEP):
            return _new_best(state, fact)
        case events.Judged() if fact.status in _CRASHES and _streak(state) == STREAK:
            return (
                f"{STREAK} experiments in a row came to nothing, "
                f"the last one, #{fact.experiment}, by {fact.status}: {fact.reason}"
            )
        case events.ApprovalRequested():
            then = "" if fact.then is None else f" (otherwise: {fact.then})"
            return f"needs approval: {_named(state, fact.experiment)}{then}"
        case events.PermissionRequested():
            return f"{fact.agent} asks to be allowed: {fact.what} (otherwise: refuse)"
        case events.AgentChanged():
            return _another_agent(state, fact)
        case events.Notice() if fact.level is not Level.INFO:
            return fact.text
        case events.LabStopped() if fact.finished:
            return f"finished: {fact.reason}. {_best(state)}"
        case events.LabStopped() if fact.trouble:
            return f"stopped, and needs somebody: {fact.reason}"
        # Who stopped it knows.
        case events.LabStopped() if not state.stop_requested:
            return f"stopped: {fact.reason}. {_best(state)}"
        case _:
            return None


def _new_best(state: SessionState, fact: events.Judged) -> str | None:
    # The first keep is the baseline, which was there before.
    if fact.change is None or fact.val_bpb is None:
        return None
    word = "lower" if state.direction is Direction.LOWER else "higher"
    by = change_words(abs(fact.change), state.metric).lstrip("+")
    named = _named(state, fact.experiment)
    return f"new best {state.metric} {fact.val_bpb:.6f}, {by} {word}: {named}"


def _streak(state: SessionState) -> int:
    """Return how many of the latest verdicts in a row were crashes, up to one beyond `STREAK`."""
    streak = 0
    for experiment in reversed(state.experiments.values()):
        if experiment.status is None:
            continue
        if experiment.status not in _CRASHES or streak > STREAK:
            break
        streak += 1
    return streak


def _another_agent(state: SessionState, fact: events.AgentChanged) -> str | None:
    last = state.notices[-1] if state.notices else None
    if last is not None and last.level is not Level.INFO and fact.at - last.at < SAME_MOMENT_S:
        # Told with that notice.
        return None
    return f"the agent is {fact.agent} from here on: {fact.reason}"


def _named(state: SessionState, number: int) -> str:
    experiment = state.experiments.get(number)
    return f"#{number}" if experiment is None else f"#{number} {experiment.title}"


def _best(state: SessionState) -> str:
    best = state.best
    if best is None or best.val_bpb is None:
        return "There is no result."
    return f"Best {state.metric} {best.val_bpb:.6f}, {_named(state, best.number)}."


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARS else line[: TEXT_CHARS - 1] + "…"
