"""`program.md`, in which the person programs the research: shown, and edited."""

import time
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from autoresearch_tui.tui import markdown
from autoresearch_tui.tui.night import FILE_LIMIT_BYTES
from autoresearch_tui.tui.screens.paned import PanedScreen, back
from autoresearch_tui.tui.text import Line, clean, one_line, wrap
from autoresearch_tui.tui.thoughts import open_regular
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.footer import Footer
from autoresearch_tui.tui.widgets.header import Header

FILE_NAME = "program.md"
DOES_NOT_READ = ("tpe",)
"""Agents that take no instructions."""


class ProgramPane(Pane):
    """The file as a page."""

    ID: ClassVar[str] = "program"
    NAME: ClassVar[str] = FILE_NAME
    HELP: ClassVar[str | None] = (
        "Your instructions to the agent. It reads them anew for each proposal, so what you save "
        "counts from the next one on. e opens the file in your editor."
    )

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.night.state.repository) / FILE_NAME

    def effect(self) -> str:
        """Return in a sentence from when on the file counts as it is now."""
        state = self.night.state
        asking, number = state.asking, state.next_number
        if state.agent in DOES_NOT_READ:
            return f"{one_line(state.agent)} reads no instructions; a language model does."
        try:
            saved_at = self.path.stat().st_mtime
        except OSError:
            return f"There is no {FILE_NAME}: the agent uses its own judgement."
        if asking is not None and asking.since < saved_at:
            began = time.strftime("%H:%M", time.localtime(asking.since))
            return (
                f"#{asking.experiment} has been thought about since {began}, by what was there "
                f"then; #{asking.experiment + 1} is the first to follow this."
            )
        return f"The agent reads it anew for each proposal: #{number} follows it as it is now."

    def rows(self, width: int) -> list[Line]:
        """Return when it counts, and the file."""
        text = ""
        if (file := open_regular(self.path)) is not None:
            with file:
                text = clean(file.read(FILE_LIMIT_BYTES).decode(errors="replace"))
        rows: list[Line] = [((line, "note"),) for line in wrap(self.effect(), width)]
        return [*rows, (), *markdown.rows(text.rstrip(), width)]


class ProgramScreen(PanedScreen):
    """The person's instructions, and a key to change them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        back("program"),
        Binding(
            "e",
            "open_editor",
            "edit",
            tooltip="Open it in your editor.",
            id="program.edit",
        ),
    ]
    AUTO_FOCUS = "#program"

    class EditAsked(Message):
        """The person wants to change the file."""

        def __init__(self, screen: "ProgramScreen", path: Path) -> None:
            """Name the file, and the screen that shows it."""
            super().__init__()
            self.screen = screen
            self.path = path

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        yield Header()
        yield ProgramPane(1)
        yield Footer()
        yield self.too_small()

    def show_night(self) -> None:
        """Draw what changed."""
        self.query_one(Header).redraw()
        super().show_night()

    def effect(self) -> str:
        """Return in a sentence from when on the file counts as it is now."""
        return self.query_one(ProgramPane).effect()

    def action_open_editor(self) -> None:
        """Ask for the editor."""
        self.post_message(self.EditAsked(self, self.query_one(ProgramPane).path))
