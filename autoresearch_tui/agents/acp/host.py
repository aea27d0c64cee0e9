"""What an agent gets from us while it works: files, permissions, and an ear for what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from acp import Agent, Client, RequestError, schema
from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    FileEditToolCallContent,
    PermissionOption,
    ReadTextFileResponse,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    UsageUpdate,
    WriteTextFileResponse,
)

from autoresearch_tui.agents import edits
from autoresearch_tui.agents.acp import folder, policy
from autoresearch_tui.agents.acp.asking import Asker
from autoresearch_tui.agents.acp.closing import SAID_CHARACTERS
from autoresearch_tui.agents.acp.folder import EDITED, Folder
from autoresearch_tui.agents.acp.policy import Call, Permissions
from autoresearch_tui.agents.base import Think
from autoresearch_tui.agents.edits import EditError
from autoresearch_tui.record.masking import StreamMask
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Usage

SHOWN_CHARACTERS = 400_000
"""Of one proposal's thoughts and words: a night of them has to fit the disk and the screen."""
CALLS_KNOWN = 1_000
LINE_CHARACTERS = 200
INVALID = -32602
"""The code of a request that can not be done as it was made."""


class Turn:
    """What is heard of one proposal."""

    def __init__(
        self, think: Think, secrets: Sequence[str] = (), asker: Asker | None = None
    ) -> None:
        """Tell `think` what the agent says, without these `secrets`; `asker` asks people."""
        self.asker = asker or Asker()
        self.said = ""
        """The end of the agent's words, thoughts not among them."""
        self.context_share = 0.0
        """How full the agent's context is, 0 to 1, as far as it tells."""
        self.usage = Usage()
        """What the agent says that this cost."""
        self._think = think
        self._secrets = secrets
        self._streams = {
            kind: StreamMask(secrets) for kind in (ThoughtKind.TEXT, ThoughtKind.THINKING)
        }
        self._last = ThoughtKind.TEXT
        self._shown = 0

    def speak(self, kind: ThoughtKind, text: str) -> None:
        """Take a piece of what the agent says or thinks."""
        if kind is not self._last:
            self.finish()
            self._last = kind
        told = self._streams[kind].feed(_writable(text))
        if kind is ThoughtKind.TEXT:
            self.said = (self.said + told)[-SAID_CHARACTERS:]
        self._show(kind, told)

    def note(self, text: str, kind: ThoughtKind = ThoughtKind.TOOL) -> None:
        """Take a line about what the agent does."""
        self.finish()
        mask = StreamMask(self._secrets)
        line = mask.feed(_writable(" ".join(text.splitlines()))) + mask.rest()
        self._show(kind, line[:LINE_CHARACTERS])

    def add_usage(self, more: Usage) -> None:
        """Add what one more prompt cost."""
        self.usage += more

    def finish(self) -> None:
        """Let go of what was held back: the agent goes on with something else."""
        rest = self._streams[self._last].rest()
        if self._last is ThoughtKind.TEXT:
            self.said = (self.said + rest)[-SAID_CHARACTERS:]
        self._show(self._last, rest)

    def _show(self, kind: ThoughtKind, text: str) -> None:
        if not text or self._shown > SHOWN_CHARACTERS:
            return
        self._shown += len(text)
        if self._shown > SHOWN_CHARACTERS:
            kind, text = ThoughtKind.ERROR, "It says more than can be shown."
        self._think(kind, text)


class Host(Client):
    """The client's side of the protocol, on one folder."""

    def __init__(self, desk: Folder, permissions: Permissions) -> None:
        """Serve a folder; what is heard before `turn` is set, is not listened to."""
        self._folder = desk
        self._permissions = permissions
        self._calls: dict[str, Call] = {}
        self._edits_shown: set[tuple[str, int]] = set()
        self._plan = ""
        self.turn: Turn | None = None
        self.session_cost_usd: float | None = None
        """What the agent says that its session cost so far."""

    def listen(self, turn: Turn | None) -> None:
        """Have what is heard belong to a proposal, or to none."""
        if self.turn is not None:
            self.turn.asker.withdraw()
        self.turn = turn
        self._calls.clear()
        self._edits_shown.clear()
        self._plan = ""

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        """Take what the agent says, thinks or does."""
        if isinstance(update, UsageUpdate) and (cost := update.cost) is not None:
            # Also while nobody listens: what a session cost before it was taken up again.
            self.session_cost_usd = cost.amount if cost.currency.upper() == "USD" else None
        turn = self.turn
        if turn is None:
            return
        match update:
            case AgentMessageChunk(content=TextContentBlock(text=text)):
                turn.speak(ThoughtKind.TEXT, text)
            case AgentThoughtChunk(content=TextContentBlock(text=text)):
                turn.speak(ThoughtKind.THINKING, text)
            case ToolCallStart() | ToolCallProgress():
                self._hear_call(turn, update)
            case AgentPlanUpdate(entries=entries):
                marks = {"completed": "x", "in_progress": ">"}
                plan = "; ".join(f"[{marks.get(e.status, ' ')}] {e.content}" for e in entries)
                if plan != self._plan:
                    self._plan = plan
                    turn.note(f"plan  {plan}")
            case UsageUpdate(used=used, size=size):
                turn.context_share = used / size if size else 0.0
            case _:
                pass

    def _hear_call(self, turn: Turn, update: ToolCallStart | ToolCallProgress) -> None:
        is_new = update.tool_call_id not in self._calls
        call = self._call(update)
        if is_new:
            turn.note(str(call))
        for content in update.content or []:
            if isinstance(content, FileEditToolCallContent):
                seen = (update.tool_call_id, hash((content.path, content.new_text)))
                if seen not in self._edits_shown:
                    self._edits_shown.add(seen)
                    change = edits.summary(content.old_text or "", content.new_text)
                    turn.note(f"{Path(content.path).name}  {change}")
        if update.status == "failed":
            turn.note(f"{call}: it failed")

    def _call(self, update: Any) -> Call:
        if len(self._calls) >= CALLS_KNOWN and update.tool_call_id not in self._calls:
            self._calls.pop(next(iter(self._calls)))
        call = self._calls.setdefault(update.tool_call_id, Call())
        known = {name: getattr(update, name) for name in ToolCallUpdate.model_fields}
        call.learn(ToolCallUpdate.model_construct(**known))
        return call

    async def request_permission(
        self,
        session_id: str,
        tool_call: ToolCallUpdate,
        options: list[PermissionOption],
        **kwargs: Any,
    ) -> RequestPermissionResponse:
        """Allow or refuse a tool call: by the policy, or as a person says where it may be asked."""
        call = self._call(tool_call)
        reason = policy.objection(call, self._folder, self._permissions)
        if (
            reason is not None
            and self.turn is not None
            and policy.is_for_a_person(call, self._permissions)
        ):
            self._note(f"asks: {call}")
            reason = await self.turn.asker.objection(call, reason, options)
        chosen = policy.answer(options, allow=reason is None)
        if reason is None and chosen is None:
            reason, chosen = "It can not be allowed just once.", policy.answer(options, allow=False)
        if reason is not None:
            self._note(f"refused: {call}. {reason}")
        if chosen is None:
            return RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        outcome = schema.AllowedOutcome(option_id=chosen, outcome="selected")
        return RequestPermissionResponse(outcome=outcome)

    async def read_text_file(
        self,
        session_id: str,
        path: str,
        line: int | None = None,
        limit: int | None = None,
        **kwargs: Any,
    ) -> ReadTextFileResponse:
        """Return a file of the folder, or some of its lines; `line` counts from 1."""
        place = self._folder.place(path)
        if place is None:
            _refuse(f"{path} is outside. Only the files of {self._folder.root} can be read.")
        content = folder.content_of(place)
        if content is None:
            _refuse(f"{path} is no file that can be read here.")
        text = content.decode(errors="replace")
        if line is not None or limit is not None:
            start = max(0, (line or 1) - 1)
            lines = text.splitlines(keepends=True)
            text = "".join(lines[start : None if limit is None else start + max(0, limit)])
        return ReadTextFileResponse(content=text)

    async def write_text_file(
        self, session_id: str, path: str, content: str, **kwargs: Any
    ) -> WriteTextFileResponse:
        """Write `train.py`; every other file is refused."""
        train = self._folder.train
        if self._folder.place(path) != train:
            self._note(f"refused: writing {path}")
            _refuse(f"{path} may not be written: only {train} may. Make your edit there.")
        before = (folder.content_of(train) or b"").decode(errors="replace")
        try:
            self._folder.put(content)
        except (EditError, OSError) as error:
            _refuse(str(error))
        self._note(f"write  {EDITED}  {edits.summary(before, content)}")
        return WriteTextFileResponse()

    def _note(self, line: str) -> None:
        if self.turn is not None:
            self.turn.note(line)

    async def create_terminal(self, *args: Any, **kwargs: Any) -> schema.CreateTerminalResponse:
        """Refuse."""
        self._note("refused: a terminal")
        _refuse_terminal()

    async def terminal_output(self, *args: Any, **kwargs: Any) -> schema.TerminalOutputResponse:
        """Refuse."""
        _refuse_terminal()

    async def release_terminal(self, *args: Any, **kwargs: Any) -> schema.ReleaseTerminalResponse:
        """Refuse."""
        _refuse_terminal()

    async def wait_for_terminal_exit(
        self, *args: Any, **kwargs: Any
    ) -> schema.WaitForTerminalExitResponse:
        """Refuse."""
        _refuse_terminal()

    async def kill_terminal(self, *args: Any, **kwargs: Any) -> schema.KillTerminalResponse:
        """Refuse."""
        _refuse_terminal()

    async def create_elicitation(
        self, message: str, mode: schema.ElicitationMode, **kwargs: Any
    ) -> Any:
        """Refuse: there is nobody to ask."""
        _refuse("Nobody is here to answer. Decide by yourself.")

    async def complete_elicitation(self, elicitation_id: str, **kwargs: Any) -> None:
        """Pass over what nobody began."""

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no part of the protocol."""
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Pass over what is no part of the protocol."""

    def on_connect(self, conn: Agent) -> None:
        """Need nothing of the connection."""


def _writable(text: str) -> str:
    """Return text that can be written down: JSON may hold what is no Unicode."""
    return text.encode(errors="replace").decode()


def _refuse(sentence: str) -> NoReturn:
    # The message itself: agents show it to their model, and often not what comes beside it.
    raise RequestError(INVALID, sentence)


def _refuse_terminal() -> NoReturn:
    _refuse(f"There is no terminal here. Edit {EDITED}; the loop runs it.")
