"""What a report needs of a journal beside the state that it leads to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import RunOutcome, Status, Usage

CAUSE_CHARS = 160
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"\d+(\.\d+)?([eE][-+]?\d+)?")


@dataclass(slots=True)
class Spent:
    """What one agent used."""

    proposals: int = 0
    failures: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float = 0.0
    unpriced_tokens: int = 0

    @property
    def tokens(self) -> int:
        """All of them."""
        cache = self.cache_read_tokens + self.cache_write_tokens
        return self.input_tokens + self.output_tokens + cache

    def add(self, usage: Usage) -> None:
        """Count one proposal's usage."""
        self.seconds += usage.seconds
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cache_read_tokens += usage.cache_read_tokens
        self.cache_write_tokens += usage.cache_write_tokens
        if usage.cost_usd is None:
            self.unpriced_tokens += usage.tokens
        else:
            self.cost_usd += usage.cost_usd


@dataclass(slots=True)
class Cause:
    """A way in which things failed."""

    what: str
    """How it ended: a status, or that there was no proposal."""
    example: str
    """The reason of the first one."""
    experiments: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class Period:
    """A stretch of the night in which one agent had the place."""

    agent: str
    reason: str
    """Why it took it; empty at the start of a lab."""
    first: int
    """The number of its first proposal."""
    last: int | None = None
    """Of its last one; none where the place is still its."""


@dataclass(slots=True)
class Tally:
    """A journal read to its end."""

    state: SessionState = field(default_factory=SessionState)
    first_at: float = 0.0
    """The moment of the first fact."""
    labs: int = 0
    """How often a lab took the session up."""
    interruptions: int = 0
    """How many runs ended before their time and were begun anew."""
    periods: list[Period] = field(default_factory=list[Period])
    """Who had the agent's place, and why; a lab that goes on with the same begins none."""
    by_agent: dict[str, Spent] = field(default_factory=dict[str, Spent])
    causes: dict[tuple[str, str], Cause] = field(default_factory=dict[tuple[str, str], Cause])
    """Of failures, by how it ended and by its reason without what differs from case to case."""


FAILURES = (
    Status.CRASH,
    Status.TIMEOUT,
    Status.INVALID,
    Status.KILLED,
    Status.REJECTED,
)


def tally(facts: Iterable[AnyFact]) -> Tally:
    """Read all the facts of a session."""
    found = Tally()
    for fact in facts:
        if not found.state.facts:
            found.first_at = fact.at
        apply(found.state, fact)
        match fact:
            case events.LabStarted():
                found.labs += 1
                _take_place(found, ", ".join((fact.agent, *fact.rivals)), "")
            case events.AgentChanged():
                _take_place(found, fact.agent, fact.reason)
            case events.Proposed():
                spent = found.by_agent.setdefault(fact.agent, Spent())
                spent.proposals += 1
                spent.add(fact.usage)
            case events.ProposalFailed():
                spent = found.by_agent.setdefault(fact.agent, Spent())
                spent.failures += 1
                spent.add(fact.usage)
                _count(found, f"no proposal from {fact.agent}", fact.reason, fact.experiment)
            case events.ProposalCancelled():
                found.by_agent.setdefault(fact.agent, Spent()).add(fact.usage)
            case events.RunEnded(outcome=RunOutcome.INTERRUPTED):
                found.interruptions += 1
            case events.Judged() if fact.status in FAILURES:
                _count(found, fact.status, fact.reason, fact.experiment)
            case _:
                pass
    return found


def _take_place(found: Tally, agent: str, reason: str) -> None:
    number = found.state.next_number
    if found.periods:
        last = found.periods[-1]
        if last.agent == agent:
            return
        last.last = max(last.first, number - 1)
    found.periods.append(Period(agent, reason, number))


def _count(found: Tally, what: str, reason: str, experiment: int) -> None:
    key = (what, cause(reason))
    known = found.causes.setdefault(key, Cause(what, reason))
    known.experiments.append(experiment)


def cause(reason: str) -> str:
    """Return a reason without the numbers and addresses that differ from case to case."""
    line = " ".join(reason.split())[:CAUSE_CHARS]
    return _NUMBER.sub("N", _ADDRESS.sub("N", line))
