"""What the agent thinks aloud, and what it was told."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size

from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.stream import Key, Stream
from autoresearch_tui.tui.text import Line, fit
from autoresearch_tui.tui.widgets.canvas import Pane

Place = tuple[int, int]
"""A piece by its index, and one of its rows."""


class ReasoningPane(Pane):
    """Text that grows at its end; only what is in view is ever laid out."""

    ID: ClassVar[str] = "reasoning"
    NAME: ClassVar[str] = "Reasoning"
    HELP: ClassVar[str | None] = (
        "What the agent thinks and does, as it happens: its words, ▸ the tools it calls (space "
        "unfolds one, j and J choose the next and the last), » what you told it and ✓ which "
        f"proposal was given it, {CROSS} what went wrong, ! notices of the lab. New lines come "
        "into view while the end is shown; scroll up to read back to the night's first word, End "
        "follows again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "space,enter",
            "unfold",
            "unfold",
            show=False,
            tooltip="Show all of the chosen tool call, or a line of it.",
            id="reasoning.unfold",
        ),
        Binding(
            "j",
            "choose(1)",
            "next tool call",
            show=False,
            tooltip="Choose the next tool call.",
            id="reasoning.next",
        ),
        Binding(
            "J",
            "choose(-1)",
            "last tool call",
            show=False,
            tooltip="Choose the tool call before.",
            id="reasoning.previous",
        ),
    ]
    follows_end: ClassVar[bool] = True

    def __init__(self, digit: int) -> None:
        """Make an empty pane."""
        super().__init__(digit)
        self._gathered: Stream | None = None
        self._first: tuple[Key, int] | None = None
        """The first row in view: its piece, and its number in it."""
        self._left: tuple[Key, int] | None = None
        """The last piece and its rows when somebody began to read back."""

    def draw(self, size: Size) -> list[Line]:
        """Return the rows in view."""
        width, height = size
        stream = self._gather(width)
        if not stream.pieces:
            return [(("The agent has not spoken yet.", "muted"),)]
        place = self._follow(height) if self.following else min(self._place(), self._end(height))
        self._keep(place)
        rows = self._rows_from(place, height)
        if not self.following and (new := self._new_below()):
            said = fit(((f"↓ {new}: End shows it", "note strong"),), width)
            rows = [*rows[: height - 1], said] if len(rows) >= height else [*rows, said]
        return rows

    def rows(self, width: int) -> list[Line]:
        """Return all rows of what is at hand: of a long night, the part around the view."""
        stream = self._gather(width)
        return [row for index in range(len(stream.pieces)) for row in stream.rows_of(index)]

    @property
    def _stream(self) -> Stream:
        """What was said; another night's where another is followed."""
        if self._gathered is None or self._gathered.night is not self.night:
            self._gathered = Stream(self.night)
        return self._gathered

    def _gather(self, width: int | None = None) -> Stream:
        """Take stock of what was said until now."""
        stream = self._stream
        stream.marks_chosen = self.has_focus
        stream.gather(self.content_size.width if width is None else width)
        return stream

    # Where in it the view is.

    def _place(self) -> Place:
        """Return the first row in view; where its piece is gone, the nearest that is there."""
        if self._first is None:
            return (0, 0)
        key, row = self._first
        for index, piece in enumerate(self._stream.pieces):
            if piece.key == key:
                return index, min(row, len(self._stream.rows_of(index)) - 1)
        return (0, 0)

    def _keep(self, place: Place) -> None:
        self._first = (self._stream.pieces[place[0]].key, place[1])

    def _follow(self, height: int) -> Place:
        """Return the first row of a view of the end.

        While text streams in, a third of the view is left free for it, so that the whole pane is
        painted again once every few seconds instead of twice a second.
        """
        asking = self.night.state.asking
        streams = asking is not None and self.night.lively
        free = height // 3 if streams else 0
        if self._first is not None:
            place = self._place()
            used = len(self._rows_from(place, height + 1))
            if used <= height and (used >= height - free or place == (0, 0)):
                return place
        return self._end(height - free)

    def _end(self, height: int) -> Place:
        """Return the first row of the last `height` rows."""
        index = len(self._stream.pieces)
        left = height
        while index > 0:
            index -= 1
            count = len(self._stream.rows_of(index))
            if count >= left:
                return index, count - left
            left -= count
        return (0, 0)

    def _rows_from(self, place: Place, height: int) -> list[Line]:
        rows: list[Line] = []
        index, skipped = place
        while index < len(self._stream.pieces) and len(rows) < height:
            rows += self._stream.rows_of(index)[skipped:]
            index, skipped = index + 1, 0
        return rows[:height]

    def _new_below(self) -> str:
        """Return what came since somebody began to read back, in words; empty for nothing."""
        if not self.night.thoughts.is_at_end:
            return "newer below"
        if self._left is None:
            return ""
        key, count = self._left
        new = 0
        for index in reversed(range(len(self._stream.pieces))):
            rows = len(self._stream.rows_of(index))
            if self._stream.pieces[index].key == key:
                new += rows - count
                break
            new += rows
        return f"{new} new below" if new > 0 else ""

    # What moves it.

    def action_scroll_rows(self, rows: int) -> None:
        """Move the view by rows, reading more of the night where it comes to an end."""
        width, height = self.content_size
        self._gather(width)
        if not self._stream.pieces:
            return
        if rows < 0 and self.following:
            last = len(self._stream.pieces) - 1
            self._left = (self._stream.pieces[last].key, len(self._stream.rows_of(last)))
            self._hold(True)
        if rows < 0:
            self._go_up(-rows)
        else:
            self._go_down(rows, height)
        self.redraw()

    def action_scroll_pages(self, pages: int) -> None:
        """Move the view by its own height, less two rows: the last one may say what is new."""
        self.action_scroll_rows(pages * max(1, self.content_size.height - 2))

    def _go_up(self, rows: int) -> None:
        index, row = self._place()
        while rows > row:
            rows -= row
            if index == 0:
                self._keep((0, 0))
                if not self.night.thoughts.older():
                    return
                self._gather()
                index, row = self._place()
                continue
            index -= 1
            row = len(self._stream.rows_of(index))
        self._keep((index, row - rows))

    def _go_down(self, rows: int, height: int) -> None:
        index, row = self._place()
        while True:
            last = self._end(height)
            at, left = index, row + rows
            while at < len(self._stream.pieces) - 1 and left >= len(self._stream.rows_of(at)):
                left -= len(self._stream.rows_of(at))
                at += 1
            if (at, left) < last:
                self._keep((at, left))
                return
            if self.night.thoughts.is_at_end:
                self._hold(False)
                return
            if not self.night.thoughts.newer():
                self._keep(last)
                return
            self._gather()
            index, row = self._place()

    def _hold(self, held: bool) -> None:
        """Stop to follow the end, or follow it again."""
        self.following = not held
        self.night.thoughts.is_held = held
        if not held:
            self._first = self._left = None
            self.night.thoughts.to_end()
        self.border_subtitle = "reading back, End follows" if held else None

    def to_start(self) -> None:
        """Follow the end, as in the beginning."""
        self._hold(False)

    def action_scroll_to_start(self) -> None:
        """Show the night's first thoughts."""
        self.action_scroll_rows(-1)
        self.night.thoughts.to_start()
        self._gather()
        if self._stream.pieces:
            self._keep((0, 0))
        self.redraw()

    def action_scroll_to_end(self) -> None:
        """Follow the end again."""
        self._hold(False)
        self.redraw()

    # Tool calls.

    def _folding_in_view(self) -> list[int]:
        """Return the tool calls in view."""
        found: list[int] = []
        index, skipped = self._place()
        left = self.content_size.height + skipped
        while index < len(self._stream.pieces) and left > 0:
            if self._stream.pieces[index].folds:
                found.append(index)
            left -= len(self._stream.rows_of(index))
            index += 1
        return found

    def _chosen_index(self) -> int | None:
        """Return the chosen tool call while it is in view, else the last one in view."""
        in_view = self._folding_in_view()
        chosen = [
            index for index in in_view if self._stream.pieces[index].key == self._stream.chosen
        ]
        return (chosen or in_view or [None])[-1]

    def action_unfold(self) -> None:
        """Show all of the chosen tool call, or a line of it."""
        if (index := self._chosen_index()) is not None:
            self._turn(index)

    def _turn(self, index: int) -> None:
        key = self._stream.pieces[index].key
        self._stream.chosen = key
        self._stream.unfolded ^= {key}
        self.redraw()

    def action_choose(self, by: int) -> None:
        """Choose the next tool call, or the one before, and have it in view."""
        at = self._chosen_index()
        if at is None:
            at = self._place()[0]
            by = -1
        elif self._stream.pieces[at].key != self._stream.chosen:
            by = 0
        step = by or 1
        at += by
        while 0 <= at < len(self._stream.pieces) and not self._stream.pieces[at].folds:
            at += step
        if not 0 <= at < len(self._stream.pieces):
            return
        self._stream.chosen = self._stream.pieces[at].key
        if at not in self._folding_in_view():
            self.action_scroll_rows(-1 if step < 0 else 1)
            self._keep((at, 0))
        self.redraw()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Mark the chosen tool call while the pane has the focus."""
        super().watch_has_focus(_has_focus)
        if self._stream.chosen is not None:
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Unfold the tool call that was clicked, or fold it."""
        at = event.get_content_offset_capture(self).y
        index, skipped = self._place()
        at += skipped
        while index < len(self._stream.pieces) and at >= len(self._stream.rows_of(index)):
            at -= len(self._stream.rows_of(index))
            index += 1
        if index < len(self._stream.pieces) and self._stream.pieces[index].folds:
            self._turn(index)
