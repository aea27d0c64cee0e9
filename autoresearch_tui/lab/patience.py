"""Waits for agents no longer than they may take, whatever they do about it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from autoresearch_tui.agents.base import Agent, Context, Proposal, Think
from autoresearch_tui.record.samples import ThoughtKind

GRACE_S = 5.0
"""For an agent's own limit to be the first one, and for one that is told to end."""

T = TypeVar("T")
Ask = Callable[[Agent, Context, Think], Coroutine[Any, Any, Proposal]]


class OutOfPatience(Exception):
    """An agent gave no answer in time; the message is the rest of a sentence that it begins."""


class Patience:
    """How long one proposal may take."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._stuck: set[asyncio.Task[Any]] = set()

    @property
    def has_stuck(self) -> bool:
        """Whether something goes on that was told to end."""
        return bool(self._stuck)

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what the work comes to; what it does after its time is nobody's business.

        Raises:
            OutOfPatience: it took too long, or ended itself.
        """
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task}, timeout=self._limit_s + GRACE_S)
            if not task.done():
                raise OutOfPatience(f"gave no answer within {self._limit_s:g} s.")
        finally:
            if not task.done():
                await self._end(task)
        if task.cancelled():
            raise OutOfPatience("ended without an answer.")
        return task.result()

    async def _end(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=GRACE_S)
        finally:
            if not task.done():
                self._stuck.add(task)
            task.add_done_callback(self._let_go)

    def _let_go(self, task: asyncio.Task[Any]) -> None:
        self._stuck.discard(task)
        if not task.cancelled():
            # Looked at, so that nobody complains that nobody did.
            task.exception()


class Aside:
    """A question to an agent that is away, asked while another one proposes."""

    def __init__(self, agent: Agent, context: Context, ask: Ask) -> None:
        """Ask now."""
        self.context = context
        self.thoughts: list[tuple[ThoughtKind, str]] = []
        """Kept back until the answer is used: another agent is thinking aloud."""
        self._task = asyncio.create_task(ask(agent, context, self._think))

    def _think(self, kind: ThoughtKind, text: str) -> None:
        self.thoughts.append((kind, text))

    @property
    def is_done(self) -> bool:
        """Whether there is an answer, or will be none."""
        return self._task.done()

    def proposal(self) -> Proposal:
        """Return the answer.

        Raises:
            ProposalError: there is none.
        """
        return self._task.result()

    async def wait(self, seconds: float | None) -> None:
        """Wait that long, or until there is an answer; without a limit where none is given."""
        await asyncio.wait({self._task}, timeout=seconds)

    async def close(self) -> None:
        """Give the question up."""
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.exception()
