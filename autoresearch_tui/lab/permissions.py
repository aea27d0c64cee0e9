"""What an agent may do only if a person lets it: the request, the answer, and who gave it.

The first answer stands: whoever answers after it reads what it was, and whose. Where nobody
answers in time the policy for absence does, and refuses.
"""

import asyncio
import contextlib

from autoresearch_tui.agents.base import PermissionRequest
from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import Reply, done, nothing, refused
from autoresearch_tui.lab import clock
from autoresearch_tui.lab.approval import BY_POLICY
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.state import Permission, SessionState

BY_END = "the end of its proposal"
"""Who refuses what nobody waits for any more."""


class Requests:
    """Puts what agents ask for to people, and waits for the answers."""

    def __init__(self, state: SessionState, record: Record) -> None:
        """Read answers in `state`, once they were recorded and `hear` was told."""
        self._state = state
        self._record = record
        self._answered: dict[int, asyncio.Event] = {}

    async def ask(self, experiment: int, agent: str, request: PermissionRequest) -> bool | None:
        """Return whether a person allowed it; none where nobody answered in time.

        Raises:
            OSError: it can not be recorded.
        """
        number, now = self._state.permission_requests + 1, clock.now()
        answered = self._answered[number] = asyncio.Event()
        self._record(
            events.PermissionRequested(
                at=now,
                request=number,
                experiment=experiment,
                agent=agent,
                what=request.what,
                detail=request.detail,
                reason=request.reason,
                options=request.options,
                decide_at=now + request.wait_s,
            )
        )
        permission = self._state.permissions[number]
        try:
            await answered.wait()
        finally:
            del self._answered[number]
            if permission.allowed is None:
                with contextlib.suppress(OSError):
                    self._record(_answer(permission, allowed=False, by=BY_END))
        return None if permission.answered_by == BY_POLICY else permission.allowed

    def hear(self, fact: KnownFact) -> None:
        """Take an answer that was recorded to whoever waits for it."""
        if isinstance(fact, events.PermissionAnswered) and fact.request in self._answered:
            self._answered[fact.request].set()


def decide(state: SessionState, command: messages.Permit, record: Record) -> Reply:
    """Answer a request as a person says.

    Raises:
        OSError: it can not be recorded.
    """
    number, word = command.request, "allowed" if command.allowed else "refused"
    permission = state.permissions.get(number)
    if permission is None:
        return refused(f"no agent made a request {number}")
    if permission.allowed is not None:
        was = "allowed" if permission.allowed else "refused"
        return nothing(f"request {number} was {was} by {permission.answered_by}")
    record(_answer(permission, allowed=command.allowed, by=command.by))
    return done(f"request {number} of {permission.agent} is {word}")


def due(state: SessionState, now: float) -> events.PermissionAnswered | None:
    """Return the policy's answer to a request that waited long enough, or none."""
    asked = [each for each in _open(state) if now >= each.decide_at]
    return _answer(asked[0], allowed=False, by=BY_POLICY) if asked else None


def next_at(state: SessionState) -> float | None:
    """Return when the policy answers next, in seconds since the epoch, or none."""
    return min((each.decide_at for each in _open(state)), default=None)


def _open(state: SessionState) -> list[Permission]:
    return [each for each in state.permissions.values() if each.allowed is None]


def _answer(permission: Permission, *, allowed: bool, by: str) -> events.PermissionAnswered:
    return events.PermissionAnswered(
        at=clock.now(), request=permission.request, allowed=allowed, by=by
    )
