"""The base of all that is drawn here: rows of spans, repainted only where they changed."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar, Protocol, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from autoresearch_tui.tui.ascii import to_ascii
from autoresearch_tui.tui.layout import Layout
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.text import Line, fit, width_of

STYLES = (
    "muted",
    "faint",
    "strong",
    "italic",
    "accent",
    "note",
    "second",
    "good",
    "bad",
    "warn",
    "key",
    "added",
    "removed",
    "added-word",
    "added-line",
    "removed-line",
    "removed-word",
    "code-key",
    "code-text",
    "code-number",
    "code-note",
    "code-name",
    "cursor",
    "cursor-blurred",
)
"""The names that spans may use; `cockpit.tcss` says what each looks like."""

COMPONENTS = {f"canvas--{name}" for name in STYLES}
"""What a screen with canvases has for its component classes.

Each of them is styled anew with its widget, at the start four times: once for the screen, and not
for every canvas, saves a fifth of the time to the first paint.
"""
WHEEL_ROWS = 3


class Viewer(Protocol):
    """What a canvas needs of its app."""

    night: Night
    ascii_only: bool
    layout: Layout

    def get_key_display(self, binding: Binding) -> str:
        """Return how a key is named to a person."""
        ...


class Canvas(Widget):
    """A widget whose rows are spans of named styles.

    Textual repaints what is refreshed and compares nothing, so `redraw` compares: only the cells
    between the first and the last change of each row are sent to the terminal.
    """

    def __init__(self, widget_id: str | None = None) -> None:
        """Make an empty canvas."""
        super().__init__(id=widget_id)
        self._lines: list[Line] = []
        self._drawn_at = Size(0, 0)

    @property
    def viewer(self) -> Viewer:
        """The app, as far as a canvas needs it."""
        return cast("Viewer", self.app)  # pyright: ignore[reportUnknownMemberType]

    @property
    def night(self) -> Night:
        """What is shown."""
        return self.viewer.night

    def draw(self, size: Size) -> list[Line]:
        """Return the rows for a space of `size`."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again, and repaint what differs from what was painted."""
        size = self.content_size
        if not (size.width and size.height and self.is_attached):
            return
        if size != self._drawn_at:
            self.refresh()
            return
        lines = self._draw(size)
        for row, (old, new) in enumerate(zip_longest(self._lines, lines, fillvalue=())):
            if old != new:
                start, end = changed_cells(old, new)
                self.refresh(Region(start, row, end - start, 1))
        self._lines = lines

    def _draw(self, size: Size) -> list[Line]:
        self._drawn_at = size
        return [fit(line, size.width) for line in self.draw(size)[: size.height]]

    def render_line(self, y: int) -> Strip:
        """Return one painted row."""
        size = self.content_size
        if size != self._drawn_at:
            self._lines = self._draw(size)
        line = self._lines[y] if y < len(self._lines) else ()
        base = self.rich_style
        ascii_only = self.viewer.ascii_only
        segments = [
            Segment(to_ascii(text) if ascii_only else text, base + self._named(names))
            for text, names in line
            if text
        ]
        return Strip(segments, width_of(line)).adjust_cell_length(size.width, base)

    def _named(self, names: str) -> Style:
        style = Style.null()
        for name in names.split():
            style += self.screen.get_component_rich_style(f"canvas--{name}", partial=True)
        return style

    def invalidate(self) -> None:
        """Have all of it drawn and painted again."""
        self._drawn_at = Size(0, 0)
        self.refresh()

    def on_resize(self) -> None:
        """Take the new size in, unless it was painted with it already."""
        if self.content_size != self._drawn_at:
            self.invalidate()


class Pane(Canvas, can_focus=True):
    """A canvas with a title, which may hold more rows than it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "up", "scroll_rows(-1)", "up", show=False, tooltip="Scroll up a row.", id="pane.up"
        ),
        Binding(
            "down",
            "scroll_rows(1)",
            "down",
            show=False,
            tooltip="Scroll down a row.",
            id="pane.down",
        ),
        Binding(
            "pageup",
            "scroll_pages(-1)",
            "page up",
            show=False,
            tooltip="Scroll up by what is in view.",
            id="pane.page_up",
        ),
        Binding(
            "pagedown",
            "scroll_pages(1)",
            "page down",
            show=False,
            tooltip="Scroll down by what is in view.",
            id="pane.page_down",
        ),
        Binding(
            "home",
            "scroll_to_start",
            "start",
            show=False,
            tooltip="Go to the first row.",
            id="pane.start",
        ),
        Binding(
            "end", "scroll_to_end", "end", show=False, tooltip="Go to the last row.", id="pane.end"
        ),
    ]
    ID: ClassVar[str]
    NAME: ClassVar[str]
    HELP: ClassVar[str | None] = None
    """What the pane shows and what its signs mean, for the help screen."""
    follows_end: ClassVar[bool] = False
    """Whether new rows at the end come into view by themselves."""

    def __init__(self, digit: int) -> None:
        """Make a pane that the key `digit` brings into focus."""
        super().__init__(self.ID)
        self.digit = digit
        self.top = 0
        self.following = self.follows_end
        self.border_title = f"{digit} {self.NAME}"

    def rows(self, width: int) -> Sequence[Line]:
        """Return all rows at this width, shown or not."""
        raise NotImplementedError

    def copied(self) -> tuple[str, str] | None:
        """Return what the key for copying takes: what it is in words, and the text; or none.

        By default that is what is in view.
        """
        rows = ("".join(text for text, _ in line).rstrip() for line in self._lines)
        return f"what is in view of {self.NAME}", "\n".join(rows) + "\n"

    def draw(self, size: Size) -> list[Line]:
        """Return the rows in view."""
        width, height = size
        rows = self.rows(width)
        last_top = max(0, len(rows) - height)
        self.top = last_top if self.following else min(self.top, last_top)
        return list(rows[self.top : self.top + height])

    def _move(self, top: int) -> None:
        width, height = self.content_size
        total = len(self.rows(width))
        last_top = max(0, total - height)
        self.top = max(0, min(top, last_top))
        self.following = self.follows_end and self.top == last_top
        self.redraw()
        above_end = self.top < last_top if self.follows_end else self.top > 0
        self.border_subtitle = f"{self.top + 1}-{min(total, self.top + height)} of {total}"
        if not above_end:
            self.border_subtitle = None

    def to_start(self) -> None:
        """Show the first rows, or the last ones of a pane that follows its end."""
        self.top = 0
        self.following = self.follows_end
        self.border_subtitle = None

    def action_scroll_rows(self, rows: int) -> None:
        """Move the view by rows."""
        self._move(self.top + rows)

    def action_scroll_pages(self, pages: int) -> None:
        """Move the view by its own height, less a row."""
        self._move(self.top + pages * max(1, self.content_size.height - 1))

    def action_scroll_to_start(self) -> None:
        """Show the first row."""
        self._move(0)

    def action_scroll_to_end(self) -> None:
        """Show the last row."""
        self._move(len(self.rows(self.content_size.width)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by the wheel."""
        event.stop()
        self.action_scroll_rows(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by the wheel."""
        event.stop()
        self.action_scroll_rows(WHEEL_ROWS)


def changed_cells(old: Line, new: Line) -> tuple[int, int]:
    """Return the first cell that differs between two rows, and the end of the last one."""
    before = [(char, style) for text, style in old for char in text]
    after = [(char, style) for text, style in new for char in text]
    shared = 0
    for a, b in zip(before, after, strict=False):
        if a != b:
            break
        shared += 1
    start = cell_len("".join(char for char, _ in after[:shared]))
    old_width, new_width = width_of(old), width_of(new)
    end = max(old_width, new_width)
    if old_width == new_width:
        tail = 0
        for a, b in zip(reversed(before[shared:]), reversed(after[shared:]), strict=False):
            if a != b:
                break
            tail += cell_len(a[0])
        end -= tail
    return start, max(start + 1, end)
