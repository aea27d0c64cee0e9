"""The claude agent: a language model with tools, over the Messages API.

The same code serves Anthropic's own servers and any local one that speaks that API (Ollama,
llama.cpp, vLLM, LM Studio) through a base URL; these are asked for neither thinking nor caching,
and in plain text where their model is weak at tools.
One proposal is one conversation, bounded in seconds, turns and tokens, retries included.
"""

import asyncio
import os
from collections.abc import AsyncIterator

import anthropic
import httpx2

from autoresearch_tui.agents import failures, models, tools
from autoresearch_tui.agents.base import Context, Proposal, ProposalError, Think
from autoresearch_tui.agents.conversation import Conversation
from autoresearch_tui.agents.failures import FailedError, Server
from autoresearch_tui.agents.meter import Meter
from autoresearch_tui.agents.requests import Form, Limits, Manners, Requests
from autoresearch_tui.agents.stream import EndlessAnswerError

DEFAULT_MODEL = "claude-opus-5-5"
KEY_VARIABLE = "ANTHROPIC_API_KEY"
CONNECT_LIMIT_S = 10.0
SILENCE_LIMIT_S = 60.0
"""Between two signs of life of Anthropic's server, which gives one every few seconds. A local one
may read a long prompt for minutes."""
CHECK_LIMIT_S = 5.0
ANSWER_BYTES = 64 << 20
"""Of one answer as it comes over the wire; the longest that is asked for takes a tenth of it."""

_NO_KEY = "none"
"""Sent to local servers that want no key, since the SDK insists on one."""


class ClaudeAgent:
    """Proposes what a language model thinks of."""

    name = "claude"
    computes_here = False
    can_repair = True

    def __init__(
        self,
        *,
        model: str = DEFAULT_MODEL,
        api_key: str | None,
        base_url: str | None = None,
        limits: Limits | None = None,
        form: Form = Form.AUTO,
        context_tokens: int | None = None,
        key_variable: str | None = None,
    ) -> None:
        """Talk to Anthropic's servers, or to the one at `base_url`, with or without `/v1`.

        Args:
            model: as its server calls it.
            api_key: sent to that server; none where it wants none.
            base_url: of a server of the user's own.
            limits: of one proposal.
            form: how edits are handed in.
            context_tokens: what the model's context holds; learned from its server where none.
            key_variable: where the key came from, for a person who has to set another one.
        """
        self.model: str | None = model
        self._api_key = api_key or _NO_KEY
        self._base_url = base_url.rstrip("/").removesuffix("/v1") if base_url else None
        self._limits = limits or Limits()
        self._server = Server(
            name=self._base_url or "Anthropic's server",
            model=model,
            is_local=self._base_url is not None,
            key_variable=(key_variable or KEY_VARIABLE) if api_key else None,
        )
        self._manners = Manners(
            form=form,
            # A local server may know the bare API alone.
            thinking=models.Mode.NONE if self._base_url else models.mode_of(model),
            context_tokens=context_tokens,
        )

    async def propose(self, context: Context, think: Think) -> Proposal:
        """Return the edit that the model submits.

        Raises:
            ProposalError: it submitted none within the limits, or its server failed.
        """
        meter = Meter(context.spending)
        desk = tools.Desk(context)
        deadline = asyncio.timeout(self._limits.seconds)
        try:
            async with deadline, self._client() as client:
                requests = Requests(client, self._server, self._manners, self._limits, meter, think)
                conversation = Conversation(
                    requests, self._server, self._manners, self._limits, desk, think
                )
                submission = await conversation.run(context)
        except TimeoutError:
            if not deadline.expired():
                raise
            reason = f"{self.model} submitted nothing within {self._limits.seconds:g} s."
            raise ProposalError(reason, meter.usage(), outage=True) from None
        except FailedError as failure:
            raise ProposalError(
                str(failure),
                meter.usage(),
                fatal=failure.fatal,
                outage=failure.outage,
                retry_after_s=failure.retry_after_s,
            ) from failure.__cause__
        return desk.proposal(submission, meter.usage())

    def _client(self) -> anthropic.AsyncAnthropic:
        timeout = anthropic.Timeout(
            self._limits.seconds,
            connect=CONNECT_LIMIT_S,
            read=self._limits.seconds if self._server.is_local else SILENCE_LIMIT_S,
        )
        return anthropic.AsyncAnthropic(
            api_key=self._api_key,
            base_url=self._base_url,
            # Retries are ours: they are shown, and keep to the limits of the proposal.
            max_retries=0,
            timeout=timeout,
            http_client=anthropic.DefaultAsyncHttpxClient(
                timeout=timeout,
                event_hooks={"request": [self._withhold], "response": [_bound]},
            ),
        )

    async def _withhold(self, request: httpx2.Request) -> None:
        """Keep headers from a local server that a person set in the environment for Anthropic's."""
        if not self._server.is_local:
            return
        for line in os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines():
            request.headers.pop(line.partition(":")[0].strip(), None)

    async def check(self) -> str:
        """Ask the server for nothing that costs, and return in a clause that it answers.

        Raises:
            ProposalError: the key is refused, the model unknown, or the server not to be reached.
        """
        try:
            async with asyncio.timeout(CHECK_LIMIT_S), self._client() as client:
                if self._server.is_local:
                    return await self._check_local(client)
                await client.models.retrieve(self._server.model)
        except TimeoutError:
            silent = f"{self._server.name} did not answer within {CHECK_LIMIT_S:g} s"
            raise ProposalError(silent, outage=True) from None
        except (anthropic.APIError, httpx2.HTTPError) as error:
            failure = failures.explain(error, self._server)
            raise ProposalError(str(failure), fatal=failure.fatal, outage=failure.outage) from error
        return f"{self._server.name} knows the key and the model"

    async def _check_local(self, client: anthropic.AsyncAnthropic) -> str:
        try:
            await client.models.list()
        except (anthropic.APIStatusError, ValueError) as error:
            if isinstance(error, anthropic.AuthenticationError):
                raise
            # Many local servers list no models, or in a way of their own.
        return f"{self._server.name} answers"


async def _bound(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error where it is endless, before it fills the memory."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = ANSWER_BYTES
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise EndlessAnswerError(f"an answer of more than {ANSWER_BYTES >> 20} MiB")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
