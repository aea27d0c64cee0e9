"""Requests to a model's server: asked again where that helps, within the proposal's limits."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

import anthropic
import httpx2
from anthropic.types import (
    CacheControlEphemeralParam,
    MessageParam,
    TextBlockParam,
    ToolParam,
)

from autoresearch_tui.agents import failures, models
from autoresearch_tui.agents.base import Think
from autoresearch_tui.agents.failures import FailedError, Server
from autoresearch_tui.agents.meter import Meter
from autoresearch_tui.agents.stream import (
    Answer,
    BrokenStreamError,
    EndlessAnswerError,
    follow,
)
from autoresearch_tui.record.samples import ThoughtKind

LEAST_OUTPUT_TOKENS = 1_024
"""With fewer than these left, or than a quarter of what a proposal may write, another turn is not
begun."""
LOCAL_OUTPUT_TOKENS = 8_192
"""Of one turn of a local server, whose context holds the prompt and the answer together."""
PATIENCE_S = 30.0
"""From the first failure of a request to the last retry that is begun: a device may be waiting."""

TROUBLES = (anthropic.APIError, httpx2.HTTPError, BrokenStreamError, EndlessAnswerError)


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


class Form(StrEnum):
    """How a model hands in its edits."""

    AUTO = "auto"
    """By tools, until a server of the user's own turns out to be weak at them."""
    TOOLS = "tools"
    TEXT = "text"


@dataclass(slots=True)
class Manners:
    """What was learned of a server and its model; it stays from proposal to proposal."""

    form: Form
    thinking: models.Mode
    context_tokens: int | None = None
    """What the model's context holds, prompt and answer together; none where nobody said it."""
    characters_per_token: float = 3.0
    """Of a prompt; code has more, so that what is counted with it fits."""

    def output_tokens(self, left: int, server: Server) -> int:
        """Return what one answer may be long, in tokens."""
        if not server.is_local:
            return left
        if self.context_tokens is None:
            return min(left, LOCAL_OUTPUT_TOKENS)
        return min(left, LOCAL_OUTPUT_TOKENS, max(64, self.context_tokens // 4))

    def prompt_characters(self, server: Server) -> int | None:
        """Return how long a prompt may be; none where nobody knows a limit."""
        if self.context_tokens is None:
            return None
        tokens = self.context_tokens - self.output_tokens(self.context_tokens, server)
        return int(tokens * self.characters_per_token)


class Requests:
    """Sends the requests of one proposal."""

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        server: Server,
        manners: Manners,
        limits: Limits,
        meter: Meter,
        think: Think,
    ) -> None:
        self._client = client
        self._server = server
        self._manners = manners
        self._limits = limits
        self._meter = meter
        self._think = think
        self._ends_at = asyncio.get_running_loop().time() + limits.seconds

    async def answer(
        self,
        system: list[TextBlockParam],
        messages: list[MessageParam],
        tools: list[ToolParam] | None = None,
    ) -> Answer:
        """Return the model's next message, asking again where that may help.

        Raises:
            FailedError: there is none.
        """
        loop = asyncio.get_running_loop()
        give_up_at = self._ends_at
        failed = 0
        while True:
            try:
                return await self._ask(system, messages, tools)
            except TROUBLES as error:
                if self._may_think_less(error):
                    continue
                offered = tools is not None and self._manners.form is Form.AUTO
                failure = failures.explain(error, self._server, may_do_without_tools=offered)
                wait_s = failures.wait_s(error, self._limits.retry_wait_s * 2**failed)
                give_up_at = min(give_up_at, loop.time() + PATIENCE_S)
                is_final = not failures.may_pass(error) or not failure.outage
                too_often = failed >= self._limits.retries or wait_s >= give_up_at - loop.time()
                if is_final or too_often:
                    raise failure from error
                failed += 1
                self._think(ThoughtKind.ERROR, f"{failure} Asking again in {wait_s:g} s.")
                await asyncio.sleep(wait_s)

    def _may_think_less(self, error: Exception) -> bool:
        """Return whether a model refused to show its thinking, which it is asked less for now."""
        mode = self._manners.thinking
        refused = isinstance(error, anthropic.BadRequestError) and "thinking" in str(error)
        if mode is models.Mode.NONE or not refused:
            return False
        self._manners.thinking = models.Mode(mode + 1)
        return True

    async def _ask(
        self,
        system: list[TextBlockParam],
        messages: list[MessageParam],
        tools: list[ToolParam] | None,
    ) -> Answer:
        """Ask once."""
        left = self._limits.output_tokens - self._meter.output_tokens
        if left < min(LEAST_OUTPUT_TOKENS, self._limits.output_tokens // 4):
            raise FailedError(
                f"{self._server.model} used {self._meter.output_tokens} of "
                f"{self._limits.output_tokens} output tokens without submitting."
            )
        self._meter.begin()
        max_tokens = self._manners.output_tokens(left, self._server)
        ephemeral: CacheControlEphemeralParam = {"type": "ephemeral"}
        stream = await self._client.messages.create(
            model=self._server.model,
            max_tokens=max_tokens,
            system=system,
            messages=messages,
            tools=anthropic.omit if tools is None else tools,
            thinking=models.thinking(self._manners.thinking, max_tokens),
            # What was said of this proposal so far is read again with its next turn.
            cache_control=anthropic.omit if self._server.is_local else ephemeral,
            stream=True,
        )
        async with stream:
            return await follow(aiter(stream), self._meter, self._think, max_tokens)
