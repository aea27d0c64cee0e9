"""A model's answer, put together from the events of a stream that no server is trusted for.

The SDK's own accumulation takes the order and shape of events for granted, and parses a tool
call's arguments anew with each piece of them; this one does neither.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

import msgspec
from anthropic.types import RawMessageStreamEvent

from autoresearch_tui.agents.base import Think
from autoresearch_tui.agents.meter import Meter
from autoresearch_tui.record.samples import ThoughtKind

CHARACTERS_AT_LEAST = 200_000
CHARACTERS_PER_ALLOWED_TOKEN = 40
"""A token may be a run of blanks; what is longer than that was not asked for."""


class BrokenStreamError(Exception):
    """A stream that ended, or said something impossible, before the message was complete."""


class EndlessAnswerError(Exception):
    """An answer that is far longer than was asked for."""


@dataclass(slots=True)
class Text:
    """What a model says."""

    text: str


@dataclass(slots=True)
class Thinking:
    """What it thinks; the server wants it back as it was."""

    thinking: str
    signature: str


@dataclass(slots=True)
class HiddenThinking:
    """What it thinks, and shows to nobody."""

    data: str


@dataclass(slots=True)
class Call:
    """A tool that it calls."""

    id: str
    name: str
    arguments: object
    """Of any shape: a model may have written anything."""
    trouble: str = ""
    """Why the arguments can not be read; empty where they can."""


Block = Text | Thinking | HiddenThinking | Call


@dataclass(slots=True)
class Answer:
    """One whole message of a model."""

    blocks: list[Block]
    stop_reason: str | None

    @property
    def text(self) -> str:
        """All that it says in plain text."""
        return "".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def calls(self) -> list[Call]:
        """The tools that it calls, in order."""
        return [block for block in self.blocks if isinstance(block, Call)]


@dataclass(slots=True)
class _Part:
    """A block in the making."""

    make: Callable[["_Part"], Block | None]
    spoken: ThoughtKind | None = None
    """What of it is shown while it is said."""
    pieces: list[str] = field(default_factory=list[str])
    signature: str = ""


async def follow(
    events: AsyncIterator[RawMessageStreamEvent], meter: Meter, think: Think, max_tokens: int
) -> Answer:
    """Return the message that the events make, and pass on what is said while it is said.

    Raises:
        BrokenStreamError: the events end early, or do not fit together.
        EndlessAnswerError: there is no end to them.
    """
    making = _Making(meter, think, max_tokens)
    try:
        async for event in events:
            making.take(event)
            if making.complete:
                return making.answer()
    except json.JSONDecodeError as error:
        raise BrokenStreamError("it sent an event that is no JSON.") from error
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BrokenStreamError("its events do not fit together.") from error
    raise BrokenStreamError("it ended in the middle of a message.")


class _Making:
    def __init__(self, meter: Meter, think: Think, max_tokens: int) -> None:
        self.complete = False
        self._meter = meter
        self._think = think
        self._characters = 0
        self._allowed = max(CHARACTERS_AT_LEAST, CHARACTERS_PER_ALLOWED_TOKEN * max_tokens)
        self._parts: dict[int, _Part] | None = None
        self._stop_reason: str | None = None

    def answer(self) -> Answer:
        blocks = [part.make(part) for part in (self._parts or {}).values()]
        return Answer([block for block in blocks if block is not None], self._stop_reason)

    def take(self, event: RawMessageStreamEvent) -> None:
        """Take one event; what is wrong with it comes out as any of Python's own errors."""
        if event.type == "message_start":
            if self._parts is not None:
                raise ValueError("a second message")
            self._parts = {}
            self._count(event.message.usage)
            return
        if self._parts is None:
            if event.type in _KNOWN:
                raise ValueError("no message has begun")
            return
        match event.type:
            case "content_block_start":
                if event.index in self._parts:
                    raise ValueError("two blocks in one place")
                self._parts[event.index] = _begun(event.content_block)
            case "content_block_delta":
                self._add(self._parts[event.index], event.delta)
            case "content_block_stop":
                if spoken := self._parts[event.index].spoken:
                    self._think(spoken, "\n")
            case "message_delta":
                self._stop_reason = event.delta.stop_reason
                self._count(event.usage)
            case "message_stop":
                self.complete = True
            case _:
                # Kinds of events that are not known yet change nothing.
                pass

    def _add(self, part: _Part, delta: object) -> None:
        kind, piece = _piece(delta)
        if kind == "signature_delta":
            part.signature += piece
            return
        self._characters += len(piece)
        if self._characters > self._allowed:
            raise EndlessAnswerError(f"an answer of more than {self._allowed} characters")
        part.pieces.append(piece)
        self._meter.heard(self._characters)
        if part.spoken and piece:
            self._think(part.spoken, piece)

    def _count(self, usage: object) -> None:
        written = getattr(getattr(usage, "cache_creation", None), "ephemeral_1h_input_tokens", None)
        self._meter.count(
            read=getattr(usage, "input_tokens", None),
            written=getattr(usage, "output_tokens", None),
            cache_read=getattr(usage, "cache_read_input_tokens", None),
            cache_written=getattr(usage, "cache_creation_input_tokens", None),
            cache_written_1h=written,
        )


_KNOWN = {
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
}
_PIECES = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": "signature",
}


def _piece(delta: object) -> tuple[str, str]:
    """Return the kind of a delta and what it adds: nothing where the kind is not known."""
    kind = str(getattr(delta, "type", ""))
    piece: object = getattr(delta, _PIECES[kind]) if kind in _PIECES else ""
    if not isinstance(piece, str):
        raise TypeError("a piece that is no text")
    return kind, piece


def _as_text(part: _Part) -> Block | None:
    text = "".join(part.pieces)
    return Text(text) if text.strip() else None


def _as_thinking(part: _Part) -> Block | None:
    return Thinking("".join(part.pieces), part.signature)


def _as_nothing(_: _Part) -> Block | None:
    return None


def _begun(block: object) -> _Part:
    """Return a block that begins; those of kinds that are not known are passed over."""
    match getattr(block, "type", None):
        case "text":
            return _Part(_as_text, ThoughtKind.TEXT, [_text_of(block, "text")])
        case "thinking":
            thinking, signature = _text_of(block, "thinking"), _text_of(block, "signature")
            return _Part(_as_thinking, ThoughtKind.THINKING, [thinking], signature)
        case "redacted_thinking":
            data = _text_of(block, "data")
            return _Part(lambda _: HiddenThinking(data))
        case "tool_use":
            return _Part(_call_of(block))
        case _:
            return _Part(_as_nothing)


def _text_of(block: object, name: str) -> str:
    text = getattr(block, name, None) or ""
    if not isinstance(text, str):
        raise TypeError(f"a {name} that is no text")
    return text


def _call_of(block: object) -> Callable[[_Part], Block]:
    name, call_id = _text_of(block, "name"), _text_of(block, "id")
    given = cast("object", getattr(block, "input", None))

    def call(part: _Part) -> Block:
        # Some servers give the arguments at once, and others none where there are none.
        written = "".join(part.pieces).strip() or json.dumps({} if given is None else given)
        try:
            # Strict: what can not be told again to the server is no argument either.
            return Call(call_id, name, msgspec.json.decode(written))
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            return Call(call_id, name, {}, f"{error}"[:200])

    return call
