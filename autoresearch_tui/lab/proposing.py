"""Asks the agent for the next edit, and stores what it says and what it proposes."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from autoresearch_tui.agents.base import Agent, Context, Proposal, ProposalError
from autoresearch_tui.lab import foreign, notebook, stages
from autoresearch_tui.lab.look import new_marks
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact, Level
from autoresearch_tui.record.lines import LineWriter
from autoresearch_tui.record.samples import Thought, ThoughtKind
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.session import Session

BASELINE_AGENT = "baseline"
FLUSH_INTERVAL_S = 0.5
FAILURES_BEFORE_FALLBACK = 3
RETRY_FIRST_S = 2.0
RETRY_DOUBLINGS = 4
OUTPUT_TAIL_LINES = 30
AGENT_SEEDS = 1 << 32
STREAMED = (ThoughtKind.TEXT, ThoughtKind.THINKING)

log = logging.getLogger(__name__)

Record = Callable[[KnownFact], None]


class NoProposal(Exception):
    """No agent is left that could propose anything; the message says why."""


class SessionArchive:
    """The files of a session's experiments, as agents may read them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def train(self, experiment: int) -> str:
        """Return an experiment's `train.py`; empty where it can not be read."""
        return _read(self._session.train_file(experiment))

    def diff(self, experiment: int) -> str:
        """Return an experiment's change against its parent; empty for the baseline."""
        return _read(self._session.diff(experiment))

    def output_tail(self, experiment: int) -> str:
        """Return the last lines that an experiment's run printed."""
        return stages.last_lines(self._session.output(experiment), OUTPUT_TAIL_LINES)


class Thoughts:
    """Writes what agents think aloud to `reasoning.jsonl`, twice a second at most."""

    def __init__(self, path: Path) -> None:
        self._writer = LineWriter(path)
        self._pending: list[Thought] = []

    def add(self, experiment: int, kind: ThoughtKind, text: str) -> None:
        """Keep a piece for the next write; pieces of one stream become one."""
        last = self._pending[-1] if self._pending else None
        if last and last.kind is kind and kind in STREAMED and last.experiment == experiment:
            self._pending[-1] = msgspec.structs.replace(last, text=last.text + text)
        else:
            thought = Thought(at=time.time(), experiment=experiment, kind=kind, text=text)
            self._pending.append(thought)

    def flush(self) -> None:
        """Write what was kept. Thoughts that can not be stored are lost; the night goes on."""
        pending, self._pending = self._pending, []
        with contextlib.suppress(OSError):
            self._writer.write(*(msgspec.json.encode(thought) for thought in pending))

    async def flush_regularly(self) -> None:
        """Write at every interval, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            if self._pending:
                self.flush()


class Proposer:
    """Turns an agent's answers into stored experiments."""

    def __init__(
        self, session: Session, repository: ExperimentRepository, agent: Agent, fallback: Agent
    ) -> None:
        """Ask `agent`; when it can not go on, `fallback`."""
        self._session = session
        self._repository = repository
        self._agent = agent
        self._fallback = agent if agent.name == fallback.name else fallback
        self._thoughts = Thoughts(session.reasoning)

    def baseline(self, state: SessionState, record: Record) -> None:
        """Record the user's file, as it stands in the work tree, as an experiment.

        Raises:
            NoProposal: it can not be read.
        """
        path = self._repository.root / self._repository.edited
        try:
            # Byte for byte: line ends of another system are the user's too.
            train = path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise NoProposal(f"{path} can not be read as the baseline: {error}.") from error
        title = f"baseline: {self._repository.edited} as it stands"
        baseline = Proposal(train=train, title=title, hypothesis="")
        self._store(state, record, baseline, parent=None, agent=BASELINE_AGENT, model=None)

    async def propose(self, state: SessionState, record: Record) -> None:
        """Ask for one edit and record it, or record that there was none.

        An agent that failed several times in a row has its place taken for one proposal, so that
        no device waits for it, and is asked again after that.

        Raises:
            NoProposal: the last agent that there is can not go on.
        """
        number, failures = state.next_number, state.proposal_failures_in_a_row
        incumbent = state.best
        assert incumbent is not None
        agent = self._agent if failures < FAILURES_BEFORE_FALLBACK else self._fallback
        steering = [s.text for s in state.steering if s.experiment in (None, number)]
        record(
            events.ProposalStarted(
                at=time.time(), experiment=number, agent=agent.name, steering=steering
            )
        )
        flushing = asyncio.create_task(self._thoughts.flush_regularly())
        try:
            proposal = await self._ask(agent, state, incumbent, steering)
        except ProposalError as error:
            await self._fail(agent, state, record, error)
        else:
            self._store(state, record, proposal, incumbent.number, agent.name, agent.model)
        finally:
            flushing.cancel()
            self._thoughts.flush()

    async def _ask(
        self, agent: Agent, state: SessionState, incumbent: Experiment, steering: list[str]
    ) -> Proposal:
        number = state.next_number
        context = Context(
            experiment=number,
            seed=stages.seed(f"{state.session_id}/proposal", number, state.facts) % AGENT_SEEDS,
            program=_read(self._repository.root / "program.md"),
            incumbent=incumbent.number,
            train=self._repository.train(incumbent.commit),
            # An agent may read it in a thread, while what is in flight goes on.
            state=replace(
                state,
                experiments=dict(state.experiments),
                status_counts=dict(state.status_counts),
            ),
            archive=SessionArchive(self._session),
            steering=steering,
        )

        def think(kind: ThoughtKind, text: str) -> None:
            self._thoughts.add(number, kind, text)

        try:
            proposal = await agent.propose(context, think)
            # What can not be written can not be run.
            for text in (proposal.train, proposal.title, proposal.hypothesis):
                text.encode()
        except ProposalError:
            raise
        except UnicodeEncodeError as error:
            raise ProposalError(f"{agent.name} proposed text that is no Unicode") from error
        except Exception as error:
            # Whatever goes wrong in an agent must not end the night.
            log.exception("the agent %s failed", agent.name)
            raise ProposalError(f"{agent.name} failed with {error!r}; see lab.log") from error
        return proposal

    async def _fail(
        self, agent: Agent, state: SessionState, record: Record, error: ProposalError
    ) -> None:
        number, now = state.next_number, time.time()
        self._thoughts.add(number, ThoughtKind.ERROR, str(error))
        record(
            events.ProposalFailed(
                at=now, experiment=number, agent=agent.name, reason=str(error), usage=error.usage
            )
        )
        failures = state.proposal_failures_in_a_row
        if agent is self._fallback and (error.fatal or failures >= 2 * FAILURES_BEFORE_FALLBACK):
            raise NoProposal(f"The agent {agent.name} can not go on: {error}")
        if error.fatal:
            self._agent = self._fallback
            text = (
                f"{agent.name} can not go on: {error} The session goes on with {self._agent.name}."
            )
            record(events.Notice(at=now, level=Level.ERROR, text=text))
            record(
                events.AgentChanged(
                    at=now, agent=self._agent.name, model=self._agent.model, reason=str(error)
                )
            )
        elif failures == FAILURES_BEFORE_FALLBACK:
            text = (
                f"{agent.name} failed {failures} times in a row: {error} "
                f"{self._fallback.name} takes this turn."
            )
            record(events.Notice(at=now, level=Level.WARNING, text=text))
        else:
            await asyncio.sleep(RETRY_FIRST_S * 2 ** min(failures - 1, RETRY_DOUBLINGS))

    def _store(
        self,
        state: SessionState,
        record: Record,
        proposal: Proposal,
        parent: int | None,
        agent: str,
        model: str | None,
    ) -> None:
        """Write the files and the commit, then the fact, then the reference."""
        number = state.next_number
        title = notebook.one_line(proposal.title)
        base = state.base_commit
        diff = ""
        marks: list[str] = []
        if parent is not None:
            base = state.experiments[parent].commit
            before = self._repository.train(base)
            diff = notebook.unified_diff(before, proposal.train, self._repository.edited)
            marks = [str(mark) for mark in new_marks(before, proposal.train)]
            marks += foreign.marks(diff, state)
        added, removed = notebook.changed_lines(diff)
        commit = self._repository.store(
            proposal.train,
            base,
            notebook.proposal_message(number, title, proposal.hypothesis),
            agent,
        )
        proposed = events.Proposed(
            at=time.time(),
            experiment=number,
            parent=parent,
            commit=commit,
            title=title,
            hypothesis=proposal.hypothesis,
            expected_change=proposal.expected_change,
            agent=agent,
            model=model,
            lines_added=added,
            lines_removed=removed,
            usage=proposal.usage,
            marks=marks,
        )
        folder = self._session.experiment(number)
        folder.mkdir(parents=True, exist_ok=True)
        self._session.train_file(number).write_bytes(proposal.train.encode())
        self._session.diff(number).write_bytes(diff.encode())
        (folder / "proposal.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(proposed)) + b"\n"
        )
        record(proposed)
        self._repository.reference_experiment(number, commit)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
