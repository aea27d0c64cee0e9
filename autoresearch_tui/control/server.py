"""The lab's ear: a Unix socket that takes commands one line at a time."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import AnyCommand, Reply

IDLE_TIMEOUT_S = 30.0

Handler = Callable[[AnyCommand], Awaitable[Reply]]


class ControlServer:
    """Listens at a socket in a folder that only the user may enter."""

    def __init__(self, path: Path, handle: Handler) -> None:
        """Answer every command at `path` with what `handle` returns."""
        self._path = path
        self._handle = handle
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen; a socket that a dead lab left behind is replaced."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        # Of somebody else's folder the mode can not be changed: that is an error, and should be.
        folder.chmod(0o700)
        temporary = self._path.with_suffix(f".{os.getpid()}")
        temporary.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(temporary))
        temporary.chmod(0o600)
        # Made aside and then renamed, so that nobody meets it before its mode is set.
        temporary.replace(self._path)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=messages.LINE_LIMIT_BYTES
        )

    async def listen_again_if_lost(self) -> None:
        """Make the socket anew where somebody removed it, as a logout may."""
        if self._server is not None and not self._path.exists():
            self._server.close()
            await self.start()

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                writer.write(messages.encode(await self._answer(reader)))
                await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Reply:
        try:
            command = messages.decode_command(await reader.readline())
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            detail = "the lab did not understand the command; is the viewer of another version?"
            return Reply(ok=False, changed=False, detail=detail)
        try:
            return await self._handle(command)
        except OSError as error:
            detail = f"the lab could not record it: {error.strerror or error}"
            return Reply(ok=False, changed=False, detail=detail)
