"""Counts what a proposal costs."""

import time

from autoresearch_tui.record.events import Usage


class Meter:
    """The tokens that a proposal used, also those of answers that broke off."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._finished = (0, 0, 0, 0)
        self._current = (0, 0, 0, 0)

    @property
    def output_tokens(self) -> int:
        """All that was written until now, thinking included."""
        return self._finished[1] + self._current[1]

    def begin(self) -> None:
        """Start counting another request."""
        done, now = self._finished, self._current
        self._finished = (done[0] + now[0], done[1] + now[1], done[2] + now[2], done[3] + now[3])
        self._current = (0, 0, 0, 0)

    def count(
        self, read: int | None, written: int, cache_read: int | None, cache_written: int | None
    ) -> None:
        """Take a request's totals so far; those that are not told again stay as they were."""
        now = self._current
        self._current = (
            now[0] if read is None else read,
            written,
            now[2] if cache_read is None else cache_read,
            now[3] if cache_written is None else cache_written,
        )

    def usage(self) -> Usage:
        """Return what was used until now."""
        self.begin()
        read, written, cache_read, cache_written = self._finished
        return Usage(
            seconds=time.monotonic() - self._started,
            input_tokens=read,
            output_tokens=written,
            cache_read_tokens=cache_read,
            cache_write_tokens=cache_written,
        )
