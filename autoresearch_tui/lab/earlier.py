"""Earlier sessions of a repository whose results an agent may learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch_tui import session as sessions
from autoresearch_tui.agents.base import Past
from autoresearch_tui.lab.archive import SessionArchive
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import Session

SESSIONS_MOST = 8
"""The latest that compare; an agent looks at a limited number of experiments anyway."""


@dataclass
class EarlierSessions:
    """Reads them once, when they are first asked for."""

    session: Session
    state: SessionState
    """This session's, as it is when they are asked for."""
    _found: Sequence[Past] | None = None

    def read(self) -> Sequence[Past]:
        """Return the latest sessions whose results compare with this one's, oldest first.

        The data, the budget, the hardware and the metric are the same. What can not be read is no
        session to learn from.
        """
        if self._found is None:
            found: list[Past] = []
            for other in reversed(sessions.sessions(Path(self.state.repository))):
                if len(found) == SESSIONS_MOST:
                    break
                if other.folder == self.session.folder:
                    continue
                try:
                    state = fold(JournalReader(other.journal).read())
                except OSError:
                    continue
                if compares(state, self.state):
                    found.append(Past(state, SessionArchive(other)))
            self._found = found[::-1]
        return self._found


def compares(one: SessionState, other: SessionState) -> bool:
    """Return whether the results of two sessions can be compared."""
    return None not in _measure(one) and _measure(one) == _measure(other)


def _measure(state: SessionState) -> tuple[object, ...]:
    machine, data = state.hardware, state.data
    return (
        machine and (machine.device, machine.name, machine.cores),
        data and data.fingerprint,
        state.budget_s,
        state.metric,
        state.direction,
    )
