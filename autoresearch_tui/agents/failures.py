"""What goes wrong with a model's server, as sentences that say what to do."""

import contextlib
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import anthropic

from autoresearch_tui.agents.stream import EndlessAnswerError


class FailedError(Exception):
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


class NoToolsError(FailedError):
    """A server, or its model, that takes no tools, or makes no sense of its own calls."""


class TooLongError(FailedError):
    """A prompt that a model's context does not hold."""

    def __init__(self, reason: str, context_tokens: int | None, prompt_tokens: int | None) -> None:
        """Keep what the server said of its context and of the prompt, if it said it."""
        super().__init__(reason, fatal=True)
        self.context_tokens = context_tokens
        self.prompt_tokens = prompt_tokens


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked, as sentences name it."""

    name: str
    """Its address, or that it is Anthropic's."""
    model: str
    is_local: bool
    """Whether it is one of the user's own, which may know the bare API alone."""
    key_variable: str | None
    """Where the key came from; none where there is no key."""


def explain(error: Exception, server: Server, *, may_do_without_tools: bool = False) -> FailedError:
    """Return a failed request as a sentence that says what to do."""
    if isinstance(error, anthropic.APIStatusError):
        return _explain_status(error, server, may_do_without_tools=may_do_without_tools)
    if isinstance(error, anthropic.APIConnectionError):
        return FailedError(f"{server.name} can not be reached: {error}", outage=True)
    if isinstance(error, EndlessAnswerError):
        return FailedError(f"{server.name} sent {error}.")
    said = str(error) or type(error).__name__
    return FailedError(f"{server.name} broke its answer off: {said}", outage=True)


def _explain_status(
    error: anthropic.APIStatusError, server: Server, *, may_do_without_tools: bool
) -> FailedError:
    said = " ".join(str(error.api_message or error.message).split())[:300]
    sentence = f"{server.name} answered {error.status_code}: {said}"
    if isinstance(error, anthropic.AuthenticationError):
        return FailedError(_about_the_key(server), fatal=True)
    if (
        server.is_local
        and may_do_without_tools
        and error.status_code != 429
        and _NO_TOOLS.search(said)
    ):
        return NoToolsError(sentence)
    if error.status_code in {400, 413, 500} and _TOO_LONG.search(said):
        return _too_long(sentence, said, error.body)
    if isinstance(error, anthropic.NotFoundError):
        return FailedError(
            f"{server.name} has no model {server.model!r}. Name one that it has.", fatal=True
        )
    passing = may_pass(error)
    return FailedError(
        sentence,
        fatal=400 <= error.status_code < 500 and not passing,
        outage=passing,
        retry_after_s=wait_s(error, 0.0),
    )


def _about_the_key(server: Server) -> str:
    if server.key_variable is not None:
        return (
            f"The key in {server.key_variable} was refused by {server.name}. Set a valid key, or "
            "choose another agent."
        )
    return (
        f"{server.name} wants a key. Name the environment variable that holds it as api_key_env "
        "in [agent]; the one for Anthropic is sent to no other server unasked."
    )


_NO_TOOLS = re.compile(r"\btools?\b|tool_choice|--jinja|function.call", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"exceeds?.{0,40}context|context.{0,40}(exceed|length|size|window|overflow)|"
    r"prompt is too long|n_ctx|too many tokens|maximum.{0,20}tokens",
    re.IGNORECASE,
)
_CONTEXT_SAID = re.compile(
    r"(?:context (?:size|length|window)|maximum|n_ctx)\D{0,40}(\d{3,8})", re.IGNORECASE
)
_PROMPT_SAID = re.compile(
    r"(?:request|prompt|messages|requested|resulted in|has)\D{0,40}(\d{3,8})\s*(?:\)|tokens)",
    re.IGNORECASE,
)


def _too_long(sentence: str, said: str, body: object) -> TooLongError:
    """Read how long the context is, and how long the prompt was, from where servers say it."""
    context, prompt = _field(body, "n_ctx"), _field(body, "n_prompt_tokens")
    if context is None and (found := _CONTEXT_SAID.search(said)):
        context = int(found[1])
    if prompt is None and (found := _PROMPT_SAID.search(said)):
        prompt = int(found[1])
    return TooLongError(sentence, context, prompt)


def _field(body: object, name: str) -> int | None:
    """Return a number that an error's body holds at any depth."""
    found = re.search(rf"['\"]{name}['\"]: *(\d{{1,9}})\b", str(body))
    return int(found[1]) if found else None


def may_pass(error: Exception) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, anthropic.APIStatusError):
        # An error inside a stream that had begun well comes with the stream's own 200.
        return error.status_code in {200, 408, 409, 429} or error.status_code >= 500
    return not isinstance(error, EndlessAnswerError)


def wait_s(error: Exception, otherwise: float) -> float:
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
