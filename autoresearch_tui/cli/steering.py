"""Subcommands that tell a living lab, or a session, what a person wants."""

import argparse
import os
import sys
from pathlib import Path

from autoresearch_tui import headless
from autoresearch_tui import session as sessions
from autoresearch_tui.cli import common
from autoresearch_tui.control import client, messages
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.report import summary
from autoresearch_tui.session import Session, SessionError
from autoresearch_tui.syntax import syntax_trouble


def pause(arguments: argparse.Namespace) -> int:
    """Start nothing new."""
    return common.tell(arguments, messages.Pause(by=client.sender(), now=arguments.now))


def skip(arguments: argparse.Namespace) -> int:
    """Pass over the experiment that comes next; it does not count."""
    number = arguments.experiment
    if number is None:
        # Named here, so that a command that is given twice does not skip two.
        opened = common.state(arguments).open_experiments
        number = opened[-1] if opened else None
    reason = common.text(arguments.reason)
    return common.tell(
        arguments, messages.Skip(by=client.sender(), experiment=number, reason=reason)
    )


def undo(arguments: argparse.Namespace) -> int:
    """Make an earlier keep the incumbent again."""
    number = arguments.experiment
    if number is None:
        best = common.state(arguments).best
        number = best.parent if best else None
    reason = common.text(arguments.reason)
    return common.tell(
        arguments, messages.Undo(by=client.sender(), experiment=number, reason=reason)
    )


def try_file(arguments: argparse.Namespace) -> int:
    """Queue an edit of your own, before the agent's next proposal."""
    path: Path = arguments.file
    try:
        # Byte for byte: line ends of another system are the user's too.
        train = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"{path} can not be read: {error}.") from error
    if trouble := syntax_trouble(train):
        raise SessionError(f"{path} can not run: {trouble}.")
    command = messages.Try(
        by=client.sender(),
        train=train,
        title=common.text(arguments.title or path.name),
        hypothesis=common.text(arguments.hypothesis),
    )
    if len(messages.encode(command)) >= messages.LINE_LIMIT_BYTES:
        raise SessionError(f"{path} is too large to be queued.")
    return common.tell(arguments, command)


def again(arguments: argparse.Namespace) -> int:
    """Run an experiment's file once more, to see how far it varies."""
    number: int = arguments.experiment
    path = common.find(arguments).train_file(number)
    known = common.state(arguments).experiments.get(number)
    if known is None:
        raise SessionError(f"There is no experiment #{number}. See: autoresearch log")
    try:
        train = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"The file of #{number} can not be read: {error}.") from error
    return common.tell(arguments, messages.again(client.sender(), number, known.title, train))


def promote(arguments: argparse.Namespace) -> int:
    """Write the best train.py into the work tree."""
    command = messages.Promote(by=client.sender(), experiment=arguments.experiment)
    try:
        return common.tell(arguments, command)
    except client.LabSilent:
        raise
    except client.LabUnreachable:
        return _promote_without_lab(common.find(arguments), command)


def _promote_without_lab(session: Session, command: messages.Promote) -> int:
    from autoresearch_tui.lab import hand  # noqa: PLC0415
    from autoresearch_tui.lab.repository import (  # noqa: PLC0415
        ExperimentRepository,
        RepositoryError,
    )

    lock = sessions.SessionLock(session)
    try:
        state = fold(JournalReader(session.journal).read())
        repository = ExperimentRepository(Path(state.repository), session.tag, state.edited_file)
        journal = Journal(session.journal)
        reply = hand.promote(state, command, journal.append, repository)
        journal.close()
    except (RepositoryError, OSError) as error:
        raise SessionError(f"Nothing is promoted: {error}") from error
    finally:
        lock.release()
    print(reply.detail)
    return 0 if reply.ok else common.EXIT_TROUBLE


def steer(arguments: argparse.Namespace) -> int:
    """Give the next proposal a sentence."""
    return common.tell(
        arguments, messages.Steer(by=client.sender(), text=common.text(" ".join(arguments.text)))
    )


def idea(arguments: argparse.Namespace) -> int:
    """Put an idea into the backlog, which agents take from."""
    text = common.text(" ".join(arguments.text))
    return common.tell(arguments, messages.AddIdea(by=client.sender(), text=text))


def ideas(arguments: argparse.Namespace) -> int:
    """Show the backlog, or change it: ideas move 3 1, ideas drop 3."""
    match arguments.action, arguments.idea, arguments.place:
        case None, None, None:
            for line in summary.backlog(common.state(arguments)):
                print(headless.printable(line))
            return 0
        case "move", int(idea), int(place):
            moved = messages.MoveIdea(by=client.sender(), idea=idea, place=place)
            return common.tell(arguments, moved)
        case "drop", int(idea), None:
            reason = common.text(arguments.reason)
            dropped = messages.DropIdea(by=client.sender(), idea=idea, reason=reason)
            return common.tell(arguments, dropped)
        case _:
            raise SessionError("Say: autoresearch ideas move NUMBER PLACE, or ideas drop NUMBER.")


def note(arguments: argparse.Namespace) -> int:
    """Show the page of notes that the agent keeps, or edit it."""
    from autoresearch_tui import notes  # noqa: PLC0415

    session, state = common.find(arguments), common.state(arguments)
    page = notes.page(session, state)
    if arguments.edit:
        common.need_terminal()
        text = notes.edited(page, os.environ)
    elif arguments.file is not None:
        text = notes.given(arguments.file)
    else:
        print(headless.printable_lines(page or "The notebook is empty."), end="" if page else "\n")
        return 0
    command = messages.WritePage(by=client.sender(), text=text, page=state.page)
    kept, code = notes.keep(text) if arguments.edit else None, common.EXIT_TROUBLE
    try:
        code = common.tell(arguments, command)
    finally:
        if kept is not None and code:
            print(f"autoresearch: what you wrote is in {kept}.", file=sys.stderr)
        elif kept is not None:
            kept.unlink()
    return code


def freeze(arguments: argparse.Namespace) -> int:
    """Keep agents from changing a constant, function or class."""
    if not arguments.name:
        for name in common.state(arguments).frozen:
            print(headless.printable(name))
        return 0
    name = common.text(" ".join(arguments.name))
    return common.tell(arguments, messages.Freeze(by=client.sender(), name=name))


def thaw(arguments: argparse.Namespace) -> int:
    """Let agents change it again."""
    name = common.text(" ".join(arguments.name))
    return common.tell(arguments, messages.Thaw(by=client.sender(), name=name))


def stop(arguments: argparse.Namespace) -> int:
    """End the lab after the run in flight."""
    return common.tell(arguments, messages.Stop(by=client.sender(), now=arguments.now))
