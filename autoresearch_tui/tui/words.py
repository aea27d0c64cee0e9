"""The words for what a session is doing: a closed set, each with its glyph and its style."""

from enum import StrEnum

from autoresearch_tui.record.state import Activity, Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.session import LabLife
from autoresearch_tui.tui.ascii import CROSS


class Word(StrEnum):
    """What a session is doing, as the header says it."""

    OPENING = "opening"
    THINKING = "thinking"
    STARTING = "starting"
    COMPILING = "compiling"
    TRAINING = "training"
    EVALUATING = "evaluating"
    JUDGING = "judging"
    WAITING = "waiting"
    """For something broken, to try it again."""
    YOUR_TURN = "your turn"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FINISHED = "finished"
    SILENT = "lab silent"
    DEAD = "lab dead"
    NO_LAB = "no lab"


_OF_ACTIVITY = {
    Activity.STARTING: Word.STARTING,
    Activity.COMPILING: Word.COMPILING,
    Activity.TRAINING: Word.TRAINING,
    Activity.EVALUATING: Word.EVALUATING,
    Activity.WAITING_FOR_AGENT: Word.THINKING,
    Activity.WAITING_FOR_HUMAN: Word.YOUR_TURN,
    Activity.PAUSED: Word.PAUSED,
    Activity.FAILED: Word.WAITING,
    Activity.OFF: Word.OPENING,
}

_IN_FLIGHT = {
    Word.STARTING,
    Word.COMPILING,
    Word.TRAINING,
    Word.EVALUATING,
    Word.JUDGING,
    Word.THINKING,
}

LIVELY = _IN_FLIGHT | {Word.PAUSING, Word.STOPPING}
"""The words under which numbers move; under the others the screen stands still."""

LABLESS = {
    Word.STOPPED: "The lab has stopped.",
    Word.FINISHED: "The session is finished.",
    Word.DEAD: "The lab died; nothing is lost.",
    Word.NO_LAB: "No lab is running.",
}
"""What to say while nobody is there to take commands."""

GLYPHS = {
    Word.OPENING: ("○", "muted"),
    Word.THINKING: ("●", "note"),
    Word.STARTING: ("▶", "accent"),
    Word.COMPILING: ("▶", "accent"),
    Word.TRAINING: ("▶", "good"),
    Word.EVALUATING: ("▶", "accent"),
    Word.JUDGING: ("●", "accent"),
    Word.WAITING: ("◆", "bad"),
    Word.YOUR_TURN: ("◆", "warn"),
    Word.PAUSING: ("‖", "warn"),
    Word.PAUSED: ("‖", "warn"),
    Word.STOPPING: ("■", "warn"),
    Word.STOPPED: ("■", "muted"),
    Word.FINISHED: ("✓", "good"),
    Word.SILENT: (CROSS, "bad"),
    Word.DEAD: (CROSS, "bad"),
    Word.NO_LAB: ("○", "muted"),
}

STATUS_GLYPHS = {
    Status.KEEP: ("●", "good"),
    Status.DISCARD: ("○", "muted"),
    Status.PRUNED: ("◇", "muted"),
    Status.DUPLICATE: ("○", "muted"),
    Status.SKIPPED: ("○", "muted"),
    Status.REJECTED: (CROSS, "warn"),
    Status.KILLED: (CROSS, "warn"),
    Status.CRASH: (CROSS, "bad"),
    Status.TIMEOUT: (CROSS, "bad"),
    Status.INVALID: ("▽", "bad"),
}

FAILED = {Status.CRASH, Status.TIMEOUT, Status.INVALID, Status.KILLED, Status.REJECTED}
"""The verdicts of experiments that have no number to compare."""

PHASE_WORDS = {
    Phase.WAITING_FOR_APPROVAL: "your turn",
    Phase.QUEUED: "queued",
    Phase.STARTING: "starting",
    Phase.COMPILING: "compiling",
    Phase.TRAINING: "training",
    Phase.EVALUATING: "evaluating",
    Phase.EVALUATED: "judging",
    Phase.JUDGED: "judged",
}


def standing(experiment: Experiment) -> str:
    """Return who computed an experiment's metric, and how sure it is; empty without one."""
    return f"{experiment.standing}, unconfirmed" if experiment.standing else ""


def word_for(state: SessionState, life: LabLife) -> Word:
    """Return what a session is doing, by its facts and by whether its lab lives."""
    if life is LabLife.DEAD or (life is LabLife.NONE and state.lab_pid is not None):
        return Word.DEAD
    if life is LabLife.SILENT and state.lab_pid is not None:
        return Word.SILENT
    if state.lab_pid is None and (state.stop_reason or life is LabLife.NONE):
        if state.finished:
            return Word.FINISHED
        return Word.STOPPED if state.lab_started_at is not None else Word.NO_LAB
    word = _OF_ACTIVITY[state.activity]
    current = state.current
    if word is Word.STARTING and current is not None and current.phase is Phase.EVALUATED:
        word = Word.JUDGING
    if word in _IN_FLIGHT or word is Word.YOUR_TURN:
        if state.stop_requested:
            return Word.STOPPING
        if state.paused and word is not Word.YOUR_TURN:
            return Word.PAUSING
    return word
