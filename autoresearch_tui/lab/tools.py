"""What a lab works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autoresearch_tui.agents.base import Agent
from autoresearch_tui.executors.base import Executor
from autoresearch_tui.lab import stages
from autoresearch_tui.lab.foreign import Foreign
from autoresearch_tui.lab.limits import Limits
from autoresearch_tui.lab.prices import NO_PRICES, Prices
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.seal import NOTHING_SEALED, Seal
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import Session
from autoresearch_tui.settings import Settings

Record = Callable[[KnownFact], None]
"""Puts a fact on the disk and into the state.

Raises:
    OSError: the disk is full or gone; neither has the fact.
"""


Hear = Callable[[SessionState, KnownFact], None]
"""Is told each fact once the state has it; it never blocks and never fails."""


def hear_nothing(_state: SessionState, _fact: KnownFact) -> None:
    """Care about no fact."""


class CanNotGoOn(Exception):
    """The session can not go on; the message says why and what to do."""


@dataclass(frozen=True)
class Tools:
    """What a lab works with."""

    session: Session
    settings: Settings
    budget_s: float
    machine: stages.Machine
    repository: ExperimentRepository
    executor: Executor
    agent: Agent
    fallback: Agent
    """Takes over where `agent` can not go on; it may be the same one."""
    limits: Limits
    seal: Seal = NOTHING_SEALED
    """Of what the scores depend on."""
    prices: Prices = NO_PRICES
    hear: Hear = hear_nothing
    rivals: Sequence[Agent] = ()
    """The other agents of a contest."""
    foreign: Foreign | None = None
    """How the repository trains in its own way; none where it keeps our contract."""
