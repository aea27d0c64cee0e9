"""Asks an agent for the next edit, or another one where it can not answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from autoresearch_tui.agents.base import (
    Agent,
    Closable,
    Context,
    Earlier,
    PermissionRequest,
    Proposal,
    ProposalError,
    Spending,
    Think,
    nothing_earlier,
)
from autoresearch_tui.lab import archive, clock, frozen, page, repairs, stages
from autoresearch_tui.lab.archive import SessionArchive
from autoresearch_tui.lab.contest import Contest
from autoresearch_tui.lab.intake import Intake
from autoresearch_tui.lab.memory import Memory
from autoresearch_tui.lab.patience import Aside, OutOfPatience, Patience
from autoresearch_tui.lab.roster import Step
from autoresearch_tui.lab.thoughts import Thoughts
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.masking import mask
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.settings import Settings

AGENT_SEEDS = 1 << 32

log = logging.getLogger(__name__)

AskFor = Callable[[int, str, PermissionRequest], Awaitable[bool | None]]
"""Puts a request of an agent, by name, for the proposal of a number, to people."""


async def ask_nobody(_experiment: int, _agent: str, _request: PermissionRequest) -> bool | None:
    """Return that nobody answered."""
    return None


class NoProposal(Exception):
    """No agent is left that could propose anything; the message says why."""


class Proposer:
    """Turns agents' answers into experiments."""

    def __init__(
        self,
        intake: Intake,
        agent: Agent,
        fallback: Agent,
        settings: Settings,
        rivals: Sequence[Agent] = (),
        earlier: Earlier = nothing_earlier,
        ask_for: AskFor = ask_nobody,
    ) -> None:
        """Ask `agent`, or one of its `rivals`; when none can go on, `fallback`.

        What they propose goes to `intake`; from `earlier` sessions they may learn. What they need a
        person for is asked through `ask_for`.
        """
        self._intake = intake
        self._session = intake.session
        self._repository = intake.repository
        self._prices = intake.prices
        self._contest = Contest(agent, rivals, fallback, settings.watchdog.repeats)
        self._roster = self._aside_of = self._contest.lead
        """Whose turn it is, and of whom something is asked beside it."""
        chosen = (settings.agent, *settings.rivals)
        self._budgets = [
            (each, options.max_cost)
            for each, options in zip((agent, *rivals), chosen, strict=False)
            if options.max_cost is not None
        ]
        self._earlier = earlier
        self._ask_for = ask_for
        self._patience = Patience(max(options.limit_s for options in chosen))
        self._memory = Memory(self._session, self._repository)
        self._aside: Aside | None = None
        self._refused: dict[str, str] = {}
        """Why the last answer of an agent could not be run, by its name."""
        self._thoughts = Thoughts(self._session.reasoning)

    @property
    def has_stuck_agent(self) -> bool:
        """Whether an agent goes on that was told to end."""
        return self._patience.has_stuck

    def computes_here(self, state: SessionState) -> bool:
        """Return whether the agent whose turn comes next computes in this process."""
        return self._contest.pick(state, time.monotonic()).agent.computes_here

    async def propose(self, state: SessionState, record: Record) -> None:
        """Ask for one edit and record it, or record that there was none.

        The edit is recorded as one of the incumbent that it was made to, even where another took
        its place meanwhile.

        An agent that does not answer has its place taken, so that no device waits for it, and is
        asked beside the one that takes it.

        Raises:
            NoProposal: the last agent that there is can not go on.
        """
        number, incumbent = state.next_number, state.best
        assert incumbent is not None
        late = await self._take_late(state, record, incumbent)
        await self._end_what_is_spent(state, record)
        if late is None:
            self._roster = self._contest.pick(state, time.monotonic())
        agent, wait_s = self._roster.turn(time.monotonic())
        steering = [s.text for s in state.steering if s.experiment in (None, number)]
        if late is not None:
            self._roster = self._aside_of
            agent, wait_s, steering = self._roster.agent, 0.0, []
        if self._aside is not None and self._aside_of.agent is agent:
            # Nobody else is left, and it thinks already.
            await self._aside.wait(None)
            return
        if wait_s:
            await asyncio.sleep(wait_s)
        due = self._contest.to_be_asked_aside(time.monotonic())
        if self._aside is None and due is not None:
            self._aside_of = due
            told = self._refused.get(due.agent.name, "")
            context = self._context(state, incumbent, [], told)
            self._aside = Aside(due.agent, context, self._ask)
        self._memory.tell(state, record)
        repair = None if late else repairs.wanted(state, SessionArchive(self._session), agent)
        spending = Spending()
        record(
            events.ProposalStarted(
                at=clock.now(),
                experiment=number,
                agent=agent.name,
                steering=steering,
                repairs=repair.experiment if repair else None,
            )
        )
        flushing = asyncio.create_task(self._thoughts.flush_regularly())
        try:
            if late is None:
                refused = self._refused.get(agent.name, "")
                context = replace(
                    self._context(state, incumbent, steering, refused),
                    repair_of=repair,
                    spending=spending,
                )
                proposal = await self._ask(
                    agent, context, lambda kind, text: self._thoughts.add(number, kind, text)
                )
            else:
                context, proposal = late
            self._memory.take_in(state, record, proposal, agent.name, context.notebook)
            self._memory.refuse(state, proposal, context.train)
        except ProposalError as error:
            await self._fail(agent, state, record, error)
        except asyncio.CancelledError:
            self._record_cancelled(agent, number, record, spending)
            raise
        else:
            self._intake.store(state, record, proposal, incumbent.number, agent.name, agent.model)
            self._refused.pop(agent.name, None)
            self._note_answer(agent, record)
        finally:
            flushing.cancel()
            self._thoughts.flush()

    def _context(
        self, state: SessionState, incumbent: Experiment, steering: list[str], refused: str = ""
    ) -> Context:
        number, train = state.next_number, self._repository.train(incumbent.commit)
        return Context(
            experiment=number,
            seed=stages.seed(f"{state.session_id}/proposal", number, state.facts) % AGENT_SEEDS,
            program=archive.read(self._repository.root / "program.md"),
            incumbent=incumbent.number,
            train=train,
            # An agent may read it in a thread, while what is in flight goes on.
            state=replace(
                state,
                experiments=dict(state.experiments),
                status_counts=dict(state.status_counts),
                backlog=list(state.backlog),
            ),
            archive=SessionArchive(self._session),
            steering=steering,
            refused=refused,
            notebook=page.read(self._session, state),
            frozen=frozen.names(train, state.frozen),
            earlier=self._earlier,
        )

    async def _ask(self, agent: Agent, context: Context, think: Think) -> Proposal:
        ask_person = partial(self._ask_for, context.experiment, agent.name)
        context = replace(context, ask_person=ask_person)
        try:
            proposal = await self._patience.wait_for(agent.propose(context, think))
            # What can not be written can not be run.
            notes = [proposal.notebook or "", *proposal.ideas]
            for text in (proposal.train, proposal.title, proposal.hypothesis, *notes):
                text.encode()
            proposal = replace(
                proposal, title=mask(proposal.title), hypothesis=mask(proposal.hypothesis)
            )
        except ProposalError:
            raise
        except OutOfPatience as error:
            usage = context.spending.usage
            raise ProposalError(f"{agent.name} {error}", usage, outage=True) from error
        except UnicodeEncodeError as error:
            raise ProposalError(f"{agent.name} proposed text that is no Unicode") from error
        except Exception as error:
            # Whatever goes wrong in an agent must not end the night.
            log.exception("the agent %s failed", agent.name)
            reason = f"{agent.name} failed with {error!r}; see lab.log"
            raise ProposalError(reason, context.spending.usage) from error
        return proposal

    async def _take_late(
        self, state: SessionState, record: Record, incumbent: Experiment
    ) -> tuple[Context, Proposal] | None:
        """Return what the agent that was away has answered meanwhile, if it still applies.

        With it comes what it was asked.
        """
        aside, number = self._aside, state.next_number
        if aside is None or not aside.is_done:
            return None
        self._aside, self._roster = None, self._aside_of
        agent = self._roster.agent
        try:
            proposal = aside.proposal()
        except ProposalError as error:
            await self._fail(agent, state, record, error)
            return None
        asked_of = aside.context.incumbent
        if asked_of == incumbent.number:
            # It is back once its answer turns out to be one that can be run.
            for kind, text in aside.thoughts:
                self._thoughts.add(number, kind, text)
            return aside.context, proposal
        self._note_answer(agent, record)
        late = f"It answered to #{asked_of}, which is no longer the incumbent."
        self._record_failure(agent, number, record, ProposalError(late, proposal.usage))
        return None

    async def _fail(
        self, agent: Agent, state: SessionState, record: Record, error: ProposalError
    ) -> None:
        number, now = state.next_number, clock.now()
        error.args = (mask(str(error)),)
        self._thoughts.add(number, ThoughtKind.ERROR, str(error))
        self._record_failure(agent, number, record, error)
        if not error.outage:
            self._refused[agent.name] = str(error)
        step, wait_s = self._roster.failed(agent, error, time.monotonic())
        fallback = self._roster.fallback
        if step in (Step.AWAY, Step.GONE, Step.NOBODY) and self._contest.others_can(self._roster):
            back = " until it is back" if step is Step.AWAY else ""
            text = f"{agent.name} is out of the contest{back}: {error}"
            record(events.Notice(at=now, level=Level.WARNING, text=text))
            return
        match step:
            case Step.AGAIN if self._aside is not None:
                await self._aside.wait(wait_s)
            case Step.AGAIN:
                await asyncio.sleep(wait_s)
            case Step.ALONE:
                text = (
                    f"{fallback.name} can not go on: {error} {self._roster.agent.name} is awaited."
                )
                record(events.Notice(at=now, level=Level.WARNING, text=text))
            case Step.NOBODY:
                raise NoProposal(f"The agent {agent.name} can not go on: {error}")
            case Step.GONE:
                text = (
                    f"{agent.name} can not go on: {error} The session goes on with {fallback.name}."
                )
                record(events.Notice(at=now, level=Level.ERROR, text=text))
                self._record_change(fallback, record, str(error))
            case Step.AWAY:
                reason = f"{error} {fallback.name} takes its turns until {agent.name} is back."
                self._record_change(fallback, record, reason)

    def step_aside(self, turns: int, reason: str, record: Record) -> bool:
        """Give the fallback the agent's next turns; return whether it can take them."""
        if not self._roster.step_aside(turns):
            return False
        self._record_change(self._roster.fallback, record, reason)
        return True

    def _note_answer(self, agent: Agent, record: Record) -> None:
        reason = self._roster.answered(agent)
        is_told = agent is self._roster.fallback or not self._contest.others_can(self._roster)
        if reason and not is_told:
            record(events.Notice(at=clock.now(), level=Level.INFO, text=f"{reason}."))
        elif reason:
            self._record_change(self._roster.agent, record, reason)

    async def _end_what_is_spent(self, state: SessionState, record: Record) -> None:
        """Send those away whose own budget is spent."""
        for agent, budget in self._budgets:
            roster = self._contest.of(agent)
            if not roster.is_gone and state.cost_of_agent.get(agent.name, 0.0) >= budget:
                self._roster = roster
                reason = f"Its budget of {budget:g} US dollars is spent."
                await self._fail(agent, state, record, ProposalError(reason, fatal=True))

    def _record_failure(
        self, agent: Agent, number: int, record: Record, error: ProposalError
    ) -> None:
        record(
            events.ProposalFailed(
                at=clock.now(),
                experiment=number,
                agent=agent.name,
                reason=str(error),
                usage=self._prices.priced(agent.model, error.usage),
            )
        )

    def _record_cancelled(
        self, agent: Agent, number: int, record: Record, spending: Spending
    ) -> None:
        """Count what a proposal cost that was given up, if it cost anything."""
        usage = self._prices.priced(agent.model, spending.usage)
        if usage.input_tokens or usage.output_tokens or usage.cache_read_tokens:
            record(
                events.ProposalCancelled(
                    at=clock.now(), experiment=number, agent=agent.name, usage=usage
                )
            )

    def _record_change(self, agent: Agent, record: Record, reason: str) -> None:
        record(
            events.AgentChanged(at=clock.now(), agent=agent.name, model=agent.model, reason=reason)
        )

    async def close(self, state: SessionState, record: Record) -> None:
        """End what is asked beside the proposals, and what agents keep running."""
        if self._aside is not None:
            await self._aside.close()
            agent, spending = self._aside_of.agent, self._aside.context.spending
            self._record_cancelled(agent, state.next_number, record, spending)
        for agent in self._contest.agents:
            if isinstance(agent, Closable):
                await agent.close()
