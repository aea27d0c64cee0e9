"""One proposal as a conversation: by tools, or in plain text where a model is weak at tools."""

from typing import cast

from anthropic.types import (
    CacheControlEphemeralParam,
    ContentBlockParam,
    MessageParam,
    TextBlockParam,
    ToolResultBlockParam,
)

from autoresearch_tui.agents import brief, plain, prompt, tools
from autoresearch_tui.agents.base import Context, Think
from autoresearch_tui.agents.edits import EditError
from autoresearch_tui.agents.failures import FailedError, NoToolsError, Server, TooLongError
from autoresearch_tui.agents.requests import Form, Limits, Manners, Requests
from autoresearch_tui.agents.stream import Answer, Call, HiddenThinking, Text, Thinking
from autoresearch_tui.agents.toolbox import DEFINITIONS, Submit
from autoresearch_tui.record.samples import ThoughtKind

REPAIRS = 1
"""How often a model is told that what it handed in, or did not, can not run."""
FITTINGS = 2
"""How often a prompt is made shorter for a context that turned out to be small."""
SMALL_CONTEXT_TOKENS = 16_384
"""Below it, the file, the digest and what tools answer do not fit together."""
LONG_CACHE_FROM_S = 120.0
"""With experiments that take longer, the next proposal comes after a cache of five minutes went."""


class _NoCallsError(Exception):
    """A model that was offered tools, and called none."""


class Conversation:
    """The turns of one proposal."""

    def __init__(
        self,
        requests: Requests,
        server: Server,
        manners: Manners,
        limits: Limits,
        desk: tools.Desk,
        think: Think,
    ) -> None:
        self._requests = requests
        self._server = server
        self._manners = manners
        self._limits = limits
        self._desk = desk
        self._think = think
        self._turns_left = limits.turns
        self._repairs_left = REPAIRS
        self._calls = 0
        self._messages: list[MessageParam] = []

    async def run(self, context: Context) -> tools.Submission:
        """Ask, do what the answers call for, and ask again, until something is submitted.

        Raises:
            FailedError: nothing was, within the limits.
        """
        fittings = FITTINGS
        while True:
            try:
                if self._is_by_text():
                    return await self._by_text(context)
                return await self._by_tools(context)
            except TooLongError as error:
                if not self._server.is_local or not fittings:
                    # A conversation that outgrew its context says nothing of the next one.
                    begun = len(self._messages) > 1
                    raise FailedError(str(error), fatal=not begun) from error
                fittings -= 1
                self._learn_context(error)
                if self._manners.form is Form.AUTO and not self._is_by_text():
                    self._fall_to_text("A prompt with tools has no place there.")
            except NoToolsError as error:
                self._fall_to_text(f"{error}")
            except _NoCallsError:
                self._fall_to_text(f"{self._server.model} calls no tools.")

    def _is_by_text(self) -> bool:
        context_tokens = self._manners.context_tokens
        small = context_tokens is not None and context_tokens < SMALL_CONTEXT_TOKENS
        form = self._manners.form
        return form is Form.TEXT or (form is Form.AUTO and self._server.is_local and small)

    def _fall_to_text(self, reason: str) -> None:
        self._manners.form = Form.TEXT
        self._repairs_left = REPAIRS
        self._think(ThoughtKind.ERROR, f"{reason} It is asked for edits in plain text from now on.")

    def _learn_context(self, error: TooLongError) -> None:
        """Take what the server said of its context; where that does not help, halve the prompt."""
        sent = _characters(self._messages)
        if error.prompt_tokens:
            # It was counted with the system's part, so that this is on the safe side.
            self._manners.characters_per_token = max(0.5, sent / error.prompt_tokens)
        guessed = int(sent / self._manners.characters_per_token * 0.6)
        known, told = self._manners.context_tokens, error.context_tokens
        learned = told if told and told != known else min(guessed, (known or guessed) * 3 // 4)
        self._manners.context_tokens = max(256, learned)
        self._think(ThoughtKind.ERROR, f"{error} The prompt is made shorter.")

    async def _answer(self, system: list[TextBlockParam], *, with_tools: bool) -> Answer:
        if not self._turns_left:
            raise FailedError(
                f"{self._server.model} submitted nothing within {self._limits.turns} turns."
            )
        self._turns_left -= 1
        definitions = DEFINITIONS if with_tools else None
        answer = await self._requests.answer(system, self._messages, definitions)
        if answer.stop_reason == "refusal":
            raise FailedError(f"{self._server.model} declined to propose an edit.")
        return answer

    async def _by_tools(self, context: Context) -> tools.Submission:
        system = self._begin_with_tools(context)
        while True:
            answer = await self._answer(system, with_tools=True)
            self._append(answer)
            results = self._do(answer.calls)
            if self._desk.submission:
                return self._desk.submission
            if results:
                self._messages.append({"role": "user", "content": results})
            elif answer.stop_reason != "pause_turn":
                self._urge(answer)

    def _urge(self, answer: Answer) -> None:
        """Tell the model that it has to submit; one that never calls a tool may be unable to."""
        is_weak = self._manners.form is Form.AUTO and self._server.is_local and not self._calls
        if is_weak and (not self._repairs_left or answer.stop_reason == "max_tokens"):
            raise _NoCallsError
        self._repair("Nothing was submitted. Edit train.py and call submit; do it now.")

    def _begin_with_tools(self, context: Context) -> list[TextBlockParam]:
        """Lay the prompt out with what changes least first, so that it is read from the cache."""
        system: TextBlockParam = {
            "type": "text",
            "text": prompt.system(context.program, context.state),
        }
        file: TextBlockParam = {"type": "text", "text": prompt.file_block(context)}
        if not self._server.is_local:
            is_long = context.state.budget_s >= LONG_CACHE_FROM_S
            lasting: CacheControlEphemeralParam = {"type": "ephemeral"}
            if is_long:
                lasting["ttl"] = "1h"
            system["cache_control"] = file["cache_control"] = lasting
        task: TextBlockParam = {"type": "text", "text": brief.question(context)}
        self._messages = [{"role": "user", "content": [file, task]}]
        return [system]

    async def _by_text(self, context: Context) -> tools.Submission:
        room = self._manners.prompt_characters(self._server)
        system, task = brief.compose(context, self._desk.text, room)
        self._messages = [{"role": "user", "content": [{"type": "text", "text": task}]}]
        begun_with = self._desk.text
        while True:
            answer = await self._answer([{"type": "text", "text": system}], with_tools=False)
            try:
                return self._take(plain.parse(answer.text))
            except EditError as error:
                self._think(ThoughtKind.TOOL, f"no edit: {str(error).splitlines()[0]}")
                self._desk.text = begun_with
                self._append(answer)
                self._repair(f"{error} Nothing was changed. Answer again, in the form above.")

    def _take(self, reply: plain.Reply) -> tools.Submission:
        if reply.notebook is not None:
            self._desk.notebook = reply.notebook[: tools.NOTEBOOK_CHARACTERS]
        line = self._desk.write(plain.apply(reply, self._desk.text))
        title = reply.title or line.split("  ")[-1].lstrip("+")
        submission = self._desk.submit(
            Submit(
                title,
                reply.hypothesis,
                expected_change=reply.expected_change,
                took_idea=reply.took_idea,
                ideas=list(reply.ideas),
            )
        )
        self._think(ThoughtKind.TOOL, f"edit  {line}")
        return submission

    def _append(self, answer: Answer) -> None:
        content = [_param(block) for block in answer.blocks]
        if content:
            self._messages.append({"role": "assistant", "content": content})

    def _do(self, calls: list[Call]) -> list[ToolResultBlockParam]:
        """Do the calls of a message in their order; a failed submission is a repair."""
        results: list[ToolResultBlockParam] = []
        for call in calls:
            if self._desk.submission:
                break
            self._calls += 1
            failed = self._desk.failed_submits
            reply = self._reply(call)
            if self._desk.failed_submits > failed:
                self._spend_repair(reply.text)
            results.append(
                {
                    "type": "tool_result",
                    "tool_use_id": call.id,
                    "content": _clean(reply.text),
                    "is_error": reply.is_error,
                }
            )
        return results

    def _reply(self, call: Call) -> tools.Reply:
        if call.trouble:
            self._think(ThoughtKind.TOOL, f"{call.name[:40]}: unreadable arguments")
            text = (
                f"The arguments of {call.name[:40]} are no valid JSON ({call.trouble}). Repeat it."
            )
            return tools.Reply(text, is_error=True)
        return self._desk.call(
            call.name, call.arguments, lambda line: self._think(ThoughtKind.TOOL, line)
        )

    def _spend_repair(self, reason: str) -> None:
        if not self._repairs_left:
            raise FailedError(f"{self._server.model} handed in nothing that can run: {reason}")
        self._repairs_left -= 1

    def _repair(self, text: str) -> None:
        """Tell the model what went wrong, in the user's last message where that is the last one."""
        self._spend_repair(text)
        block: TextBlockParam = {"type": "text", "text": text}
        last = self._messages[-1]
        if last["role"] == "user" and not isinstance(last["content"], str):
            # Some servers refuse two messages of one role in a row.
            self._messages[-1] = {"role": "user", "content": [*last["content"], block]}
        else:
            self._messages.append({"role": "user", "content": [block]})


def _param(block: Text | Thinking | HiddenThinking | Call) -> ContentBlockParam:
    """Return what a model said as it is told again with the next turn."""
    match block:
        case Text(text):
            return {"type": "text", "text": _clean(text)}
        case Thinking(thinking, signature):
            return {"type": "thinking", "thinking": _clean(thinking), "signature": signature}
        case HiddenThinking(data):
            return {"type": "redacted_thinking", "data": data}
        case Call(call_id, name, arguments):
            # Nothing but an object may be sent back.
            given = cast("dict[str, object]", arguments) if isinstance(arguments, dict) else {}
            return {"type": "tool_use", "id": call_id, "name": _clean(name), "input": given}


def _clean(text: str) -> str:
    """Return text that can be written: a model's JSON may hold halves of characters."""
    return text.encode(errors="replace").decode()


def _characters(messages: list[MessageParam]) -> int:
    return sum(len(str(message["content"])) for message in messages)
