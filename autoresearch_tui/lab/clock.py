"""The time that facts carry: the wall clock's when the lab started, and steady from there on.

The wall clock may be set while a lab runs, by hand or by a time server that answers at last. What a
night's seconds were spent on must not suffer from that, so the lab reads it once.
"""

import time
from collections.abc import Callable


def steady() -> float:
    """Return seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Clock:
    """Seconds since the epoch that never go back, however the wall clock is set."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady
    ) -> None:
        """Read `wall` once, now, and `steady` whenever somebody asks."""
        self._steady = steady
        self._ahead_s = wall() - steady()

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""
        return self._steady() + self._ahead_s

    def go_on_from(self, last: float) -> float:
        """Have the time be no earlier than `last`; return by how many seconds that moved it."""
        behind_s = max(0.0, last - self.now())
        self._ahead_s += behind_s
        return behind_s


_of_this_lab = Clock()
now = _of_this_lab.now
go_on_from = _of_this_lab.go_on_from
