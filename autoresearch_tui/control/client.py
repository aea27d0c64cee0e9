"""Asks a lab for something, and waits for its answer."""

import getpass
import os
import socket
from pathlib import Path

import msgspec

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import AnyCommand, Reply

ANSWER_TIMEOUT_S = 5.0


class LabUnreachable(Exception):
    """No lab answered; the message says so in a clause."""


class LabSilent(LabUnreachable):
    """A lab is there, and did not answer in time."""


def sender() -> str:
    """Return who this process speaks for: `user@host`, and the terminal where there is one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    try:
        terminal = f" on {os.ttyname(0)}"
    except OSError:
        terminal = ""
    return f"{user}@{socket.gethostname()}{terminal}"


def send(socket_path: Path, command: AnyCommand, timeout_s: float = ANSWER_TIMEOUT_S) -> Reply:
    """Send one command and return the lab's answer.

    Raises:
        LabSilent: no answer came in time.
        LabUnreachable: nothing listens at the socket.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(socket_path))
            connection.sendall(messages.encode(command))
            with connection.makefile("rb") as answers:
                line = answers.readline(messages.LINE_LIMIT_BYTES)
        return messages.decode_reply(line)
    except TimeoutError as error:
        raise LabSilent(f"the lab did not answer within {timeout_s:g} s") from error
    except (OSError, msgspec.DecodeError) as error:
        raise LabUnreachable("no lab is listening") from error
