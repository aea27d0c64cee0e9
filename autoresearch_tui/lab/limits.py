"""When a session ends by itself."""

import time
from datetime import datetime, timedelta

from autoresearch_tui.record.state import Phase, SessionState
from autoresearch_tui.record.vocabulary import Direction, Status
from autoresearch_tui.settings import LimitSettings, SettingsError

SECONDS_PER_HOUR = 3600.0
LOOK_AGAIN_S = 30.0
"""How long a wait for a moment may sleep: the clock of timers stands still while the machine is
suspended, and knows nothing of a wall clock that is set."""


class Limits:
    """The ends that a person set for this start of the lab."""

    def __init__(self, settings: LimitSettings, started_at: float) -> None:
        """Count from `started_at`, in seconds since the epoch.

        Raises:
            SettingsError: `until` is no time of day.
        """
        self._max_experiments = settings.max_experiments
        self._max_cost = settings.max_cost
        self._target_bpb = settings.target_bpb
        self._ends_at: dict[float, str] = {}
        if settings.max_hours is not None:
            ends_at = started_at + settings.max_hours * SECONDS_PER_HOUR
            self._ends_at[ends_at] = f"{settings.max_hours:g} hours are over"
        if settings.until is not None:
            self._ends_at[next_time(settings.until, started_at)] = f"it is {settings.until}"

    def reached(self, state: SessionState, now: float) -> str | None:
        """Return the limit that is reached, as a clause, or none."""
        count = _counted(state)
        if self._max_experiments is not None and count >= self._max_experiments:
            return f"{count} experiments are judged"
        if self._is_target_reached(state):
            assert state.best is not None
            assert self._target_bpb is not None
            return (
                f"#{state.best.number} has a {state.metric} of {state.best.val_bpb:.6f}, and "
                f"{self._target_bpb:g} was the target"
            )
        if self._is_spent(state) and not _owes_a_run(state):
            return self._spent(state)
        return next((reason for at, reason in sorted(self._ends_at.items()) if now >= at), None)

    def leave_room(self, state: SessionState) -> bool:
        """Return whether another experiment may be proposed beside those that are open.

        Once a limit is reached, nothing that is proposed would be run.
        """
        if self._is_spent(state) or self.reached(state, time.time()) is not None:
            return False
        if self._max_experiments is None:
            return True
        return _counted(state) + len(state.open_experiments) < self._max_experiments

    def _is_spent(self, state: SessionState) -> bool:
        return self._max_cost is not None and state.cost_usd >= self._max_cost

    def _spent(self, state: SessionState) -> str:
        uncounted = ""
        if state.unpriced_tokens:
            uncounted = f"; {state.unpriced_tokens:,} tokens of models without a price not counted"
        digits = 2 if state.cost_usd >= 1 else 4
        return (
            f"the proposals have cost {state.cost_usd:.{digits}f} of {self._max_cost:g} US dollars"
            f"{uncounted}"
        )

    def _is_target_reached(self, state: SessionState) -> bool:
        best = None if state.best is None else state.best.val_bpb
        if best is None or self._target_bpb is None:
            return False
        if state.direction is Direction.HIGHER:
            return best >= self._target_bpb
        return best <= self._target_bpb

    def next_at(self) -> float | None:
        """Return the moment of the first limit of time, or none."""
        return min(self._ends_at, default=None)

    def wait_s(self, now: float) -> float | None:
        """Return in how many seconds to look at the limits again; none for not before a change.

        One that is reached already waits for the run in flight, whose end is a change.
        """
        next_at = self.next_at()
        if next_at is None or next_at <= now:
            return None
        return min(next_at - now, LOOK_AGAIN_S)

    def described(self) -> dict[str, str]:
        """Return the limits as the journal names them."""
        described = {
            reason: datetime.fromtimestamp(at).astimezone().isoformat(timespec="minutes")
            for at, reason in self._ends_at.items()
        }
        for name, value in (
            ("experiments", self._max_experiments),
            ("US dollars", self._max_cost),
            ("target", self._target_bpb),
        ):
            if value is not None:
                described[name] = f"{value:g}"
        return described


def _owes_a_run(state: SessionState) -> bool:
    """Return whether an edit that is paid for may run without a person's doing."""
    opened = (state.experiments[number] for number in state.open_experiments)
    waits = any(each.phase is not Phase.WAITING_FOR_APPROVAL for each in opened)
    return waits and not state.paused


def _counted(state: SessionState) -> int:
    """Return how many experiments have a verdict; one that was skipped was none."""
    return state.judged_count - state.status_counts.get(Status.SKIPPED, 0)


def next_time(clock: str, after: float) -> float:
    """Return when the local time of day `clock` comes next, in seconds since the epoch.

    A time that the clocks pass twice in a night comes twice; one that they leap over comes with
    the leap.

    Raises:
        SettingsError: `clock` is no time of day.
    """
    try:
        parsed = time.strptime(clock, "%H:%M")
    except ValueError as error:
        raise SettingsError(
            f"limits.until is {clock!r}; give a time of day such as 07:00."
        ) from error
    today = datetime.fromtimestamp(after).replace(
        hour=parsed.tm_hour, minute=parsed.tm_min, second=0, microsecond=0
    )
    # The leap of a day before may have come after its own time of day.
    days = [today + timedelta(days=days) for days in (-1, 0, 1, 2)]
    moments = [_moment(day.replace(fold=fold)) for day in days for fold in (0, 1)]
    return min(moment for moment in moments if moment > after)


def _moment(local: datetime) -> float:
    """Return when the clocks here show a time that has no zone, or leap over it."""
    at = local.timestamp()
    if datetime.fromtimestamp(at) == local.replace(fold=0):
        return at
    # Counted by the rule from before the leap it lies after it, by the other one before it.
    later, earlier = local.replace(fold=0).timestamp(), local.replace(fold=1).timestamp()
    while later - earlier > 1.0:
        middle = (earlier + later) // 2
        if datetime.fromtimestamp(middle) < local:
            earlier = middle
        else:
            later = middle
    return later
