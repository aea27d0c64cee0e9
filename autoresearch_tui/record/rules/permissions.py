"""Facts about what agents ask to be allowed, and the answers."""

from autoresearch_tui.record import events
from autoresearch_tui.record.state import PERMISSIONS_KEPT, Permission, SessionState

BY_END_OF_LAB = "the end of the lab"
"""Who refuses what an agent asked for that died with its lab."""


def request(state: SessionState, fact: events.PermissionRequested) -> None:
    """An agent asks for something."""
    state.permission_requests = max(state.permission_requests, fact.request)
    state.permissions[fact.request] = Permission(
        request=fact.request,
        experiment=fact.experiment,
        agent=fact.agent,
        what=fact.what,
        detail=fact.detail,
        reason=fact.reason,
        options=fact.options,
        at=fact.at,
        decide_at=fact.decide_at,
    )
    if len(state.permissions) > PERMISSIONS_KEPT:
        del state.permissions[next(iter(state.permissions))]


def answer(state: SessionState, fact: events.PermissionAnswered) -> None:
    """It is allowed, or refused."""
    permission = state.permissions[fact.request]
    permission.allowed = fact.allowed
    permission.answered_by = fact.by


def refuse_all(state: SessionState) -> None:
    """Refuse what was asked for by agents that are no more."""
    for permission in state.permissions.values():
        if permission.allowed is None:
            permission.allowed, permission.answered_by = False, BY_END_OF_LAB
