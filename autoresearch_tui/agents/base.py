"""What an agent is to the lab: one bounded question, one proposal."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from autoresearch_tui.record.samples import StepSample, ThoughtKind
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Usage

Think = Callable[[ThoughtKind, str], None]
"""Takes what an agent says or does, as it happens; it never blocks and never fails."""


class ProposalError(Exception):
    """An agent came up with no edit that can run; the message says why in a sentence."""

    def __init__(
        self,
        reason: str,
        usage: Usage | None = None,
        *,
        fatal: bool = False,
        outage: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        """Keep what the attempt cost, and what helps.

        Args:
            reason: a sentence.
            usage: what it cost.
            fatal: asking again can not help (a wrong key).
            outage: nobody answered; asking again helps later, and not at once.
            retry_after_s: how long whoever should answer wants to be left alone.
        """
        super().__init__(reason)
        self.usage = usage or Usage()
        self.fatal = fatal
        self.outage = outage
        self.retry_after_s = retry_after_s


class Archive(Protocol):
    """The files of past experiments, read when they are asked for."""

    def train(self, experiment: int) -> str:
        """Return an experiment's `train.py`; empty where it can not be read."""
        ...

    def diff(self, experiment: int) -> str:
        """Return an experiment's change against its parent; empty for the baseline."""
        ...

    def output_tail(self, experiment: int) -> str:
        """Return the last lines that an experiment's run printed."""
        ...

    def curve(self, experiment: int) -> list[StepSample]:
        """Return what an experiment's run logged, oldest first: its own word, shown only."""
        ...


@dataclass(frozen=True)
class Repair:
    """An edit that crashed early, for what looks like a small fault in it."""

    experiment: int
    """The one that crashed."""
    title: str
    hypothesis: str
    train: str
    """Its whole file, the fault included."""
    reason: str
    output: str
    """The last lines that its run printed, the traceback among them."""


@dataclass(slots=True)
class Spending:
    """What a proposal has cost up to now: an agent keeps it, the lab counts it whatever happens."""

    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Past:
    """A session and its files."""

    state: SessionState
    archive: Archive


Earlier = Callable[[], Sequence[Past]]
"""Returns the earlier sessions whose results compare; it reads files, so it is for a thread."""


def nothing_earlier() -> Sequence[Past]:
    """Return no session."""
    return ()


@dataclass(frozen=True)
class PermissionRequest:
    """Something that an agent may do only if a person lets it, this once."""

    what: str
    """In the agent's words, in half a line."""
    detail: str
    """What it would do exactly, as far as it says."""
    reason: str
    """Why its policy does not allow it, as a sentence."""
    options: list[str]
    """What the agent calls the two answers: allowed this once, refused."""
    wait_s: float
    """How long a person has to answer."""


AskPerson = Callable[[PermissionRequest], Awaitable[bool | None]]
"""Puts a request to people; returns whether one allowed it, and none where nobody answered in time.

Who is cancelled while they wait takes the request back.
"""


async def nobody(_request: PermissionRequest) -> bool | None:
    """Return that nobody answered."""
    return None


@dataclass(frozen=True)
class Context:
    """All that an agent gets to know for one proposal."""

    experiment: int
    """The number that the proposal will have."""
    seed: int
    """For the agent's own random choices, 0 to 2**32 - 1; it differs from proposal to proposal."""
    program: str
    """The human's direction, `program.md`."""
    incumbent: int
    """The kept experiment that the edit starts from."""
    train: str
    """The incumbent's `train.py`."""
    state: SessionState
    archive: Archive
    steering: list[str] = field(default_factory=list[str])
    """The human's sentences for this proposal."""
    refused: str = ""
    """Why the agent's last answer could not be run; empty where it could."""
    notebook: str = ""
    """The agent's own page of notes; empty at first."""
    repair_of: Repair | None = None
    """What the proposal is asked to mend; only agents that can are asked to."""
    spending: Spending = field(default_factory=Spending)
    frozen: list[str] = field(default_factory=list[str])
    """What the human froze in `train`: names of constants, functions and classes."""
    earlier: Earlier = nothing_earlier
    """Earlier sessions of the repository on the same data, budget, hardware and metric."""
    ask_person: AskPerson = nobody
    """For what the agent may do only if a person lets it."""


@dataclass(frozen=True)
class Proposal:
    """An edit of `train.py`, and what is expected of it."""

    train: str
    """The whole new file; it parses, and it differs from the incumbent's."""
    title: str
    """Half a line, as a commit's subject."""
    hypothesis: str
    expected_change: float | None = None
    """Of `val_bpb`, in bits per byte; negative is better."""
    usage: Usage = field(default_factory=Usage)
    notebook: str | None = None
    """The agent's new page of notes; none leaves it as it is."""
    repairs: int | None = None
    """The crashed experiment whose edit this one mends; none where it is an idea of its own."""
    ideas: list[str] = field(default_factory=list[str])
    """Ideas for the backlog, a sentence each."""
    took_idea: int | None = None
    """The number of the backlog's idea that this edit tries."""
    ideas_first: list[int] = field(default_factory=list[int])
    """Numbers of ideas that should come first, in this order; the others keep theirs, behind."""
    by: str = ""
    """Which part of the agent proposed, where it is made of several."""


@runtime_checkable
class Repairer(Protocol):
    """An agent that can be shown an edit that crashed, and mend it."""

    @property
    def can_repair(self) -> bool:
        """Whether it can now."""
        ...


@runtime_checkable
class Reachable(Protocol):
    """What an agent offers whose server may be down, or refuse it."""

    async def check(self) -> str:
        """Ask for nothing that costs, and return in a clause that it answers.

        Raises:
            ProposalError: it does not, or not to us.
        """
        ...


@runtime_checkable
class Closable(Protocol):
    """What an agent offers that keeps processes of its own."""

    async def close(self) -> None:
        """End them."""
        ...


class Agent(Protocol):
    """A mind that proposes experiments."""

    name: str
    model: str | None

    @property
    def computes_here(self) -> bool:
        """Whether it computes in this process, rather than wait for a server.

        Then it takes cores from a run that trains on them.
        """
        ...

    async def propose(self, context: Context, think: Think) -> Proposal:
        """Return one edit.

        Raises:
            ProposalError: there is none; the lab asks again, or takes another agent.
        """
        ...
