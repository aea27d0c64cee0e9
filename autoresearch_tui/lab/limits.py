"""When a session ends by itself."""

import time
from datetime import datetime, timedelta

from autoresearch_tui.record.events import Status
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.settings import LimitSettings, SettingsError

SECONDS_PER_HOUR = 3600.0


class Limits:
    """The ends that a person set for this start of the lab."""

    def __init__(self, settings: LimitSettings, started_at: float) -> None:
        """Count from `started_at`, in seconds since the epoch.

        Raises:
            SettingsError: `until` is no time of day.
        """
        self._max_experiments = settings.max_experiments
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
        return next((reason for at, reason in sorted(self._ends_at.items()) if now >= at), None)

    def leave_room(self, state: SessionState) -> bool:
        """Return whether another experiment may be proposed beside those that are open."""
        if self._max_experiments is None:
            return True
        return _counted(state) + len(state.open_experiments) < self._max_experiments

    def next_at(self) -> float | None:
        """Return the moment of the first limit of time, or none."""
        return min(self._ends_at, default=None)

    def described(self) -> dict[str, str]:
        """Return the limits as the journal names them."""
        described = {
            reason: datetime.fromtimestamp(at).astimezone().isoformat(timespec="minutes")
            for at, reason in self._ends_at.items()
        }
        if self._max_experiments is not None:
            described["experiments"] = str(self._max_experiments)
        return described


def _counted(state: SessionState) -> int:
    """Return how many experiments have a verdict; one that was skipped was none."""
    return state.judged_count - state.status_counts.get(Status.SKIPPED, 0)


def next_time(clock: str, after: float) -> float:
    """Return when the local time of day `clock` comes next, in seconds since the epoch.

    Raises:
        SettingsError: `clock` is no time of day.
    """
    try:
        parsed = time.strptime(clock, "%H:%M")
    except ValueError as error:
        raise SettingsError(
            f"limits.until is {clock!r}; give a time of day such as 07:00."
        ) from error
    start = datetime.fromtimestamp(after)
    at = start.replace(hour=parsed.tm_hour, minute=parsed.tm_min, second=0, microsecond=0)
    if at <= start:
        at += timedelta(days=1)
    # A local time without a zone: the system's rules for daylight saving apply on that day.
    return at.timestamp()
