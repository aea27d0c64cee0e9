"""The messages to and from an agent: a line of JSON each.

The protocol's own library takes what arrives at its word. Here what is no message is passed over,
as agents that print among their messages need it, and what no message is as long as ends the talk.
"""

import asyncio
import json
from typing import Any, cast

from acp.schema import SessionNotification
from pydantic import ValidationError

LINE_LIMIT_BYTES = 8 << 20
TURN_LIMIT_BYTES = 64 << 20
"""Of all that an agent sends for one proposal."""

UPDATE = "session/update"


class Wire:
    """Carries decoded messages; the library's connection reads and writes here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read from and write to the pipes of a process."""
        self._reader = reader
        self._writer = writer
        self._received = 0
        self.trouble = ""
        """Why nothing is read any more, as the rest of a sentence; empty while it is."""

    def begin(self) -> None:
        """Count what is received from here."""
        self._received = 0

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message.

        Raises:
            OSError: the agent does not read any more.
        """
        self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message; none where the agent says no more."""
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                self.trouble = f"it sent a line of more than {LINE_LIMIT_BYTES >> 20} MiB"
                return None
            except OSError:
                return None
            if not line:
                return None
            self._received += len(line)
            if self._received > TURN_LIMIT_BYTES:
                self.trouble = f"it sent more than {TURN_LIMIT_BYTES >> 20} MiB"
                return None
            if message := _read(line):
                return message

    async def close(self) -> None:
        """Leave the pipes to `hang_up`: whoever started the process ends it."""

    def hang_up(self) -> None:
        """Close the agent's input."""
        self._writer.close()


def _read(line: bytes) -> dict[str, Any] | None:
    """Return the message of a line; none where it is no message."""
    try:
        read: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    message = cast("dict[str, Any]", read)
    if "id" in message and not isinstance(message["id"], int | str | None):
        return None
    if not isinstance(message.get("error"), dict | None):
        return None
    method = message.get("method")
    if method is None:
        return message if "id" in message else None
    if not isinstance(method, str):
        return None
    if method == UPDATE:
        # What this version of the protocol does not know is no reason to fail.
        try:
            SessionNotification.model_validate(message.get("params"))
        except (ValidationError, RecursionError):
            return None
    return message
