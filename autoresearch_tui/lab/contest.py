"""A contest of several agents: who is to have the next turn, by what each one's turns gave."""

from collections.abc import Sequence

from autoresearch_tui.agents.base import Agent
from autoresearch_tui.lab.roster import Roster
from autoresearch_tui.record.standings import turns
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.stats import bandit


class Contest:
    """The agents' rosters, one each; they share a fallback."""

    def __init__(
        self, lead: Agent, rivals: Sequence[Agent], fallback: Agent, repeats_allowed: int
    ) -> None:
        """Begin with all agents at their places."""
        self._rosters = [Roster(agent, fallback, repeats_allowed) for agent in (lead, *rivals)]

    @property
    def lead(self) -> Roster:
        """The first agent's."""
        return self._rosters[0]

    @property
    def agents(self) -> list[Agent]:
        """All of them, the lead first."""
        return [roster.agent for roster in self._rosters]

    def pick(self, state: SessionState, now: float) -> Roster:
        """Return whose turn it is among those who can take it.

        The lead's where nobody can: its fallback stands in.
        """
        ready = {roster.agent.name: roster for roster in self._rosters if roster.is_ready}
        if len(ready) < 2:
            return next(iter(ready.values()), self._away(now) or self.lead)
        return ready[bandit.choose(list(ready), turns(state))]

    def to_be_asked_aside(self, now: float) -> Roster | None:
        """Return the roster of one who is away, and should be asked beside the others."""
        due = (roster for roster in self._rosters if roster.is_to_be_asked_aside(now))
        return next(due, None)

    def _away(self, now: float) -> Roster | None:
        waiting = [roster for roster in self._rosters if not roster.is_gone]
        return min(waiting, key=lambda roster: roster.turn(now)[1], default=None)

    def of(self, agent: Agent) -> Roster:
        """Return an agent's roster."""
        return next(roster for roster in self._rosters if roster.agent is agent)

    def others_can(self, roster: Roster) -> bool:
        """Return whether another agent than a roster's is at its place."""
        return any(each.is_ready for each in self._rosters if each is not roster)
