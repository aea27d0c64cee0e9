"""An agent's process: started in its folder with a clean environment, ended with all it started."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from autoresearch_tui.agents.acp import guard
from autoresearch_tui.agents.acp.wire import LINE_LIMIT_BYTES, Wire
from autoresearch_tui.agents.base import ProposalError

WORDS_BYTES = 4_096
WORDS_CHARACTERS = 300
END_LIMIT_S = 4.0
"""For an agent's processes to be gone; one inside a device driver takes longer."""

PASSED_ON = frozenset(
    {
        "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy",
        "no_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    }
)  # fmt: skip
PASSED_ON_PREFIXES = ("LC_", "XDG_")


def agent_environment(environ: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what an agent's process gets to see: where it lives, how to reach out, and `names`."""
    return {
        name: value
        for name, value in environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES) or name in names
    }


def find(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the program of a command.

    Raises:
        ProposalError: there is none; asking again can not help.
    """
    found = shutil.which(command[0], path=environment.get("PATH", os.defpath))
    if found is None:
        raise ProposalError(
            f"There is no command {command[0]!r} to be run as the agent: install it, or name "
            "another one in [agent] command.",
            fatal=True,
        )
    return found


class AgentProcess:
    """A running agent, and the messages to and from it."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        """Take a process whose guard ends everything when `lifeline` is closed."""
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._lifeline: int | None = lifeline
        self._words = b""
        self._listening = asyncio.create_task(self._listen(process.stderr))
        self.wire = Wire(process.stdout, process.stdin)

    @classmethod
    async def start(
        cls, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> "AgentProcess":
        """Start a command in a folder.

        Raises:
            ProposalError: there is no such command, or the machine starts no process.
        """
        program = find(command, environment)
        theirs, ours = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                guard.__file__,
                str(theirs),
                program,
                *command[1:],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=folder,
                env=dict(environment),
                pass_fds=(theirs,),
                start_new_session=True,
                limit=LINE_LIMIT_BYTES,
            )
        except OSError as error:
            os.close(ours)
            sentence = f"{command[0]} can not be started: {error.strerror}."
            raise ProposalError(sentence, outage=True) from error
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return cls(process, ours)

    @property
    def has_ended(self) -> bool:
        """Whether the agent is gone, or was told to go."""
        return self._lifeline is None or self._process.returncode is not None

    def let_go(self) -> None:
        """Have the guard end everything, now."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def end(self) -> None:
        """End the agent and all that it started, and wait until it is gone."""
        self.let_go()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        finally:
            self._listening.cancel()
            self.wire.hang_up()

    async def last_words(self) -> str:
        """Return how an agent that went by itself ended, and what it said at last, in a clause."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._process.wait()
                await self._listening
        code = self._process.returncode
        ended = "it broke off" if code is None else f"it ended with exit code {code}"
        said = " ".join(self._words.decode(errors="replace").split())[-WORDS_CHARACTERS:]
        return f"{ended} and said: {said}" if said else ended

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        """Keep the end of what the agent says beside the protocol."""
        while piece := await errors.read(WORDS_BYTES):
            self._words = (self._words + piece)[-WORDS_BYTES:]
