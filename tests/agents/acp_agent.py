"""A coding agent built with the protocol's own library, as a process of its own.

It does what the task's `do: ...` lines say (a test puts them among the human's sentences), and
else moves the learning rate. Its sessions are files in the folder that its first argument names,
so that a later process loads them. Its second argument, `forgets`, has it load none.
"""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, cast

import acp
from acp import schema

MEMORY = Path(sys.argv[1])
FORGETS = "forgets" in sys.argv[2:]


class Coder:
    """Edits the file as told."""

    def __init__(self) -> None:
        self.cwd = Path()
        self.client: acp.Client

    def on_connect(self, conn: acp.Client) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **kwargs: Any) -> schema.InitializeResponse:
        return schema.InitializeResponse(
            protocol_version=protocol_version,
            agent_capabilities=schema.AgentCapabilities(load_session=not FORGETS),
            agent_info=schema.Implementation(name="coder", version="1.0"),
        )

    async def new_session(self, cwd: str, **kwargs: Any) -> schema.NewSessionResponse:
        self.cwd = Path(cwd)
        session = f"s{len(list(MEMORY.iterdir()))}"
        self._remember(session, [])
        return schema.NewSessionResponse(session_id=session)

    async def load_session(
        self, cwd: str, session_id: str, **kwargs: Any
    ) -> schema.LoadSessionResponse:
        self.cwd = Path(cwd)
        for text in self._recall(session_id):
            update = acp.update_agent_message_text(f"(again) {text[:50]}")
            await self.client.session_update(session_id, update)
        return schema.LoadSessionResponse()

    async def prompt(
        self, session_id: str, prompt: list[Any], **kwargs: Any
    ) -> schema.PromptResponse:
        text = "".join(block.text for block in prompt)
        self._remember(session_id, [*self._recall(session_id), text])
        self.session = session_id
        if "This can not run" not in text:
            self.errands = re.findall(r"do: ([\w-]+)", text) or ["edit"]
        await self._say(acp.update_agent_thought_text("I think about the rate."))
        for errand in self.errands:
            await getattr(self, f"_{errand.replace('-', '_')}")(text)
        return schema.PromptResponse(
            stop_reason="end_turn",
            usage=schema.Usage(input_tokens=100, output_tokens=20, total_tokens=120),
        )

    async def _edit(self, text: str) -> None:
        """Edit by the client's hand, as an editor's agent does."""
        path = str(self.cwd / "train.py")
        found = await self.client.read_text_file(self.session, path)
        train = found.content
        await self.client.write_text_file(self.session, path, self._moved(train, text))
        await self._close("Another rate is better.")

    async def _own_write(self, text: str) -> None:
        """Ask, and edit by its own hand."""
        path = self.cwd / "train.py"
        before = path.read_text()
        after = self._moved(before, text)
        call = schema.ToolCallUpdate(
            tool_call_id="w1",
            title="Edit train.py",
            kind="edit",
            content=[schema.FileEditToolCallContent(
                type="diff", path=str(path), old_text=before, new_text=after
            )],
        )  # fmt: skip
        await self._say(acp.start_tool_call("w1", "Edit train.py", kind="edit"))
        if await self._may(call):
            path.write_text(after)
        await self._close("It was allowed.")

    async def _trespass(self, text: str) -> None:
        """Try all that is not allowed, and say what was."""
        done: list[str] = []
        places: list[tuple[str, schema.ToolKind]] = [
            ("/etc/passwd", "read"),
            (str(self.cwd / "notes.md"), "edit"),
        ]
        for path, kind in places:
            location = schema.ToolCallLocation(path=path)
            call = schema.ToolCallUpdate(
                tool_call_id=kind, title=kind, kind=kind, locations=[location]
            )
            if await self._may(call):
                done.append(kind)
        call = schema.ToolCallUpdate(tool_call_id="x", title="rm -rf /", kind="execute")
        if await self._may(call):
            done.append("execute")
        for request in (
            self.client.read_text_file(self.session, "/etc/hostname"),
            self.client.write_text_file(self.session, str(self.cwd / "program.md"), "mine"),
            self.client.create_terminal(self.session, "ls"),
        ):
            try:
                await request
                done.append("request")
            except acp.RequestError as error:
                await self._say(acp.update_agent_message_text(f"Told: {error}\n"))
        (self.cwd / "notes.md").write_text("my notes")
        (self.cwd / "program.md").write_text("my program")
        (self.cwd / "deep").mkdir()
        (self.cwd / "deep" / "file").write_text("x")
        await self._say(acp.update_agent_message_text(f"done: {done}\n"))

    async def _break(self, text: str) -> None:
        """Leave a file that does not parse, until told so."""
        path = self.cwd / "train.py"
        if "This can not run" in text:
            path.write_text(self._moved(path.read_text().replace("def (", ""), text))
            await self._close("Mended.")
        else:
            path.write_text(path.read_text() + "def (")

    async def _tell_key(self, text: str) -> None:
        """Say, and write down, what nobody may know."""
        key = os.environ["SOME_KEY"]
        for piece in (key[:5], key[5:9], key[9:]):
            await self._say(acp.update_agent_message_text(piece))
        train = (self.cwd / "train.py").read_text()
        if "can not run" in text:
            train = train.replace(f"# {key}\n", "")
        else:
            train = self._moved(train, text) + f"# {key}\n"
        (self.cwd / "train.py").write_text(train)
        await self._say(acp.update_agent_message_text(f"\ntitle: use {key} now\n"))

    async def _may(self, call: schema.ToolCallUpdate) -> bool:
        options = [
            schema.PermissionOption(option_id="a", name="For ever", kind="allow_always"),
            schema.PermissionOption(option_id="y", name="Yes", kind="allow_once"),
            schema.PermissionOption(option_id="n", name="No", kind="reject_once"),
        ]
        answer = await self.client.request_permission(self.session, call, options)
        return getattr(answer.outcome, "option_id", "n") in {"a", "y"}

    async def _close(self, hypothesis: str) -> None:
        text = f"**Title:** Another rate\n**Hypothesis:** {hypothesis}\nexpected_change: -0.01\n"
        await self._say(acp.update_agent_message_text(text))

    async def _say(self, update: Any) -> None:
        await self.client.session_update(self.session, update)

    @staticmethod
    def _moved(train: str, text: str) -> str:
        number = int((re.findall(r"experiment (\d+)\.", text) or ["7"])[-1])
        share = (0.05 if number % 2 else -0.08) * (1 + number / 10)

        def move(match: re.Match[str]) -> str:
            return f"{match[1]}{float(match[2]) * (1 + share):.6g}"

        return re.sub(r"^(LEARNING_RATE = )([0-9.e-]+)", move, train, count=1, flags=re.MULTILINE)

    @staticmethod
    def _remember(session: str, texts: list[str]) -> None:
        (MEMORY / session).write_text(json.dumps(texts))

    @staticmethod
    def _recall(session: str) -> list[str]:
        return json.loads((MEMORY / session).read_text())


if __name__ == "__main__":
    asyncio.run(acp.run_agent(cast("acp.Agent", Coder())))
