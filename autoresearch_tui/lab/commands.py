"""What the lab does when a person asks for something."""

from collections.abc import Callable

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import AnyCommand, Reply, done, nothing, refused
from autoresearch_tui.lab import backlog, clock, deciding, freezing, hand, page, permissions
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.state import IN_A_RUN, IN_FLIGHT, Phase, SessionState
from autoresearch_tui.session import Session


def answer(
    state: SessionState,
    command: AnyCommand,
    record: Callable[[KnownFact], None],
    repository: ExperimentRepository,
    session: Session,
) -> Reply:
    """Record what a command changes, and return what to tell the person.

    A command that asks for what is so already changes nothing and is no error; one that can not
    be done is one.

    Raises:
        OSError: it can not be recorded.
        RepositoryError: git can not store or read what it takes.
    """
    by, now = command.by, clock.now()
    match command:
        case messages.Ping():
            return nothing("the lab listens")
        case messages.Pause():
            return _pause(state, command, record)
        case messages.Resume():
            if not state.paused:
                return nothing("it is not paused")
            record(events.Resumed(at=now, by=by))
            return done("resumed")
        case messages.Approve() | messages.Reject() | messages.SendBack():
            return deciding.decide(state, command, record)
        case messages.Amend():
            return deciding.amend(state, command, record, repository, session)
        case messages.SetApproval():
            return deciding.set_mode(state, command, record)
        case messages.Permit():
            return permissions.decide(state, command, record)
        case messages.Kill():
            return _kill(state, command, record)
        case messages.Skip():
            return _skip(state, command, record)
        case messages.Undo():
            return hand.undo(state, command, record, repository)
        case messages.Promote():
            return hand.promote(state, command, record, repository)
        case messages.Try():
            return hand.queue(state, command, record, repository)
        case messages.WritePage():
            return page.rewrite(state, command, record, session)
        case messages.AddIdea():
            return backlog.add(state, command, record)
        case messages.MoveIdea():
            return backlog.move(state, command, record)
        case messages.DropIdea():
            return backlog.drop(state, command, record)
        case messages.Freeze():
            return freezing.freeze(state, command, record, repository)
        case messages.Thaw():
            return freezing.thaw(state, command, record)
        case messages.Steer():
            text = command.text.strip()
            if not text:
                return refused("say in a sentence what the next proposal should do")
            record(events.Steered(at=now, by=by, text=text))
            return done("the next proposal will be given this sentence")
        case messages.Stop():
            if state.stop_requested and (state.stop_now or not command.now):
                return nothing("it is stopping already")
            record(events.StopRequested(at=now, by=by, now=command.now))
            if command.now:
                return done("stopping now; an interrupted run is taken up at the next start")
            return done("stopping after the run in flight")


def _pause(
    state: SessionState, command: messages.Pause, record: Callable[[KnownFact], None]
) -> Reply:
    opened = [state.experiments[number] for number in state.open_experiments]
    running = [f"#{each.number}" for each in opened if each.phase in IN_A_RUN]
    ends = command.now and bool(running)
    if state.paused and (state.paused_now or not ends):
        return nothing(f"already paused by {state.paused_by}")
    record(events.Paused(at=clock.now(), by=command.by, now=command.now))
    if ends:
        runs = " and ".join(running)
        scored = any(each.phase is Phase.EVALUATING for each in opened)
        rest = "; the evaluation goes on to its verdict" if scored else ""
        return done(f"paused: the run of {runs} is ended, and begins anew after the pause{rest}")
    return done("paused: nothing new starts; what runs goes on to its verdict")


def _skip(
    state: SessionState, command: messages.Skip, record: Callable[[KnownFact], None]
) -> Reply:
    number = command.experiment
    if number is None:
        if not state.open_experiments:
            return nothing("nothing is in line to be skipped")
        number = state.open_experiments[-1]
    experiment = state.experiments.get(number)
    if experiment is None:
        return refused(f"there is no #{number}")
    if experiment.skipped_by is not None:
        return nothing(f"#{number} was skipped by {experiment.skipped_by}")
    if experiment.phase in (Phase.EVALUATED, Phase.JUDGED):
        return nothing(f"#{number} has its verdict: {experiment.status or 'it is being judged'}")
    if experiment.parent is None:
        return refused(
            f"#{number} is the baseline, which all others are measured against. To end the "
            "session instead: autoresearch stop"
        )
    reason = command.reason.strip()
    record(events.SkipRequested(at=clock.now(), experiment=number, by=command.by, reason=reason))
    return done(f"#{number} is skipped")


def _kill(
    state: SessionState, command: messages.Kill, record: Callable[[KnownFact], None]
) -> Reply:
    opened = (state.experiments[number] for number in state.open_experiments)
    running = [each.number for each in opened if each.phase in IN_FLIGHT]
    if not running:
        return nothing("no run is in flight")
    number = running[0] if command.experiment is None else command.experiment
    if number not in running:
        return nothing(f"#{number} is not running; #{running[0]} is")
    record(events.KillRequested(at=clock.now(), experiment=number, by=command.by))
    return done(f"#{number} is being killed")
