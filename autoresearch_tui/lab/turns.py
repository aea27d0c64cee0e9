"""Whose turn it is to propose: the baseline comes first, then people's own edits, then an agent.

The next proposal is made while an experiment trains or is evaluated, so that no device waits for
it. An agent that computes on the very cores that a run trains on has its turn after the verdict
instead: it is quick, it disturbs no clock there, and it knows one result more.
"""

import asyncio
from collections.abc import Callable, Coroutine

from autoresearch_tui.lab.earlier import EarlierSessions
from autoresearch_tui.lab.intake import Intake
from autoresearch_tui.lab.proposing import AskFor, NoProposal, Proposer
from autoresearch_tui.lab.standby import is_overlapping
from autoresearch_tui.lab.tools import CanNotGoOn, Record, Tools
from autoresearch_tui.record.state import Phase, SessionState

Begin = Callable[[Coroutine[None, None, None], Callable[[], None]], asyncio.Task[None]]
"""Does something beside all else, and calls the second argument at its end."""


class Turns:
    """Has the next experiment proposed, one at a time."""

    def __init__(
        self, tools: Tools, state: SessionState, record: Record, begin: Begin, ask: AskFor
    ) -> None:
        self._tools = tools
        self._state = state
        self._record = record
        self._begin = begin
        self._intake = Intake(tools.session, tools.repository, tools.prices)
        self._proposer = Proposer(
            self._intake,
            tools.agent,
            tools.fallback,
            tools.settings,
            tools.rivals,
            EarlierSessions(tools.session, state).read,
            ask,
        )
        self._proposal: asyncio.Task[None] | None = None
        self._no_proposal: str | None = None
        """Why no agent can improve on the incumbent, once that turned out."""

    @property
    def has_stuck_agent(self) -> bool:
        """Whether an agent goes on that was told to end."""
        return self._proposer.has_stuck_agent

    async def close(self) -> None:
        """End what is asked beside the proposals."""
        await self._proposer.close(self._state, self._record)

    def step_aside(self, turns: int, reason: str) -> bool:
        """Give the fallback the agent's next turns; return whether it can take them."""
        return self._proposer.step_aside(turns, reason, self._record)

    def cancel(self) -> None:
        """End the proposal under way; the sentences that it was given go to the next one."""
        if self._proposal:
            self._proposal.cancel()

    def incumbent_changed(self) -> None:
        """Take up hope again.

        A proposal under way goes on: it is carried over to the incumbent when it is there.
        """
        self._no_proposal = None

    def see_to(self) -> None:
        """Have the next experiment proposed, where there is place for it.

        Raises:
            CanNotGoOn: there is nothing to propose, and nothing else to do.
        """
        state = self._state
        if state.current is None and state.incumbent is None:
            self._propose_baseline()
        elif not self._has_place():
            return
        elif state.queued_edits:
            self._intake.take_queued(state, self._record)
        elif self._may_ask():
            self._proposal = self._begin(self._propose(), self._forget_proposal)

    def _has_place(self) -> bool:
        state, current = self._state, self._state.current
        if self._proposal is not None or state.paused or state.stop_requested:
            return False
        return current is None or (
            state.incumbent is not None
            and state.ahead is None
            and current.phase in (Phase.TRAINING, Phase.EVALUATING)
            and self._tools.limits.leave_room(state)
        )

    def _may_ask(self) -> bool:
        if self._state.current is not None:
            return self._no_proposal is None and self._may_ask_beside_a_clock()
        if self._no_proposal is not None:
            raise CanNotGoOn(self._no_proposal)
        return True

    def _may_ask_beside_a_clock(self) -> bool:
        hardware = self._state.hardware
        trains_elsewhere = hardware is not None and hardware.device != "cpu"
        overlaps = is_overlapping(self._tools.settings.run.overlap, hardware)
        return trains_elsewhere or overlaps or not self._proposer.computes_here(self._state)

    async def _propose(self) -> None:
        try:
            await self._proposer.propose(self._state, self._record)
        except NoProposal as error:
            self._no_proposal = str(error)

    def _forget_proposal(self) -> None:
        self._proposal = None

    def _propose_baseline(self) -> None:
        """Record the baseline, unless it failed under this lab: there is nothing to improve on."""
        state, session = self._state, self._tools.session
        started_at = state.lab_started_at or 0.0
        failed = [e for e in state.experiments.values() if (e.judged_at or 0.0) > started_at]
        if failed:
            baseline, edited = failed[-1], state.edited_file
            raise CanNotGoOn(
                f"{edited} as it stands did not give a result ({baseline.status}: "
                f"{baseline.reason}), so there is nothing to improve on. Its output is in "
                f"{session.output(baseline.number)}. Mend {edited}, then go on with: "
                f"autoresearch run --tag {session.tag}"
            )
        self._intake.baseline(state, self._record)
