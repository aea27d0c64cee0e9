"""A talk with a living agent: begun, led in sessions, ended; what goes wrong becomes a sentence."""

import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acp import PROTOCOL_VERSION, RequestError, schema, text_block
from acp.client import ClientSideConnection
from pydantic import ValidationError

from autoresearch_tui import __version__
from autoresearch_tui.agents.acp.host import Host, Turn
from autoresearch_tui.agents.acp.process import AgentProcess
from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.agents.edits import EditError
from autoresearch_tui.record.vocabulary import Usage

SESSION_PROPOSALS = 20
"""After as many an agent begins a new session, whatever it says of its context."""
CONTEXT_SHARE = 0.5
"""How full an agent's context may be at the beginning of a proposal."""
REASON_CHARACTERS = 300
AUTHENTICATION = -32000


class Sessions:
    """Keeps which session an agent is in, from one process and one lab to the next."""

    def __init__(self, file: Path, command: Sequence[str]) -> None:
        """Keep it in `file`; another command's session is none of this one's."""
        self._file = file
        self._command = list(command)

    def last(self) -> str | None:
        """Return the session to go on with; none where a new one is due."""
        session, proposals = self._read()
        return session if proposals < SESSION_PROPOSALS else None

    def note(self, session: str, *, is_last: bool = False) -> None:
        """Note a proposal of a session, which may be `is_last` one."""
        known, proposals = self._read()
        count = proposals + 1 if known == session else 1
        stored = {
            "command": self._command,
            "session": session,
            "proposals": SESSION_PROPOSALS if is_last else count,
        }
        with contextlib.suppress(OSError):
            self._file.write_text(json.dumps(stored))

    def _read(self) -> tuple[str | None, int]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            stored = json.loads(self._file.read_bytes())
            if stored["command"] == self._command:
                return str(stored["session"]), int(stored["proposals"])
        return None, 0


@dataclass(slots=True)
class Talk:
    """One process of an agent, and what it told of itself."""

    name: str
    process: AgentProcess
    connection: ClientSideConnection
    host: Host
    about: schema.InitializeResponse
    session: str | None = None
    was_resumed: bool = False
    """Whether the session is of an earlier process."""

    @classmethod
    async def begin(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        place: Path,
        host: Host,
        login: str | None,
    ) -> "Talk":
        """Start an agent in a folder, and learn what it can.

        Raises:
            ProposalError: it can not be started, or does not speak the protocol.
        """
        name = Path(command[0]).name
        process = await AgentProcess.start(command, place, environment)
        connection = ClientSideConnection(host, process.wire)
        try:
            async with _understood(name, process):
                about = await connection.initialize(
                    PROTOCOL_VERSION,
                    schema.ClientCapabilities(
                        fs=schema.FileSystemCapabilities(read_text_file=True, write_text_file=True),
                        terminal=False,
                    ),
                    schema.Implementation(name="autoresearch_tui", version=__version__),
                )
                if login is not None:
                    await connection.authenticate(login)
        except BaseException:
            process.let_go()
            await connection.close()
            await process.end()
            raise
        return cls(name, process, connection, host, about)

    @property
    def can_load(self) -> bool:
        """Whether the agent goes on with a session of another process."""
        can = self.about.agent_capabilities
        return bool(can and can.load_session)

    async def open_session(self, place: Path, sessions: Sessions) -> bool:
        """Be in a session, and return whether it is a new one.

        Raises:
            ProposalError: the agent begins none.
        """
        known = sessions.last() if self.can_load else None
        if known is not None and known == self.session:
            return False
        if known is not None:
            # It may be forgotten, or of another version of the agent.
            with contextlib.suppress(ProposalError):
                async with _understood(self.name, self.process):
                    await self.connection.load_session(str(place), known, mcp_servers=[])
                self.session, self.was_resumed = known, True
                return False
        async with _understood(self.name, self.process):
            opened = await self.connection.new_session(str(place), mcp_servers=[])
        self.session, self.was_resumed, self.host.session_cost_usd = opened.session_id, False, None
        return True

    async def ask(self, text: str, turn: Turn) -> None:
        """Have the agent take its turn; what it says that this cost is added to the turn's.

        Raises:
            ProposalError: it failed.
            EditError: it ended its turn without wanting to answer.
        """
        assert self.session is not None
        before, is_known = self.host.session_cost_usd, not self.was_resumed
        async with _understood(self.name, self.process):
            done = await self.connection.prompt(self.session, [text_block(text)])
        turn.finish()
        used, cost, total = done.usage, None, self.host.session_cost_usd
        if total is not None and (before is not None or is_known):
            cost = max(0.0, total - (before or 0.0))
        turn.add_usage(
            Usage(cost_usd=cost)
            if used is None
            else Usage(
                input_tokens=used.input_tokens,
                output_tokens=used.output_tokens + (used.thought_tokens or 0),
                cache_read_tokens=used.cached_read_tokens or 0,
                cache_write_tokens=used.cached_write_tokens or 0,
                cost_usd=cost,
            )
        )
        if done.stop_reason == "refusal":
            raise EditError("it refused to answer.")
        if done.stop_reason == "cancelled":
            raise EditError("it ended its turn without an answer.")

    async def end(self) -> None:
        """End the agent and all that it started."""
        self.process.let_go()
        await self.connection.close()
        await self.process.end()


@contextlib.asynccontextmanager
async def _understood(name: str, process: AgentProcess) -> AsyncGenerator[None]:
    """Turn what may go wrong in a request into a sentence.

    Raises:
        ProposalError: something did.
    """
    try:
        yield
    except RequestError as error:
        said = f"{error}: {error.data}" if error.data else str(error)
        said = " ".join(said.split())[:REASON_CHARACTERS]
        hint = (
            " Log in with its own command, or name the variable of its key in [agent] env."
            if error.code == AUTHENTICATION
            else ""
        )
        raise ProposalError(f"{name} answers: [{said}].{hint}", outage=True) from error
    except ValidationError as error:
        reason = f"{name} answers what is not the Agent Client Protocol."
        raise ProposalError(reason, outage=True) from error
    except OSError as error:
        trouble = process.wire.trouble or await process.last_words()
        raise ProposalError(f"{name} is gone: {trouble}.", outage=True) from error
