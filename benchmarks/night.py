"""A short night whose edits are known beforehand: what passes between two clocks of a lab.

A gap is the time from the end of one run's clock to the start of the next one's. It is *cold* where
the next run has a model of another shape, which has to be compiled, and *warm* where only a number
changed.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pygit2

from autoresearch_tui import session as sessions
from autoresearch_tui.agents import constants
from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.lab import daemon, launcher
from autoresearch_tui.lab.loop import Lab
from autoresearch_tui.lab.telemetry import Telemetry
from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.state import Run, SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.settings import Settings

TAG = "benchmark"
RATE, SHAPE = "lower learning rates", "one block more"
"""What the edits do."""
WORSE = 0.2
"""Learning rates are multiplied by about this much, so that the edit is discarded as most are."""
FAILED = (Status.CRASH, Status.TIMEOUT, Status.INVALID)
"""Verdicts that leave no gap to measure."""


class ScriptedAgent:
    """Proposes the edits it was made with, in their order, and then lower rates for ever."""

    name = "scripted"
    computes_here = True
    model: str | None = None

    def __init__(self, edits: Sequence[str], journal: Path) -> None:
        """Propose these, and tell of each gap that the journal has by then."""
        self._edits = list(edits)
        self._journal = journal
        self._asked = 0
        self._told = 0

    async def propose(self, context: Context, think: Think) -> Proposal:  # noqa: ARG002
        """Return the next edit of the incumbent."""
        self._tell()
        edit = self._edits.pop(0) if self._edits else RATE
        self._asked += 1
        assert context.state.hardware is not None
        found = constants.find(context.train, context.state.hardware.device)
        if edit == SHAPE:
            values = {each.key: int(each.value) + 1 for each in found if each.name == "DEPTH"}
        else:
            share = WORSE * (1 - 0.02 * self._asked)
            rates = [each for each in found if each.name.endswith("_LR")]
            values = {each.key: float(f"{share * float(each.value):.4g}") for each in rates}
        train = constants.rewrite(context.train, values)
        return Proposal(train=train, title=edit, hypothesis="It shows how long a change takes.")

    def _tell(self) -> None:
        """Say what is known already: a night that is cut off has not been for nothing."""
        known = list(gaps(JournalReader(self._journal).read()))
        for gap in known[self._told :]:
            kind = "cold" if gap.cold else "warm"
            print(
                f"    #{gap.experiment}: {kind} gap of {gap.seconds:.1f} s, starting "
                f"{gap.startup_s:.1f} s, evaluating the last one {gap.evaluation_s:.1f} s",
                file=sys.stderr,
            )
        self._told = len(known)


@dataclass(frozen=True)
class Gap:
    """What passed between two clocks."""

    experiment: int
    """The one that the second clock belongs to."""
    seconds: float
    cold: bool
    after_keep: bool
    """Whether the run before was kept, so that nothing could be made ready on a guess."""
    startup_s: float
    """From the start of the second one's process, or from the word to a waiting one, to ready."""
    evaluation_s: float
    """Of the first one."""
    rest_s: float
    """What neither of both takes; negative where they run beside each other."""


@dataclass(frozen=True)
class Night:
    """What a night came to."""

    baseline: Run
    gaps: list[Gap] = field(default_factory=list[Gap])

    def typical(self, *, cold: bool) -> float | None:
        """Return the median gap; where there are such, of those after runs that were not kept."""
        alike = [gap for gap in self.gaps if gap.cold is cold]
        usual = [gap.seconds for gap in alike if not gap.after_keep]
        chosen = usual or [gap.seconds for gap in alike]
        return median(chosen) if chosen else None


def spend(folder: Path, sources: Path, edits: Sequence[str], settings: Settings) -> Night:
    """Run a night in a new repository below `folder`, with the scripts of `sources`.

    Raises:
        SessionError: the machine or the data does not do; the message says why.
        RuntimeError: the lab came to a stop, or a run gave no result.
    """
    repository = folder / "repository"
    repository.mkdir()
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copyfile(sources / name, repository / name)
    pygit2.init_repository(str(repository))
    session = sessions.named(repository, TAG)
    agent = ScriptedAgent(edits, session.journal)
    state = asyncio.run(_run(session, repository, agent, settings))
    baseline = state.experiments[0].last_run
    if state.trouble or baseline is None or state.experiments[0].status is not Status.KEEP:
        raise RuntimeError(f"The night on {repository} ended early: {state.stop_reason}")
    failed = [each for each in state.experiments.values() if each.status in FAILED]
    if failed:
        reasons = "; ".join(f"#{each.number} {each.status}: {each.reason}" for each in failed)
        raise RuntimeError(
            f"Runs of the night on {repository} failed, so it says nothing: {reasons}"
        )
    return Night(baseline, list(gaps(JournalReader(session.journal).read())))


async def _run(
    session: sessions.Session, repository: Path, agent: ScriptedAgent, settings: Settings
) -> SessionState:
    handed = launcher.hand_over(repository, session, settings)
    run_lock = os.open(session.folder / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    tools = daemon.make_tools(session, handed, agent, run_lock)
    journal = Journal(session.journal)
    lab = Lab(tools, fold(()), journal)
    daemon.record_start(lab, tools, handed.launch, None)
    telemetry = asyncio.create_task(Telemetry(session.telemetry, lab.is_busy).run())
    try:
        await lab.run()
    finally:
        telemetry.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telemetry
        journal.close()
        os.close(run_lock)
    return lab.state


def gaps(facts: Iterable[AnyFact]) -> Iterator[Gap]:
    """Yield what passed between the clocks of a journal."""
    titles: dict[int, str] = {}
    ended_at: float | None = None
    evaluation_s = 0.0
    on_the_clock: set[int] = set()
    kept = False
    for fact in facts:
        match fact:
            case events.Proposed():
                titles[fact.experiment] = fact.title
            case events.ClockStarted():
                if ended_at is not None:
                    cold = titles[fact.experiment] == SHAPE
                    seconds = fact.at - ended_at
                    rest_s = seconds - fact.startup_s - evaluation_s
                    yield Gap(
                        fact.experiment, seconds, cold, kept, fact.startup_s, evaluation_s, rest_s
                    )
                on_the_clock.add(fact.experiment)
                kept, evaluation_s = False, 0.0
            case events.RunEnded() if fact.experiment in on_the_clock:
                on_the_clock.discard(fact.experiment)
                ended_at = fact.clock_ended_at or fact.at
            case events.Evaluated():
                evaluation_s = fact.seconds
            case events.Judged():
                kept = kept or fact.status is Status.KEEP
            case _:
                pass
