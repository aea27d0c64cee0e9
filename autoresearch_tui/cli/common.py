"""What the subcommands share: the session that is meant, and how its lab is told something."""

import argparse
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from autoresearch_tui import session as sessions
from autoresearch_tui.control import client, messages
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import Session, SessionError

EXIT_TROUBLE = 1
STOP_WAIT_S = 30.0


def need_terminal() -> None:
    # Textual draws on standard error.
    """Refuse to draw where nobody can see it."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise SessionError(
            "The screen needs a terminal for input, output and errors. Without one, use: "
            "autoresearch run --headless, or autoresearch log --follow"
        )


def send(kind: Callable[..., messages.AnyCommand]) -> Callable[[argparse.Namespace], int]:
    """Return the subcommand that sends a command without more to say."""
    return lambda arguments: tell(arguments, kind(by=client.sender()))


def tell(arguments: argparse.Namespace, command: messages.AnyCommand) -> int:
    """Tell its lab a command, and print the answer."""
    session = find(arguments)
    try:
        reply = client.send(session.socket, command)
    except client.LabSilent as error:
        raise client.LabSilent(
            f"{error}. It may be busy or stopped; look at it with: autoresearch status"
        ) from error
    except client.LabUnreachable as error:
        raise client.LabUnreachable(
            f"{error}: session {session.tag} is not running. "
            f"Start it with: autoresearch run --tag {session.tag}"
        ) from error
    print(reply.detail)
    return 0 if reply.ok else EXIT_TROUBLE


def state(arguments: argparse.Namespace) -> SessionState:
    """Return what its journal makes."""
    return fold(JournalReader(find(arguments).journal).read())


def text(argument: str) -> str:
    """Return an argument as text that can be stored, whatever bytes the shell handed over."""
    return argument.encode("utf-8", "replace").decode()


def find(arguments: argparse.Namespace) -> Session:
    """Return the session that is meant."""
    return sessions.find(Path.cwd(), arguments.tag)


def line_count(session: Session) -> int:
    """Return how many facts a session has."""
    with contextlib.suppress(FileNotFoundError):
        return session.journal.read_bytes().count(b"\n")
    return 0
