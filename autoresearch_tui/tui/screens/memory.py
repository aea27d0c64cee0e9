"""What the night keeps for its agents: their page of notes, and the backlog of ideas."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from autoresearch_tui.record.state import Idea
from autoresearch_tui.tui import markdown
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.text import Line, clean, fit, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.footer import Footer
from autoresearch_tui.tui.widgets.header import Header

Change = Literal["edit", "add", "up", "down", "drop"]


class NotesPane(Pane):
    """The notebook's page."""

    ID: ClassVar[str] = "notes"
    NAME: ClassVar[str] = "Notes"
    HELP: ClassVar[str | None] = (
        "The page that agents keep for those who propose after them. e opens it in your editor: "
        "what you write, the next proposal is given."
    )

    def rows(self, width: int) -> list[Line]:
        """Return who wrote it, and the page."""
        night = self.night
        text = clean(night.page()).rstrip()
        if not text:
            return [(("The page is empty. e writes on it.", "muted"),)]
        by = f"page {night.state.page}, by {one_line(night.state.page_by)}"
        return [((by, "muted"),), (), *markdown.rows(text, width)]


class IdeasPane(Pane):
    """The ideas that wait, the next one first, and a cursor."""

    ID: ClassVar[str] = "ideas"
    NAME: ClassVar[str] = "Ideas"
    HELP: ClassVar[str | None] = (
        "What is to be tried one day, yours and the agents', the next one first. An agent is shown "
        "the first five, and takes up what it likes."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False, tooltip="Go up an idea.", id="ideas.up"),
        Binding("down", "move(1)", "down", show=False, tooltip="Go down an idea.", id="ideas.down"),
        Binding("K", "change('up')", "sooner", tooltip="Have it tried sooner.", id="ideas.sooner"),
        Binding("J", "change('down')", "later", tooltip="Have it tried later.", id="ideas.later"),
        Binding("d", "change('drop')", "drop", tooltip="Take it out.", id="ideas.drop"),
    ]

    def __init__(self, digit: int) -> None:
        """Make a pane with the cursor on the idea that comes next."""
        super().__init__(digit)
        self._chosen: int | None = None

    @property
    def at(self) -> int:
        """The place of the cursor, from 0."""
        numbers = [idea.idea for idea in self.night.state.backlog]
        return numbers.index(self._chosen) if self._chosen in numbers else 0

    @property
    def chosen(self) -> Idea | None:
        """The idea under the cursor."""
        backlog = self.night.state.backlog
        return backlog[self.at] if backlog else None

    def rows(self, width: int) -> list[Line]:
        """Return the ideas, each on as many rows as it needs."""
        return [row for idea in self._drawn(width) for row in idea]

    def draw(self, size: Size) -> list[Line]:
        """Return the rows in view, the cursor's among them."""
        drawn = self._drawn(size.width)
        start = sum(map(len, drawn[: self.at]))
        end = start + len(drawn[self.at])
        self.top = max(min(self.top, start), end - size.height)
        return super().draw(size)

    def _drawn(self, width: int) -> list[list[Line]]:
        backlog = self.night.state.backlog
        if not backlog:
            return [[(("No idea waits. + puts one in.", "muted"),)]]
        return [self._idea(place, idea, width) for place, idea in enumerate(backlog)]

    def _idea(self, place: int, idea: Idea, width: int) -> list[Line]:
        here = place == self.at
        mark = "> " if here else "  "
        words = f"{place + 1:>2}. {one_line(idea.text)} ({one_line(idea.by)})"
        first, *others = wrap(words, max(10, width - len(mark) - 4))
        lines: list[Line] = [((mark, "key"), (first, ""))]
        lines += [((" " * (len(mark) + 4), ""), (line, "")) for line in others]
        if not here:
            return lines
        style = "cursor" if self.has_focus else "cursor-blurred"
        return [
            tuple((text, f"{names} {style}") for text, names in fit(line, width)) for line in lines
        ]

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        if backlog := self.night.state.backlog:
            self._chosen = backlog[max(0, min(len(backlog) - 1, self.at + by))].idea
            self.redraw()

    def action_change(self, change: Change) -> None:
        """Ask for a change of the idea under the cursor."""
        if self.chosen is not None:
            # It moves, and the cursor with it.
            self._chosen = self.chosen.idea
            self.post_message(MemoryScreen.Wanted(change, self.chosen, self.at + 1))


class MemoryScreen(PanedScreen):
    """Notes and ideas, and keys to change them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape",
            "app.pop_screen",
            "back",
            key_display="esc",
            tooltip="Go back to the night.",
            id="memory.back",
        ),
        Binding("e", "edit", "edit notes", tooltip="Open them in your editor.", id="memory.edit"),
        Binding("plus", "add", "new idea", tooltip="Put an idea in.", id="memory.add"),
    ]
    AUTO_FOCUS = "#ideas"

    class Wanted(Message):
        """The person wants something changed."""

        def __init__(self, change: Change, idea: Idea | None = None, place: int = 0) -> None:
            """Say what; of an idea, with its place from 1."""
            super().__init__()
            self.change: Change = change
            self.idea = idea
            self.place = place

    def compose(self) -> ComposeResult:
        """Lay the panes out."""
        yield Header()
        yield NotesPane(1)
        yield IdeasPane(2)
        yield Footer()
        yield self.too_small()

    def show_night(self) -> None:
        """Draw what changed."""
        self.query_one(Header).redraw()
        super().show_night()

    def action_edit(self) -> None:
        """Ask for the editor."""
        self.post_message(self.Wanted("edit"))

    def action_add(self) -> None:
        """Ask for a new idea."""
        self.post_message(self.Wanted("add"))
