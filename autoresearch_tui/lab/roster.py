"""Whose turn it is to propose: the agent's, or the fallback's while the agent can not.

    at its place ──no answer; wrong answers in a row──▶ away ──it answers──▶ at its place
         │  └──── a streak of crashes ──▶ the fallback takes some turns ──────────┘
         └──── can not go on (a wrong key) ──▶ gone, until the next start

While the agent is away the fallback proposes, so that no device waits, and the agent is asked
beside it, first at once and then ever less often. Where the fallback can not propose either (no
constant in `train.py`), the lab waits for the agent.
"""

import time
from dataclasses import dataclass
from enum import Enum, auto

from autoresearch_tui.agents.base import Agent, ProposalError
from autoresearch_tui.lab.tried import RepeatedProposal

FAILURES_ALLOWED = 3
"""Wrong answers of the agent in a row; the fallback, which nobody replaces, has twice as many."""
RETRY_FIRST_S = 2.0
"""Before one is asked again that nobody replaces; doubled up to `RETRY_LONGEST_S`."""
RETRY_LONGEST_S = 32.0
AWAY_FIRST_S = 15.0
AWAY_LONGEST_S = 300.0
"""Between two attempts to reach an agent that is away."""
RETRY_AFTER_LONGEST_S = 3600.0
"""No server is left alone for longer than that, whatever it asks for."""


class Step(Enum):
    """What a failure leads to."""

    AGAIN = auto()
    """Whoever's turn it is then is asked again."""
    AWAY = auto()
    """The fallback takes over until the agent answers."""
    GONE = auto()
    """The fallback takes over for good."""
    ALONE = auto()
    """The fallback is gone, and the agent is waited for."""
    NOBODY = auto()
    """No agent is left."""


@dataclass(slots=True)
class _Absence:
    """Since the agent left its place."""

    since: float
    retry_at: float
    attempts: int = 0


class Roster:
    """Keeps who is at their place. Times are of the monotonic clock, in seconds."""

    def __init__(self, agent: Agent, fallback: Agent, repeats_allowed: int) -> None:
        """Begin with the agent at its place; it may be its own fallback."""
        self.agent = agent
        self.fallback = agent if agent.name == fallback.name else fallback
        self._repeats_allowed = repeats_allowed
        self._failures = 0
        self._repeats = 0
        self._failures_of_fallback = 0
        self._absence: _Absence | None = None
        self._turns_of_fallback = 0
        self._agent_is_gone = False
        self._fallback_is_gone = False

    @property
    def is_alone(self) -> bool:
        """Whether there is but one agent."""
        return self.agent is self.fallback

    @property
    def is_gone(self) -> bool:
        """Whether the agent can not be asked any more under this lab."""
        return self._fallback_is_gone if self.is_alone else self._agent_is_gone

    @property
    def is_ready(self) -> bool:
        """Whether the agent is at its place; the fallback may have been given its turns."""
        return not self.is_gone and self._absence is None

    def turn(self, now: float) -> tuple[Agent, float]:
        """Return whose turn it is, and how long to wait before asking."""
        if self.is_alone or self._agent_is_gone:
            return self.fallback, 0.0
        if self._fallback_is_gone:
            retry_at = now if self._absence is None else self._absence.retry_at
            return self.agent, max(0.0, retry_at - now)
        if self._turns_of_fallback or self._absence is not None:
            return self.fallback, 0.0
        return self.agent, 0.0

    def is_to_be_asked_aside(self, now: float) -> bool:
        """Return whether the agent, which is away, should be asked beside the fallback."""
        return (
            self._absence is not None
            and now >= self._absence.retry_at
            and not self._agent_is_gone
            and not self._fallback_is_gone
            and not self._turns_of_fallback
        )

    def answered(self, agent: Agent) -> str | None:
        """Note a proposal; return why the agent is at its place again, where that is new."""
        if agent is self.fallback:
            self._failures_of_fallback = 0
            if not self._turns_of_fallback:
                return None
            self._turns_of_fallback -= 1
            back = not self._turns_of_fallback and self._absence is None
            return f"{self.fallback.name} had its turns" if back else None
        self._failures = self._repeats = 0
        absence, self._absence = self._absence, None
        if absence is None:
            return None
        away_s = time.monotonic() - absence.since
        return f"{agent.name} answers again, after {away_s:.0f} s"

    def failed(self, agent: Agent, error: ProposalError, now: float) -> tuple[Step, float]:
        """Note a failure; return what it leads to, and how long to wait before asking again."""
        if agent is self.fallback:
            return self._fallback_failed(error)
        if error.fatal:
            self._agent_is_gone = True
            return (Step.NOBODY if self._fallback_is_gone else Step.GONE), 0.0
        if self._absence is not None:
            self._absence.attempts += 1
            self._absence.retry_at = now + _longer(self._absence.attempts, error)
            return Step.AGAIN, 0.0
        if isinstance(error, RepeatedProposal):
            self._repeats += 1
        else:
            self._failures += 1
        too_many = self._failures >= FAILURES_ALLOWED or self._repeats >= self._repeats_allowed
        if error.outage or too_many:
            self._absence = _Absence(now, now + _longer(0, error))
            return (Step.AGAIN if self._fallback_is_gone else Step.AWAY), 0.0
        return Step.AGAIN, 0.0

    def _fallback_failed(self, error: ProposalError) -> tuple[Step, float]:
        self._failures_of_fallback += 1
        failures = self._failures_of_fallback
        if error.outage and self.is_alone:
            return Step.AGAIN, max(_longer(failures, error), RETRY_FIRST_S)
        if error.fatal or failures >= 2 * FAILURES_ALLOWED:
            self._fallback_is_gone = True
            self._turns_of_fallback = 0
            nobody = self.is_alone or self._agent_is_gone
            return (Step.NOBODY if nobody else Step.ALONE), 0.0
        return Step.AGAIN, min(RETRY_FIRST_S * 2 ** (failures - 1), RETRY_LONGEST_S)

    def step_aside(self, turns: int) -> bool:
        """Give the fallback the agent's next turns; return whether it can take them."""
        if self._fallback_is_gone:
            return False
        self._turns_of_fallback = turns
        return True


def _longer(attempts: int, error: ProposalError) -> float:
    """Return how long to leave one alone that was asked so often in vain, in seconds."""
    wanted = min(error.retry_after_s, RETRY_AFTER_LONGEST_S)
    # No power of a number that grows all night.
    doublings = min(attempts, 10)
    return max(wanted, min(AWAY_FIRST_S * (2**doublings - 1), AWAY_LONGEST_S))
