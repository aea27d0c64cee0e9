"""Asks a coding agent for one edit: a prompt, a turn in its folder, and a look at what it left.

The agent's process stays from one proposal to the next. It is ended, and started anew for the next
one, where it hangs, breaks off or fails. An agent that can load its sessions goes on with the last
one, also in a new process; else every proposal is a session of its own, and so is one after many,
or when its context is half full: what it should know of the night is in its folder anyway.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from autoresearch_tui.agents import edits
from autoresearch_tui.agents.acp import closing, folder, process, question
from autoresearch_tui.agents.acp.asking import Asker
from autoresearch_tui.agents.acp.folder import Folder
from autoresearch_tui.agents.acp.host import Host, Turn
from autoresearch_tui.agents.acp.policy import Permissions
from autoresearch_tui.agents.acp.talk import CONTEXT_SHARE, Sessions, Talk
from autoresearch_tui.agents.base import Context, Proposal, ProposalError, Think
from autoresearch_tui.agents.edits import EditError
from autoresearch_tui.record.masking import mask
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Usage

REPAIRS = 1
"""How often an agent is told that its edit can not run."""
START_LIMIT_S = 60.0
"""For an agent to answer that it is there: some are downloaded first."""
CHECK_LIMIT_S = 20.0


class AcpAgent:
    """Proposes what an agent of the user's own edits."""

    name = "acp"
    computes_here = False

    def __init__(
        self,
        *,
        command: Sequence[str],
        environment: Mapping[str, str],
        secrets: Sequence[str] = (),
        place: Path | None = None,
        limit_s: float = 300.0,
        permissions: Permissions = Permissions.TRAIN,
        permission_wait_s: float = 60.0,
        login: str | None = None,
    ) -> None:
        """Run `command` with this `environment`, all that it gets to see.

        Args:
            command: a program and its arguments.
            environment: the variables of its process.
            secrets: values that are never shown or stored, of whatever it says.
            place: where its folder and the name of its session are kept, so that a later start
                goes on with it; none for a temporary place.
            limit_s: seconds that one proposal may take.
            permissions: how its requests are answered.
            permission_wait_s: seconds that a person has for each, where one is asked; they count
                as the proposal's.
            login: the way to log in that it is asked to take, by the name that it offers.
        """
        self.model: str | None = Path(command[0]).name
        self._command = list(command)
        self._environment = dict(environment)
        self._secrets = list(secrets)
        self._place = place
        self._temporary: Path | None = None
        self._limit_s = limit_s
        self._permissions = permissions
        self._permission_wait_s = permission_wait_s
        self._login = login
        self._talk: Talk | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._undone = ""
        """What of the last proposal was undone; the agent is told so at the next one."""
        self._lock = asyncio.Lock()

    async def propose(self, context: Context, think: Think) -> Proposal:
        """Return the edit that the agent leaves in its folder.

        Raises:
            ProposalError: it left none within the limit, or can not be talked to.
        """
        started = time.monotonic()
        asker = Asker(context.ask_person, self._permission_wait_s, self._secrets)
        turn = Turn(think, self._secrets, asker)
        deadline = asyncio.timeout(self._limit_s)
        try:
            async with deadline, self._lock:
                try:
                    proposal = await self._propose(context, turn)
                except EditError:
                    # An answer, if a wrong one: the agent is well.
                    raise
                except BaseException:
                    self._abandon()
                    raise
        except TimeoutError:
            if not deadline.expired():
                raise
            failure = ProposalError(
                f"{self.model} left no edit within {self._limit_s:g} s and was ended.", outage=True
            )
        except EditError as error:
            failure = ProposalError(f"{self.model}: {error}")
        except OSError as error:
            reason = f"The folder of {self.model} can not be used: {error}."
            failure = ProposalError(reason, outage=True)
        except ProposalError as error:
            failure = error
        else:
            return replace(proposal, usage=_timed(turn.usage, started))
        finally:
            turn.finish()
        raise ProposalError(
            self._masked(str(failure)),
            _timed(turn.usage, started),
            fatal=failure.fatal,
            outage=failure.outage,
        )

    async def check(self) -> str:
        """Start the agent, and return in a clause that it answers.

        Raises:
            ProposalError: it does not.
        """
        with tempfile.TemporaryDirectory(prefix="autoresearch-agent-") as place:
            try:
                talk = await self._begin(Folder(Path(place)), CHECK_LIMIT_S)
            except ProposalError as error:
                raise ProposalError(
                    self._masked(str(error)).rstrip("."), fatal=error.fatal, outage=error.outage
                ) from error
            await talk.end()
        about = talk.about.agent_info
        who = f"{about.name} {about.version}" if about else self.model
        sessions = "goes on with its session" if talk.can_load else "begins a session a proposal"
        return self._masked(f"{who} answers by the Agent Client Protocol, and {sessions}")

    async def close(self) -> None:
        """End the agent's processes."""
        talk, self._talk = self._talk, None
        if talk is not None:
            await talk.end()
        if self._ending:
            await asyncio.wait(self._ending)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    async def _propose(self, context: Context, turn: Turn) -> Proposal:
        home = self._home()
        sessions = Sessions(home / "session.json", self._command)
        desk = Folder(home / "work")
        desk.lay_out(context)
        if self._talk is None or self._talk.process.has_ended:
            self._talk = None
            self._talk = await self._begin(desk, START_LIMIT_S)
        talk = self._talk
        talk.process.wire.begin()
        is_new = await talk.open_session(desk.root, sessions)
        text = question.first(context) if is_new else question.next_one(context)
        if self._undone:
            text = f"{question.undone(self._undone)}\n\n{text}"
        talk.host.listen(turn)
        is_well = False
        try:
            train = await self._turns(context, talk, desk, text, turn)
            is_well = True
        finally:
            talk.host.listen(None)
            if talk.session is not None:
                # A session that was taken up again and failed is not taken up once more.
                spoilt = talk.was_resumed and not is_well
                full = turn.context_share > CONTEXT_SHARE
                sessions.note(talk.session, is_last=spoilt or full)
        return self._read(context, train, turn.said)

    async def _turns(
        self, context: Context, talk: Talk, desk: Folder, text: str, turn: Turn
    ) -> str:
        """Return the edited file; an agent that left one that can not run has one turn more."""
        self._undone = ""
        for left in reversed(range(REPAIRS + 1)):
            await talk.ask(text, turn)
            if strays := desk.undo_strays():
                self._undone = folder.describe(strays)
                turn.note(f"It also changed {self._undone}: undone.", ThoughtKind.ERROR)
            try:
                return self._runnable(desk, context)
            except EditError as error:
                if not left:
                    raise
                turn.note(str(error), ThoughtKind.ERROR)
                text = question.repair(str(error))
        raise AssertionError("unreachable")

    def _runnable(self, desk: Folder, context: Context) -> str:
        """Return the file that the agent left.

        Raises:
            EditError: it can not run, or is not to be stored.
        """
        train = desk.edited()
        if any(secret in train for secret in self._secrets):
            raise EditError("train.py holds a key of your environment. Take it out.")
        edits.check(train, context.train)
        return train

    def _read(self, context: Context, train: str, said: str) -> Proposal:
        """Return an edit with what its author says of it, or what can be told from it."""
        end, page = closing.read(said), closing.notes(said)
        title = end.title or edits.summary(context.train, train)[: closing.TITLE_CHARACTERS]
        return Proposal(
            train=train,
            title=self._masked(title) or "An edit without a title",
            hypothesis=self._masked(end.hypothesis or closing.first_sentence(said)),
            expected_change=end.expected_change,
            notebook=None if page is None else self._masked(page),
            took_idea=end.took_idea,
            ideas=[self._masked(idea) for idea in end.ideas],
            ideas_first=list(end.ideas_first),
        )

    async def _begin(self, desk: Folder, limit_s: float) -> Talk:
        process.find(self._command, self._environment)
        host = Host(desk, self._permissions)
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                return await Talk.begin(
                    self._command, self._environment, desk.root, host, self._login
                )
        except TimeoutError:
            if not limit.expired():
                raise
            reason = f"{self.model} did not answer within {limit_s:g} s of its start."
            raise ProposalError(reason, outage=True) from None

    def _home(self) -> Path:
        if self._place is not None:
            self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self._place
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="autoresearch-agent-"))
        return self._temporary

    def _abandon(self) -> None:
        """End the agent without waiting: the next proposal starts another process."""
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.process.let_go()
            ending = asyncio.create_task(talk.end())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def _masked(self, text: str) -> str:
        return mask(text, self._secrets)


def _timed(usage: Usage, started: float) -> Usage:
    return msgspec.structs.replace(usage, seconds=time.monotonic() - started)
