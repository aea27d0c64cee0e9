"""A local server that speaks the streaming Messages API and says what a script tells it to.

    with MessagesServer([Answer(Text("Hello."), ToolUse("submit", {...})), Fault(529)]) as server:
        client = AsyncAnthropic(base_url=server.url, api_key="any")

A script is a list of turns, one for each request, or a function from a request to a turn. Every
request is kept in `server.requests`. `EditOneConstant` is a script for a whole night.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PIECE_CHARACTERS = 12
"""Text and arguments are streamed in pieces of this size."""


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Thinking:
    thinking: str
    signature: str = "c2lnbmVk"


@dataclass(frozen=True)
class ToolUse:
    name: str
    arguments: Mapping[str, Any]
    raw: str | None = None
    """Sent in place of the arguments' JSON, to be as malformed as a test wants."""


Block = Text | Thinking | ToolUse


class Answer:
    """A message, streamed in the order of events that the API documents."""

    def __init__(
        self,
        *blocks: Block,
        stop_reason: str | None = None,
        usage: Mapping[str, int] | None = None,
        cut_after: int | None = None,
        silent_after: int | None = None,
        pause_s: float = 0.0,
        garble: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
    ) -> None:
        """Stream the blocks.

        Args:
            blocks: what the message holds.
            stop_reason: `tool_use` or `end_turn` by its blocks where none is given.
            usage: of the message's start, beside the 50 output tokens told at its end.
            cut_after: the number of events after which the connection breaks off.
            silent_after: the number of events after which nothing comes any more.
            pause_s: between two events, to be watched by a person.
            garble: changes the list of events before it is sent.
        """
        calls = any(isinstance(block, ToolUse) for block in blocks)
        self.blocks = blocks
        self.stop_reason = stop_reason or ("tool_use" if calls else "end_turn")
        self.usage = {"input_tokens": 100, "output_tokens": 1, **(usage or {})}
        self.cut_after = cut_after
        self.silent_after = silent_after
        self.pause_s = pause_s
        self.garble = garble

    def events(self, model: str, number: int) -> list[dict[str, Any]]:
        """Return the events of the message."""
        message = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self.usage,
        }
        events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
        events.append({"type": "ping"})
        for index, block in enumerate(self.blocks):
            events += _block_events(index, block, f"toolu_{number}_{index}")
        delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 50}})
        events.append({"type": "message_stop"})
        return self.garble(events) if self.garble else events


@dataclass(frozen=True)
class Fault:
    """An error in place of a message."""

    status: int
    kind: str = "api_error"
    message: str = "The server is not well."
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Endless:
    """An answer that begins, and then says the same until the client goes away."""

    again: Mapping[str, Any]
    """An event; of the type `bytes` it is sent as it is, without an end."""
    begun: bool = True
    """Whether a message and a block of text begin first."""
    pause_s: float = 0.0


class Silence:
    """Nothing, until the client goes away or the server is closed."""


Turn = Answer | Fault | Silence | Endless
Script = list[Turn] | Callable[[dict[str, Any]], Turn]


class MessagesServer:
    """Serves a script on a port of its own; a context manager."""

    def __init__(self, script: Script, port: int = 0) -> None:
        """Serve on `port`, or on any that is free."""
        self.requests: list[dict[str, Any]] = []
        """The bodies of all requests."""
        self.headers: list[dict[str, str]] = []
        self.asked = threading.Event()
        """Set by the first request."""
        self._script = script
        self._lock = threading.Lock()
        self._closing = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """The base URL, without `/v1`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def is_closing(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._closing.is_set()

    def wait_for_end(self) -> None:
        """Block until the server is closed."""
        self._closing.wait()

    def pause(self, seconds: float) -> bool:
        """Wait between two events; false where the server was closed meanwhile."""
        return not (seconds and self._closing.wait(seconds))

    def next_turn(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Turn]:
        """Record a request, and return its number and what answers it."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
            self.headers.append(headers)
            self.asked.set()
            if callable(self._script):
                return number, self._script(body)
            if number >= len(self._script):
                return number, Fault(400, "invalid_request_error", "The script has ended.")
            return number, self._script[number]


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that go away: agents that are closed do."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: MessagesServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.split("?")[0] != "/v1/messages":
            self._fail(Fault(404, "not_found_error", f"There is no {self.path}."))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        number, turn = self.owner.next_turn(body, headers)
        match turn:
            case Fault():
                self._fail(turn)
            case Silence():
                self.owner.wait_for_end()
                self.close_connection = True
            case Endless():
                self._go_on(turn, body["model"])
            case Answer():
                self._stream(turn, turn.events(body["model"], number))

    def do_GET(self) -> None:
        """Answer for the models, which cost nothing; the turn says how."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        _, turn = self.owner.next_turn({"path": self.path}, headers)
        match turn:
            case Fault():
                self._fail(turn)
            case Silence():
                self.owner.wait_for_end()
                self.close_connection = True
            case Answer() | Endless():
                model = {"id": self.path.rpartition("/")[2], "type": "model"}
                self._say(200, {**model, "display_name": "A model", "created_at": "2026-01-01"}, {})

    def _go_on(self, turn: Endless, model: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        begin = Answer(Text("x")).events(model, 0)[:3] if turn.begun else []
        data = turn.again["data"] if turn.again["type"] == "bytes" else _event(turn.again)
        try:
            for event in begin:
                self.wfile.write(_event(event))
            while self.owner.pause(turn.pause_s) and not self.owner.is_closing:
                self.wfile.write(data)
        except ConnectionError:
            pass

    def _stream(self, answer: Answer, events: list[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            end = answer.silent_after if answer.cut_after is None else answer.cut_after
            for event in events[:end]:
                self._chunk(_event(event))
                if not self.owner.pause(answer.pause_s):
                    break
            if answer.silent_after is not None:
                self.owner.wait_for_end()
            if answer.cut_after is None:
                self._chunk(b"")
            else:
                self.close_connection = True
        except ConnectionError:
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _fail(self, fault: Fault) -> None:
        error = {"type": "error", "error": {"type": fault.kind, "message": fault.message}}
        self._say(fault.status, error, fault.headers)

    def _say(self, status: int, said: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _event(event: Mapping[str, Any]) -> bytes:
    data = event["raw"] if event["type"] == "raw" else json.dumps(event)
    name = event.get("name", event["type"])
    return f"event: {name}\ndata: {data}\n\n".encode()


def _block_events(index: int, block: Block, call_id: str) -> Iterator[dict[str, Any]]:
    match block:
        case Text(text=text):
            start: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(text)]
        case Thinking(thinking=thinking, signature=signature):
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": p} for p in _pieces(thinking)]
            deltas.append({"type": "signature_delta", "signature": signature})
        case ToolUse(name=name, arguments=arguments, raw=raw):
            start = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            sent = json.dumps(dict(arguments)) if raw is None else raw
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in ["", *_pieces(sent)]]
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE_CHARACTERS] for i in range(0, len(text), PIECE_CHARACTERS)]


LEARNING_RATE = r"^ *([A-Z][A-Z_0-9]*_LR) = ([0-9.]+)"


class EditOneConstant:
    """A script for a whole night: reads train.py, edits one constant that it finds, and submits.

    Each conversation takes another constant, and makes it 10 % larger or smaller by turns.
    It keeps nothing but a count of conversations, so it may serve several labs one after another.
    """

    def __init__(self, pattern: str = LEARNING_RATE, pause_s: float = 0.0) -> None:
        """Edit the constants that `pattern` finds: a name and a number."""
        self.conversations = 0
        self._pattern = re.compile(pattern, re.MULTILINE)
        self._pause_s = pause_s

    def __call__(self, request: dict[str, Any]) -> Turn:
        """Answer one request of a conversation by how far that has come."""
        answers = [m for m in request["messages"] if m["role"] == "assistant"]
        if not answers:
            self.conversations += 1
            return self._say(
                Thinking("The learning rates were never moved; one of them may be off."),
                Text("I look at the file first."),
                ToolUse("read_train", {}),
            )
        if len(answers) == 1:
            source = request["messages"][-1]["content"][0]["content"]
            return self._edit(source)
        edited = answers[1]["content"][-1]["input"]
        return self._say(
            ToolUse(
                "submit",
                {
                    "title": f"{edited['old_text']} -> {edited['new_text'].split(' = ')[1]}",
                    "hypothesis": "A learning rate a tenth away may train faster.",
                    "expected_change": -0.005,
                },
            )
        )

    def _edit(self, source: str) -> Turn:
        found = sorted({match.groups() for match in self._pattern.finditer(source)})
        number = self.conversations - 1
        name, value = found[number % len(found)]
        factor = 1.1 if number // len(found) % 2 == 0 else 0.9
        # Unlike any before, so that a script of one constant does not repeat itself.
        other = f"{float(value) * factor * (1 + number / 10_000):.6g}"
        return self._say(
            Text(f"I move {name}."),
            ToolUse(
                "edit_train",
                {"old_text": f"{name} = {value}", "new_text": f"{name} = {other}"},
            ),
        )

    def _say(self, *blocks: Block) -> Answer:
        return Answer(*blocks, pause_s=self._pause_s)


if __name__ == "__main__":
    with MessagesServer(EditOneConstant(pause_s=0.05)) as server:
        print(server.url, flush=True)
        while True:
            time.sleep(3600)
