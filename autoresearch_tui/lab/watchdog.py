"""What the lab does against a night that goes wrong: rules over its state, without any model.

- `[watchdog] crashes` of the agent's experiments in a row without a result: the fallback takes as
  many turns, then the agent is asked again.
- As many of the fallback's, or of an agent's that is its own fallback: the session pauses. So it
  does after twice as many in a contest, whose other agents go on while the fallback has its turns.
- A device that does not answer: the run is queued again, and begins after 30 s, 60 s, ... up to
  10 min. It still does not after ten such waits: the lab stops in trouble.

Agents that do not answer, or repeat themselves, are the matter of `roster`.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.settings import WatchdogSettings

NAME = "the watchdog"
"""Who paused, in the journal."""
BACK_OFF_FIRST_S = 30.0
BACK_OFF_LONGEST_S = 600.0
BACK_OFFS_ALLOWED = 10
WITHOUT_RESULT = (Status.CRASH, Status.TIMEOUT, Status.INVALID)
WITH_RESULT = (Status.KEEP, Status.DISCARD, Status.PRUNED)
REASONS_SHOWN = 3
REASON_CHARACTERS = 120

_VARYING = re.compile(r"0x[0-9a-f]+|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Pause:
    """Start nothing new until a person says so."""

    reason: str


@dataclass(frozen=True, slots=True)
class SwitchAgent:
    """Have the fallback take the agent's next turns."""

    reason: str
    turns: int


@dataclass(frozen=True, slots=True)
class BackOff:
    """Wait until a moment, in seconds since the epoch, and try again."""

    reason: str
    until: float


@dataclass(frozen=True, slots=True)
class Stop:
    """End the lab in trouble."""

    reason: str


Remedy = Pause | SwitchAgent | BackOff | Stop


def remedy(
    state: SessionState,
    settings: WatchdogSettings,
    now: float,
    *,
    fallback: str,
    device_fault: str | None = None,
) -> Remedy | None:
    """Return what the state calls for, or none where the night goes well.

    Args:
        state: the session.
        settings: how much is put up with.
        now: seconds since the epoch.
        fallback: the name of the agent that works anywhere.
        device_fault: what is wrong with the device by the word of the last job on it, until that
            was seen to.
    """
    if device_fault is not None:
        return _spare_device(state, now, device_fault)
    if state.paused:
        return None
    streak = _streak(state, 2 * settings.crashes)
    by_fallback = [each for each in streak if each.agent == fallback]
    everybodys = state.contest and len(streak) == 2 * settings.crashes
    if everybodys or len(by_fallback) >= settings.crashes:
        return Pause(
            f"{len(streak)} experiments in a row gave no result: {_in_common(streak)}. The session "
            "is paused; look at their outputs, then go on with: autoresearch resume"
        )
    by_agent = len(streak) - len(by_fallback)
    # The agent that comes back after the fallback's turns is given another chance.
    if by_agent >= settings.crashes and fallback not in (state.agent, streak[0].agent):
        reason = f"{len(streak)} experiments in a row gave no result: {_in_common(streak)}"
        return SwitchAgent(reason, turns=settings.crashes)
    return None


def is_backing_off(state: SessionState, now: float) -> bool:
    """Return whether nothing is to be tried on the device yet.

    A clock that was set back must not make a wait of minutes one of years.
    """
    until = state.backed_off_until
    return until is not None and 0.0 < until - now <= BACK_OFF_LONGEST_S


def _spare_device(state: SessionState, now: float, fault: str) -> Remedy:
    attempts = state.back_offs_in_a_row
    if attempts >= BACK_OFFS_ALLOWED:
        return Stop(
            f"The device does not answer ({fault}), also after {attempts} waits. Look at it with "
            "nvidia-smi and the kernel's log; after a reset or a reboot, go on with: "
            f"autoresearch run --tag {state.tag}"
        )
    wait_s = min(BACK_OFF_FIRST_S * 2**attempts, BACK_OFF_LONGEST_S)
    return BackOff(f"the device does not answer: {fault}", now + wait_s)


def _streak(state: SessionState, longest: int) -> list[Experiment]:
    """Return the latest experiments of agents, up to the first that has a result.

    What was never run or a person ended says nothing, and neither does what is still open.
    """
    streak: list[Experiment] = []
    latest = (e for e in reversed(state.experiments.values()) if e.number >= state.watched_from)
    for experiment in latest:
        if experiment.status in WITH_RESULT or experiment.parent is None:
            break
        if experiment.status in WITHOUT_RESULT and experiment.edit is None:
            streak.append(experiment)
            if len(streak) == longest:
                break
    return streak


def _in_common(streak: list[Experiment]) -> str:
    """Return the causes of a streak, those that are the same but for numbers as one."""
    counts = Counter(_VARYING.sub("N", _cause(each)) for each in streak)
    causes = {_VARYING.sub("N", _cause(each)): _cause(each) for each in reversed(streak)}
    shown = [
        f"{count} times {causes[key]!r}" if count > 1 else repr(causes[key])
        for key, count in islice(counts.most_common(), REASONS_SHOWN)
    ]
    more = len(counts) - len(shown)
    return ", ".join([*shown, *([f"{more} other causes"] if more else [])])


def _cause(experiment: Experiment) -> str:
    reason = " ".join(experiment.reason.split()) or str(experiment.status)
    return reason[:REASON_CHARACTERS]
