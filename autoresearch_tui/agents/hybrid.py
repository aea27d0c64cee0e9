"""The hybrid agent: tpe proposes most experiments, a language model every third.

Both read the same state, so each sees what the other's edits gave: the model finds what no constant
says, and tpe tunes the constants of what the model built. Where the model does not answer tpe
proposes in its place, and the model is left alone for a while.
"""

import time
from dataclasses import replace

from autoresearch_tui.agents.base import (
    Agent,
    Context,
    Proposal,
    ProposalError,
    Reachable,
    Repairer,
    Think,
)
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Usage

REST_FIRST_S = 15.0
REST_LONGEST_S = 300.0
"""How long a model that failed is left alone, from its first failure in a row on."""


class HybridAgent:
    """Two agents as one; which of them proposed is told with each proposal."""

    name: str = "hybrid"
    model: str | None

    def __init__(self, tuner: Agent, thinker: Agent, every: int) -> None:
        """Ask `tuner`, and for every n-th experiment `thinker`."""
        self._tuner = tuner
        self._thinker = thinker
        self._every = every
        self.model = thinker.model
        self._next = 1
        self._failures = 0
        self._rests_until = 0.0
        self._gone = ""
        """Why the model can not be asked any more; empty while it can."""

    @property
    def computes_here(self) -> bool:
        """Whether the one whose turn comes next does."""
        thinks = self._thinks(self._next)
        return (self._thinker if thinks else self._tuner).computes_here

    async def check(self) -> str:
        """Ask whether the model answers.

        Raises:
            ProposalError: it does not, or not to us.
        """
        if isinstance(self._thinker, Reachable):
            return await self._thinker.check()
        return f"{self._thinker.name} needs no server"

    @property
    def _is_away(self) -> bool:
        return bool(self._gone) or time.monotonic() < self._rests_until

    @property
    def can_repair(self) -> bool:
        """Whether the model can, and can be asked."""
        thinker = self._thinker
        return isinstance(thinker, Repairer) and thinker.can_repair and not self._is_away

    def _thinks(self, experiment: int) -> bool:
        return experiment % self._every == 0 and not self._is_away

    async def propose(self, context: Context, think: Think) -> Proposal:
        """Return one edit, by the one whose turn it is.

        Raises:
            ProposalError: neither has one; of a model that does not answer, tpe's words.
        """
        self._next = context.experiment + 1
        order = [self._tuner, self._thinker]
        if self._thinks(context.experiment) or context.repair_of is not None:
            order.reverse()
        spent, failed = Usage(), ProposalError("Neither was asked")
        for agent in order:
            if agent is self._thinker and self._is_away:
                continue
            try:
                proposal = await agent.propose(context, think)
            except ProposalError as error:
                spent, failed = spent + error.usage, error
                think(ThoughtKind.ERROR, f"{agent.name}: {error}")
                if agent is self._thinker:
                    self._rest(error)
            else:
                if agent is self._thinker:
                    self._failures = 0
                return replace(proposal, by=agent.name, usage=spent + proposal.usage)
        failed.usage = spent
        raise failed

    def _rest(self, error: ProposalError) -> None:
        self._gone = str(error) if error.fatal else ""
        doublings, self._failures = min(self._failures, 10), self._failures + 1
        rest_s = min(REST_FIRST_S * 2**doublings, REST_LONGEST_S)
        self._rests_until = time.monotonic() + max(rest_s, min(error.retry_after_s, 3600.0))
