"""The claude agent: a language model with tools, over the Messages API.

The same code serves Anthropic's own servers and any local one that speaks that API (Ollama,
llama.cpp, vLLM, LM Studio) through a base URL; these are asked for neither thinking nor caching.
One proposal is one conversation, bounded in seconds, turns and tokens, retries included.
"""

import asyncio
import contextlib
import itertools
import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import anthropic
import httpx2
from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import (
    ContentBlockParam,
    MessageParam,
    ParsedMessage,
    TextBlockParam,
    ToolResultBlockParam,
)

from autoresearch_tui.agents import prompt, tools
from autoresearch_tui.agents.base import Context, Proposal, ProposalError, Think
from autoresearch_tui.agents.meter import Meter
from autoresearch_tui.record.samples import ThoughtKind

DEFAULT_MODEL = "claude-opus-5-5"
REPAIRS = 1
"""How often a model is told that what it handed in, or did not, can not run."""
LEAST_OUTPUT_TOKENS = 1_024
"""With fewer than these left, another turn is not begun."""
LOCAL_OUTPUT_TOKENS = 8_192
"""Of one turn of a local server, whose context holds the prompt and the answer together."""

CONNECT_LIMIT_S = 10.0
SILENCE_LIMIT_S = 60.0
"""Between two signs of life of Anthropic's server, which gives one every few seconds. A local one
may read a long prompt for minutes."""
PATIENCE_S = 30.0
"""From the first failure of a request to the last retry that is begun: a device may be waiting."""
CHECK_LIMIT_S = 5.0

_NO_KEY = "none"
"""Sent to local servers that want no key, since the SDK insists on one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one proposal may cost at most."""

    seconds: float = 300.0
    turns: int = 12
    output_tokens: int = 32_000
    retries: int = 3
    """Of one request, where the server is busy, unreachable or breaks off."""
    retry_wait_s: float = 2.0
    """Before the first retry; doubled for each one after it, unless the server says how long."""


class ClaudeAgent:
    """Proposes what a language model thinks of."""

    name = "claude"
    computes_here = False

    def __init__(
        self,
        *,
        model: str = DEFAULT_MODEL,
        api_key: str | None,
        base_url: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Talk to Anthropic's servers, or to the one at `base_url`, with or without `/v1`."""
        self.model: str | None = model
        self._model = model
        self._api_key = api_key or _NO_KEY
        self._base_url = base_url.rstrip("/").removesuffix("/v1") if base_url else None
        self._limits = limits or Limits()
        self.thinks = base_url is None
        """Whether the model is asked to show its thinking; older models refuse to."""

    @property
    def is_local(self) -> bool:
        """Whether a server of the user's own is asked, which may know the bare API alone."""
        return self._base_url is not None

    async def propose(self, context: Context, think: Think) -> Proposal:
        """Return the edit that the model submits.

        Raises:
            ProposalError: it submitted none within the limits, or its server failed.
        """
        meter = Meter()
        desk = tools.Desk(context)
        deadline = asyncio.timeout(self._limits.seconds)
        try:
            async with deadline, self._client() as client:
                conversation = _Conversation(
                    agent=self,
                    client=client,
                    model=self._model,
                    limits=self._limits,
                    meter=meter,
                    desk=desk,
                    think=think,
                )
                submission = await conversation.run(context)
        except TimeoutError:
            if not deadline.expired():
                raise
            reason = f"{self._model} submitted nothing within {self._limits.seconds:g} s."
            raise ProposalError(reason, meter.usage(), outage=True) from None
        except _FailedError as failure:
            raise ProposalError(
                str(failure),
                meter.usage(),
                fatal=failure.fatal,
                outage=failure.outage,
                retry_after_s=failure.retry_after_s,
            ) from failure.__cause__
        return Proposal(
            train=desk.text,
            title=submission.title,
            hypothesis=submission.hypothesis,
            expected_change=submission.expected_change,
            took_idea=submission.took_idea,
            ideas=list(submission.ideas),
            ideas_first=list(submission.ideas_first),
            usage=meter.usage(),
        )

    def _client(self) -> anthropic.AsyncAnthropic:
        # Retries are ours: they are shown, and keep to the limits of the proposal.
        return anthropic.AsyncAnthropic(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=0,
            timeout=anthropic.Timeout(
                self._limits.seconds,
                connect=CONNECT_LIMIT_S,
                read=self._limits.seconds if self.is_local else SILENCE_LIMIT_S,
            ),
        )

    async def check(self) -> str:
        """Ask the server for nothing that costs, and return in a clause that it answers.

        Raises:
            ProposalError: the key is refused, the model unknown, or the server not to be reached.
        """
        try:
            async with asyncio.timeout(CHECK_LIMIT_S), self._client() as client:
                if self.is_local:
                    return await self._check_local(client)
                await client.models.retrieve(self._model)
        except TimeoutError:
            silent = f"{self._server} did not answer within {CHECK_LIMIT_S:g} s"
            raise ProposalError(silent, outage=True) from None
        except (anthropic.APIError, httpx2.HTTPError) as error:
            failure = self.explain(error)
            raise ProposalError(str(failure), fatal=failure.fatal, outage=failure.outage) from error
        return f"{self._server} knows the key and the model"

    async def _check_local(self, client: anthropic.AsyncAnthropic) -> str:
        try:
            await client.models.list()
        except (anthropic.APIStatusError, ValueError) as error:
            if isinstance(error, anthropic.AuthenticationError):
                raise
            # Many local servers list no models, or in a way of their own.
        return f"{self._server} answers"

    @property
    def _server(self) -> str:
        return self._base_url or "Anthropic's server"

    def explain(self, error: Exception) -> "_FailedError":
        """Return a failed request as a sentence that says what to do."""
        server = self._server
        match error:
            case anthropic.AuthenticationError():
                return _FailedError(
                    f"The key in ANTHROPIC_API_KEY was refused by {server}. Set a valid key, or "
                    "choose another agent.",
                    fatal=True,
                )
            case anthropic.NotFoundError():
                return _FailedError(
                    f"{server} has no model {self._model!r}. Name one that it has.", fatal=True
                )
            case anthropic.APIStatusError(status_code=status):
                said = error.api_message or error.message
                sentence = f"{server} answered {status}: {' '.join(said.split())[:300]}"
                may_pass = _may_pass(error)
                return _FailedError(
                    sentence,
                    fatal=400 <= status < 500 and not may_pass,
                    outage=may_pass,
                    retry_after_s=_wait_s(error, 0.0),
                )
            case anthropic.APIConnectionError():
                return _FailedError(f"{server} can not be reached: {error}", outage=True)
            case _:
                return _FailedError(
                    f"{server} broke its answer off: {error or type(error).__name__}", outage=True
                )


class _FailedError(Exception):
    """A conversation that led to no submission, in a sentence."""

    def __init__(
        self,
        reason: str,
        *,
        fatal: bool = False,
        outage: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(reason)
        self.fatal = fatal
        self.outage = outage
        self.retry_after_s = retry_after_s


class _BrokenStreamError(Exception):
    """A stream that ended, or said something impossible, before the message was complete."""


class _MalformedCallError(Exception):
    """A tool call whose arguments are no JSON, so that the message can not even be read."""


class _Conversation:
    """The turns of one proposal."""

    def __init__(
        self,
        *,
        agent: ClaudeAgent,
        client: anthropic.AsyncAnthropic,
        model: str,
        limits: Limits,
        meter: Meter,
        desk: tools.Desk,
        think: Think,
    ) -> None:
        self._agent = agent
        self._client = client
        self._model = model
        self._limits = limits
        self._meter = meter
        self._desk = desk
        self._think = think
        self._repairs_left = REPAIRS
        self._ends_at = asyncio.get_running_loop().time() + limits.seconds
        self._system: list[TextBlockParam] = []
        self._messages: list[MessageParam] = []

    async def run(self, context: Context) -> tools.Submission:
        """Ask, do what the answers call for, and ask again, until something is submitted."""
        self._begin(context)
        for _ in range(self._limits.turns):
            try:
                message = await self._answer()
            except _MalformedCallError:
                self._think(ThoughtKind.ERROR, "A tool call came without readable arguments.")
                self._repair("Your last tool call was no valid JSON and was not done. Repeat it.")
                continue
            if message.stop_reason == "refusal":
                raise _FailedError(f"{self._model} declined to propose an edit.")
            self._append_answer(message)
            results = self._do_calls(message)
            if self._desk.submission:
                return self._desk.submission
            if results:
                self._messages.append({"role": "user", "content": results})
            elif message.stop_reason != "pause_turn":
                self._repair("Nothing was submitted. Edit train.py and call submit; do it now.")
        raise _FailedError(f"{self._model} submitted nothing within {self._limits.turns} turns.")

    def _begin(self, context: Context) -> None:
        self._system = [{"type": "text", "text": prompt.system(context.program, context.state)}]
        file: TextBlockParam = {"type": "text", "text": prompt.file_block(context)}
        if not self._agent.is_local:
            self._system[0]["cache_control"] = {"type": "ephemeral"}
            file["cache_control"] = {"type": "ephemeral"}
        task: TextBlockParam = {"type": "text", "text": prompt.task(context)}
        self._messages = [{"role": "user", "content": [file, task]}]

    def _append_answer(self, message: ParsedMessage[None]) -> None:
        content: list[ContentBlockParam] = []
        for block in message.content:
            match block.type:
                case "text" if block.text.strip():
                    content.append({"type": "text", "text": block.text})
                case "tool_use":
                    content.append(
                        {
                            "type": "tool_use",
                            "id": block.id,
                            "name": block.name,
                            "input": block.input,
                        }
                    )
                case "thinking":
                    content.append(
                        {
                            "type": "thinking",
                            "thinking": block.thinking,
                            "signature": block.signature,
                        }
                    )
                case "redacted_thinking":
                    content.append({"type": "redacted_thinking", "data": block.data})
                case _:
                    pass
        if content:
            self._messages.append({"role": "assistant", "content": content})

    def _do_calls(self, message: ParsedMessage[None]) -> list[ToolResultBlockParam]:
        """Do the calls of a message in their order; a failed submission is a repair."""
        results: list[ToolResultBlockParam] = []
        for block in message.content:
            if block.type != "tool_use" or self._desk.submission:
                continue
            failed = self._desk.failed_submits
            reply = self._desk.call(
                block.name, block.input, lambda line: self._think(ThoughtKind.TOOL, line)
            )
            if self._desk.failed_submits > failed:
                self._spend_repair(reply.text)
            results.append(
                {
                    "type": "tool_result",
                    "tool_use_id": block.id,
                    "content": reply.text,
                    "is_error": reply.is_error,
                }
            )
        return results

    def _spend_repair(self, reason: str) -> None:
        if not self._repairs_left:
            raise _FailedError(f"{self._model} handed in nothing that can run: {reason}")
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

    async def _answer(self) -> ParsedMessage[None]:
        """Return the next message of the model, asking again where that may help."""
        loop = asyncio.get_running_loop()
        give_up_at = self._ends_at
        for attempt in itertools.count():
            try:
                return await self._stream()
            except anthropic.BadRequestError as error:
                if not (self._agent.thinks and "thinking" in str(error)):
                    raise self._agent.explain(error) from error
                self._agent.thinks = False
            except (anthropic.APIError, httpx2.HTTPError, _BrokenStreamError) as error:
                failure = self._agent.explain(error)
                wait_s = _wait_s(error, self._limits.retry_wait_s * 2**attempt)
                give_up_at = min(give_up_at, loop.time() + PATIENCE_S)
                left_s = give_up_at - loop.time()
                if not _may_pass(error) or attempt >= self._limits.retries or wait_s >= left_s:
                    raise failure from error
                self._think(ThoughtKind.ERROR, f"{failure} Asking again in {wait_s:g} s.")
                await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def _stream(self) -> ParsedMessage[None]:
        """Ask once, and pass on what the model says while it says it."""
        left = self._limits.output_tokens - self._meter.output_tokens
        if left < LEAST_OUTPUT_TOKENS:
            raise _FailedError(
                f"{self._model} used {self._meter.output_tokens} of {self._limits.output_tokens} "
                "output tokens without submitting."
            )
        self._meter.begin()
        async with self._client.messages.stream(
            model=self._model,
            max_tokens=min(left, LOCAL_OUTPUT_TOKENS) if self._agent.is_local else left,
            system=self._system,
            messages=self._messages,
            tools=tools.DEFINITIONS,
            thinking=(
                {"type": "adaptive", "display": "summarized"}
                if self._agent.thinks
                else anthropic.omit
            ),
            cache_control=anthropic.omit if self._agent.is_local else {"type": "ephemeral"},
        ) as stream:
            try:
                return await self._follow(stream)
            except json.JSONDecodeError as error:
                raise _BrokenStreamError("it sent an event that is no JSON.") from error
            except ValueError as error:
                raise _MalformedCallError from error
            except (AttributeError, IndexError, KeyError, RuntimeError, TypeError) as error:
                # The SDK trusts the order and shape of events; not every server earns that.
                raise _BrokenStreamError("its events do not fit together.") from error

    async def _follow(self, stream: AsyncMessageStream[None]) -> ParsedMessage[None]:
        complete = False
        async for event in stream:
            match event.type:
                case "text":
                    self._think(ThoughtKind.TEXT, event.text)
                case "thinking":
                    self._think(ThoughtKind.THINKING, event.thinking)
                case "content_block_stop" if event.content_block.type in {"text", "thinking"}:
                    self._think(ThoughtKind(event.content_block.type), "\n")
                case "message_start":
                    usage = event.message.usage
                    self._meter.count(
                        usage.input_tokens,
                        usage.output_tokens,
                        usage.cache_read_input_tokens,
                        usage.cache_creation_input_tokens,
                    )
                case "message_delta":
                    usage = event.usage
                    self._meter.count(
                        usage.input_tokens,
                        usage.output_tokens,
                        usage.cache_read_input_tokens,
                        usage.cache_creation_input_tokens,
                    )
                case "message_stop":
                    complete = True
                case _:
                    pass
        if not complete:
            raise _BrokenStreamError("it ended in the middle of a message.")
        return await stream.get_final_message()


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, anthropic.APIStatusError):
        # An error inside a stream that had begun well comes with the stream's own 200.
        return error.status_code in {200, 408, 409, 429} or error.status_code >= 500
    return True


def _wait_s(error: Exception, otherwise: float) -> float:
    """Return how long the server asks to wait, in seconds."""
    if isinstance(error, anthropic.APIStatusError):
        said = error.response.headers.get("retry-after", "")
        try:
            return max(0.0, float(said))
        except ValueError:
            pass
        with contextlib.suppress(ValueError):
            # The other form that HTTP allows: a date.
            return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    return otherwise
