"""What the lab does when a person asks for something."""

from collections.abc import Callable

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import AnyCommand, Reply
from autoresearch_tui.lab import clock
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.state import IN_FLIGHT, SessionState


def answer(state: SessionState, command: AnyCommand, record: Callable[[KnownFact], None]) -> Reply:
    """Record what a command changes, and return what to tell the person.

    A command that asks for what is so already changes nothing and is no error; one that can not
    be done is one.
    """
    by, now = command.by, clock.now()
    match command:
        case messages.Ping():
            return _nothing("the lab listens")
        case messages.Pause():
            if state.paused:
                return _nothing(f"already paused by {state.paused_by}")
            record(events.Paused(at=now, by=by))
            return _done("paused: nothing new starts; what runs goes on to its verdict")
        case messages.Resume():
            if not state.paused:
                return _nothing("it is not paused")
            record(events.Resumed(at=now, by=by))
            return _done("resumed")
        case messages.Approve() | messages.Reject():
            return _decide(state, command, record)
        case messages.Kill():
            return _kill(state, command, record)
        case messages.Skip() | messages.Undo() | messages.Promote() | messages.Try():
            return _refused("this lab does not do that")
        case messages.Steer():
            text = command.text.strip()
            if not text:
                return _refused("say in a sentence what the next proposal should do")
            record(events.Steered(at=now, by=by, text=text))
            return _done("the next proposal will be given this sentence")
        case messages.Stop():
            if state.stop_requested and (state.stop_now or not command.now):
                return _nothing("it is stopping already")
            record(events.StopRequested(at=now, by=by, now=command.now))
            if command.now:
                return _done("stopping now; an interrupted run is taken up at the next start")
            return _done("stopping after the run in flight")


def _decide(
    state: SessionState,
    command: messages.Approve | messages.Reject,
    record: Callable[[KnownFact], None],
) -> Reply:
    waiting = state.waiting
    number = waiting.number if command.experiment is None and waiting else command.experiment
    if waiting is None:
        decided = None if number is None else state.experiments.get(number)
        if decided is not None and decided.approved_by is not None:
            return _nothing(f"#{number} was approved by {decided.approved_by}")
        return _refused("no experiment waits for approval")
    if number != waiting.number:
        return _refused(f"#{number} is not waiting for approval; #{waiting.number} is")
    now = clock.now()
    if isinstance(command, messages.Approve):
        record(events.Approved(at=now, experiment=waiting.number, by=command.by))
        return _done(f"#{waiting.number} is approved")
    reason = command.reason.strip() or "no reason given"
    record(
        events.Rejected(
            at=now, experiment=waiting.number, by=command.by, reason=f"{reason} ({command.by})"
        )
    )
    return _done(f"#{waiting.number} is rejected")


def _kill(
    state: SessionState, command: messages.Kill, record: Callable[[KnownFact], None]
) -> Reply:
    opened = (state.experiments[number] for number in state.open_experiments)
    running = [each.number for each in opened if each.phase in IN_FLIGHT]
    if not running:
        return _nothing("no run is in flight")
    number = running[0] if command.experiment is None else command.experiment
    if number not in running:
        return _nothing(f"#{number} is not running; #{running[0]} is")
    record(events.KillRequested(at=clock.now(), experiment=number, by=command.by))
    return _done(f"#{number} is being killed")


def _done(detail: str) -> Reply:
    return Reply(ok=True, changed=True, detail=detail)


def _nothing(detail: str) -> Reply:
    return Reply(ok=True, changed=False, detail=detail)


def _refused(detail: str) -> Reply:
    return Reply(ok=False, changed=False, detail=detail)
