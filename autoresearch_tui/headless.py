"""The night without a screen: one plain line a fact, or the facts themselves as JSON lines."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from autoresearch_tui import session as sessions
from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.lines import LineTail
from autoresearch_tui.record.metric import BITS_PER_BYTE, change_words
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import RunOutcome, Standing
from autoresearch_tui.session import LabLife, Session

POLL_INTERVAL_S = 0.25
LIFE_INTERVAL_S = 1.0


class Follower:
    """Tells a session's facts as they come; it may be interrupted, and goes on where it was."""

    def __init__(
        self, session: Session, write: Callable[[str], None], *, since: float = 0.0
    ) -> None:
        """Give `write` a line for each fact from `since` on."""
        self._session = session
        self._reader = JournalReader(session.journal)
        self._write = write
        self._since = since
        self.state = SessionState()
        """What the facts told so far lead to."""

    def tell(self) -> None:
        """Write the lines of the facts that there are."""
        for fact in self._reader.read():
            apply(self.state, fact)
            if fact.at >= self._since:
                for line in lines(self.state, fact):
                    self._write(f"{_clock(fact.at)}  {line}")

    def follow(self) -> None:
        """Write lines until the session's lab has ended."""
        _until_the_end(self._session, self.tell)


class JsonFollower:
    """The same for a machine: the journal's own lines."""

    def __init__(self, session: Session, out: TextIO, *, from_line: int = 0) -> None:
        """Copy the journal's lines from number `from_line` on to `out`."""
        self._session = session
        self._tail = LineTail(session.journal)
        self._out = out
        self._skip = from_line

    def tell(self) -> None:
        """Copy the lines that there are."""
        while found := self._tail.read():
            skipped, self._skip = self._skip, max(0, self._skip - len(found))
            for line in found[skipped:]:
                self._out.write(line.decode(errors="replace") + "\n")
        self._out.flush()

    def follow(self) -> None:
        """Copy lines until the session's lab has ended."""
        _until_the_end(self._session, self.tell)


def _until_the_end(session: Session, tell: Callable[[], None]) -> None:
    look_at, ended = 0.0, False
    while not ended:
        if (now := time.monotonic()) >= look_at:
            ended = sessions.lab_life(session) in (LabLife.DEAD, LabLife.NONE)
            look_at = now + LIFE_INTERVAL_S
        # Told after the look: a lab's last facts come before its end.
        tell()
        if not ended:
            time.sleep(POLL_INTERVAL_S)


def print_line(line: str) -> None:
    """Print a line at once, whatever standard output is."""
    print(printable(line), file=sys.stdout, flush=True)  # noqa: T201


def lines(state: SessionState, fact: AnyFact) -> Iterator[str]:
    """Yield what a fact says in plain words; the state already has it."""
    match fact:
        case events.LabStarted():
            machine = fact.hardware
            yield (
                f"lab started: {state.tag}, {_agent(fact.agent, fact.model)}, "
                f"{fact.budget_s:g} s an experiment on {machine.device} ({machine.name}), "
                f"data {fact.data.name}/{fact.data.profile}"
            )
            if fact.rivals:
                yield f"a contest: {', '.join((fact.agent, *fact.rivals))}"
            if fact.metric != BITS_PER_BYTE:
                yield f"the metric is {fact.metric}: {fact.direction} is better"
        case events.LabStopped():
            yield f"lab stopped: {fact.reason}"
        case events.ProposalStarted():
            yield from (f"     the next proposal is told: {text}" for text in fact.steering)
        case events.Proposed():
            yield _proposed(fact)
            if fact.idea is not None:
                yield f"#{fact.experiment:<4}tries idea {fact.idea}"
            yield from (f"#{fact.experiment:<4}! {mark}" for mark in fact.marks)
        case events.ProposalFailed():
            yield f"#{fact.experiment:<4}no proposal from {fact.agent}: {fact.reason}"
        case events.Rebased():
            size = f"[+{fact.lines_added} -{fact.lines_removed}]"
            yield f"#{fact.experiment:<4}carried over to #{fact.parent} {size}"
            yield from (f"#{fact.experiment:<4}! {mark}" for mark in fact.marks)
        case events.Amended():
            size = f"[+{fact.lines_added} -{fact.lines_removed}]"
            yield f"#{fact.experiment:<4}changed by {fact.by} {size}"
            yield from (f"#{fact.experiment:<4}! {mark}" for mark in fact.marks)
        case events.EditQueued():
            yield f"edit {fact.edit} queued by {fact.by}: {fact.title}"
        case events.ApprovalRequested():
            yield f"#{fact.experiment:<4}waits: autoresearch approve, or autoresearch reject"
            if fact.decide_at is not None:
                policy = f"{fact.then} at {_clock(fact.decide_at)}"
                yield f"#{fact.experiment:<4}without an answer: {policy}"
        case events.Approved():
            yield f"#{fact.experiment:<4}approved by {fact.by}"
        case events.ApprovalChanged():
            yield f"approval is now {fact.mode}, by {fact.by}"
        case events.PermissionRequested():
            yield f"#{fact.experiment:<4}{fact.agent} asks to be allowed: {fact.what}"
            if fact.detail:
                yield f"#{fact.experiment:<4}exactly: {fact.detail}"
            answers = f"autoresearch allow {fact.request}, or refuse {fact.request}"
            policy = f"without an answer: refused at {_clock(fact.decide_at)}"
            yield f"#{fact.experiment:<4}{answers}; {policy}"
        case events.PermissionAnswered():
            permission = state.permissions.get(fact.request)
            number = "" if permission is None else f"#{permission.experiment}"
            answer = "allowed" if fact.allowed else "refused"
            yield f"{number:<5}request {fact.request} {answer} by {fact.by}"
        case events.RunEnded(outcome=RunOutcome.INTERRUPTED):
            experiment = state.experiments.get(fact.experiment)
            again = experiment is None or experiment.skipped_by is None
            tail = "; it is queued again" if again else ""
            yield f"#{fact.experiment:<4}interrupted: {fact.reason}{tail}"
        case events.RunEnded(outcome=RunOutcome.TRAINED):
            yield (
                f"#{fact.experiment:<4}trained {fact.trained_s:.1f} s: {fact.steps} steps, "
                f"{fact.tokens} tokens, {fact.peak_memory_mb} MiB"
            )
        case events.Judged():
            words = "" if fact.change is None else change_words(fact.change, state.metric)
            change = f" ({words})" if words else ""
            judged = state.experiments.get(fact.experiment)
            reported = judged is not None and judged.standing is Standing.REPORTED
            standing = " (reported)" if reported and fact.val_bpb is not None else ""
            yield f"#{fact.experiment:<4}{fact.status.upper()}{change}: {fact.reason}{standing}"
        case events.AgentChanged():
            yield f"agent is now {_agent(fact.agent, fact.model)}: {fact.reason}"
        case events.Paused():
            yield f"paused by {fact.by}{' now' if fact.now else ''}"
        case events.Resumed():
            yield f"resumed by {fact.by}"
        case events.Steered():
            yield f"steered by {fact.by}: {fact.text}"
        case events.PageWritten():
            yield f"the notebook has page {fact.page}, by {fact.by} ({fact.characters} characters)"
        case events.IdeaAdded():
            yield f"idea {fact.idea} by {fact.by}: {fact.text}"
        case events.IdeasOrdered():
            order = ", ".join(map(str, fact.ideas))
            yield f"the backlog stands in the order {order}, by {fact.by}"
        case events.IdeaDropped():
            why = f": {fact.reason}" if fact.reason else ""
            yield f"idea {fact.idea} dropped by {fact.by}{why}"
        case events.Frozen():
            yield f"{fact.name} is frozen, by {fact.by}"
        case events.Thawed():
            yield f"{fact.name} is no longer frozen, by {fact.by}"
        case events.KillRequested():
            yield f"#{fact.experiment:<4}killed by {fact.by}"
        case events.SkipRequested():
            yield f"#{fact.experiment:<4}skipped by {fact.by}"
        case events.Undone():
            why = f": {fact.reason}" if fact.reason else ""
            yield f"#{fact.experiment:<4}is the incumbent again, by {fact.by}{why}"
        case events.Promoted():
            yield f"#{fact.experiment:<4}promoted to {fact.path} by {fact.by}"
        case events.StopRequested():
            yield f"stop asked for by {fact.by}{' now' if fact.now else ''}"
        case events.Notice():
            yield f"{fact.level}: {fact.text}"
        case _:
            return


def _proposed(fact: events.Proposed) -> str:
    size = "" if fact.parent is None else f" [+{fact.lines_added} -{fact.lines_removed}]"
    return f"#{fact.experiment:<4}{fact.title}{size}"


def _agent(name: str, model: str | None) -> str:
    return f"{name} ({model})" if model else name


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def printable(text: str) -> str:
    """Return the text without what a terminal would take as a command."""
    return "".join(char if char.isprintable() else " " for char in text)


def printable_lines(text: str) -> str:
    """Return several lines without what a terminal would take as a command."""
    return "\n".join(printable(line) for line in text.split("\n"))
