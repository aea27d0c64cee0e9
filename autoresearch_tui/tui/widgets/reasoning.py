"""What the agent thinks aloud, and what it was told."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size

from autoresearch_tui.record.events import Level, Notice
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import Steering
from autoresearch_tui.tui import markdown
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.text import Line, fit, one_line, wrap
from autoresearch_tui.tui.thoughts import Block
from autoresearch_tui.tui.widgets.canvas import Pane

NOTICE_STYLES = {Level.INFO: "note", Level.WARNING: "warn", Level.ERROR: "bad"}
MARKDOWN_LIMIT_CHARS = 40_000
"""Longer blocks stay as they were written."""

Key = tuple[str, int]
"""What a piece is known by, whatever comes before or after it."""
Place = tuple[int, int]
"""A piece by its index, and one of its rows."""


@dataclass(slots=True, frozen=True)
class _Heading:
    experiment: int


@dataclass(slots=True)
class _Piece:
    """A part of the stream: what it is known by, and what it shows."""

    key: Key
    said: Block | Notice | Steering | _Heading

    @property
    def folds(self) -> bool:
        """Whether it is a tool call, which is one row until it is unfolded."""
        return isinstance(self.said, Block) and self.said.kind is ThoughtKind.TOOL


@dataclass(slots=True)
class _Drawn:
    """The rows of a piece, and all that they depend on."""

    by: tuple[object, ...]
    rows: list[Line]


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
        self._pieces: list[_Piece] = []
        self._drawn: dict[Key, _Drawn] = {}
        self._first: tuple[Key, int] | None = None
        """The first row in view: its piece, and its number in it."""
        self._unfolded: set[Key] = set()
        self._chosen: Key | None = None
        self._left: tuple[Key, int] | None = None
        """The last piece and its rows when somebody began to read back."""
        self._width = 1

    def draw(self, size: Size) -> list[Line]:
        """Return the rows in view."""
        width, height = size
        self._gather(width)
        if not self._pieces:
            return [(("The agent has not spoken yet.", "muted"),)]
        place = self._follow(height) if self.following else self._place()
        place = min(place, self._end(height)) if not self.following else place
        self._keep(place)
        rows = self._rows_from(place, height)
        if not self.following and (new := self._new_below()):
            said = fit(((f"↓ {new}: End shows it", "note strong"),), width)
            rows = [*rows[: height - 1], said] if len(rows) >= height else [*rows, said]
        return rows

    def rows(self, width: int) -> list[Line]:
        """Return all rows of what is at hand: of a long night, the part around the view."""
        self._gather(width)
        return [row for index in range(len(self._pieces)) for row in self.rows_of(index)]

    # What there is to show.

    def _gather(self, width: int) -> None:
        """Take stock of the stream; rows are laid out when they are looked at."""
        if width != self._width:
            self._width = width
            self._drawn.clear()
        thoughts, state = self.night.thoughts, self.night.state
        blocks = thoughts.blocks
        since = blocks[0].at if blocks and not thoughts.is_at_start else float("-inf")
        until = float("inf") if thoughts.is_at_end or not blocks else blocks[-1].at
        # The list of sentences only grows, so their places in it tell them apart.
        sentences = list(enumerate(state.steering))
        said: list[list[tuple[float, _Piece]]] = [
            [(block.at, _Piece(("thought", block.start), block)) for block in blocks],
            [
                (each.at, _Piece((f"notice {each.text}", round(each.at * 1e6)), each))
                for each in state.notices
                if since <= each.at <= until
            ],
            [
                (each.at, _Piece(("steering", at), each))
                for at, each in sentences
                if each.experiment is not None and since <= each.at <= until
            ],
        ]
        pieces: list[_Piece] = []
        experiment: int | None = None
        for _, piece in heapq.merge(*said, key=lambda each: each[0]):
            if isinstance(piece.said, Block) and piece.said.experiment != experiment:
                experiment = piece.said.experiment
                pieces.append(_Piece(("heading", piece.said.start), _Heading(experiment)))
            pieces.append(piece)
        if thoughts.is_at_end:
            waiting = (each for each in sentences if each[1].experiment is None)
            pieces += [_Piece(("steering", at), each) for at, each in waiting]
        self._pieces = pieces
        if len(self._drawn) > 4 * len(pieces) + 100:
            self._drawn.clear()

    def rows_of(self, index: int) -> list[Line]:
        """Return the rows of a piece."""
        piece = self._pieces[index]
        by = self._depends_on(index, piece)
        drawn = self._drawn.get(piece.key)
        if drawn is None or drawn.by != by:
            drawn = self._drawn[piece.key] = _Drawn(by, list(self._lay_out(index, piece)))
        return drawn.rows

    def _depends_on(self, index: int, piece: _Piece) -> tuple[object, ...]:
        match piece.said:
            case Block() as block:
                chosen = piece.folds and piece.key == self._chosen and self.has_focus
                unfolded = piece.key in self._unfolded
                return len(block.text), self._is_finished(index), unfolded, chosen
            case Steering() as steering:
                return (steering.experiment,)
            case _Heading(experiment):
                return (experiment in self.night.state.experiments, index == 0)
            case _:
                return ()

    def _is_finished(self, index: int) -> bool:
        """Return whether nothing more comes to a block."""
        asking, said = self.night.state.asking, self._pieces[index].said
        if asking is None or not self.night.thoughts.is_at_end:
            return True
        later = any(isinstance(each.said, Block) for each in self._pieces[index + 1 :])
        return later or (isinstance(said, Block) and said.experiment != asking.experiment)

    def _lay_out(self, index: int, piece: _Piece) -> Iterator[Line]:
        width = self._width
        match piece.said:
            case _Heading(experiment):
                if index:
                    yield ()
                yield self._titled(experiment)
            case Notice() as notice:
                style = NOTICE_STYLES[notice.level]
                yield from _marked("! ", style, wrap(one_line(notice.text), width - 2), style)
            case Steering() as steering:
                yield from _steered(steering, width)
            case Block() as block if piece.folds:
                yield from self._tool(piece, block)
            case Block(kind=ThoughtKind.STEERING) as block:
                yield from _marked("» ", "warn", wrap(one_line(block.text), width - 2), "warn")
            case Block(kind=ThoughtKind.ERROR) as block:
                sign = f"{CROSS} "
                yield from _marked(sign, "bad", wrap(one_line(block.text), width - 2), "bad")
            case Block() as block:
                yield from _text(block, width, finished=self._is_finished(index))

    def _titled(self, experiment: int) -> Line:
        known = self.night.state.experiments.get(experiment)
        title = "baseline" if experiment == 0 else one_line(known.title) if known else "proposing"
        return ((f"#{experiment} ", "strong accent"), (title, "strong"))

    def _tool(self, piece: _Piece, block: Block) -> Iterator[Line]:
        lines = block.text.strip("\n").split("\n")
        chosen = "cursor " if piece.key == self._chosen and self.has_focus else ""
        if piece.key in self._unfolded:
            told = [row for line in lines for row in wrap(line, self._width - 2)]
            yield from _marked("▾ ", f"{chosen}accent", told, "muted")
        else:
            more = f" (+{len(lines) - 1} lines)" if len(lines) > 1 else ""
            yield (
                ("▸ ", f"{chosen}accent"),
                (one_line(lines[0]), f"{chosen}muted"),
                (more, "faint"),
            )

    # Where in it the view is.

    def _place(self) -> Place:
        """Return the first row in view; where its piece is gone, the nearest that is there."""
        if self._first is None:
            return (0, 0)
        key, row = self._first
        for index, piece in enumerate(self._pieces):
            if piece.key == key:
                return index, min(row, len(self.rows_of(index)) - 1)
        return (0, 0)

    def _keep(self, place: Place) -> None:
        self._first = (self._pieces[place[0]].key, place[1])

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
        index = len(self._pieces)
        left = height
        while index > 0:
            index -= 1
            count = len(self.rows_of(index))
            if count >= left:
                return index, count - left
            left -= count
        return (0, 0)

    def _rows_from(self, place: Place, height: int) -> list[Line]:
        rows: list[Line] = []
        index, skipped = place
        while index < len(self._pieces) and len(rows) < height:
            rows += self.rows_of(index)[skipped:]
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
        for index in reversed(range(len(self._pieces))):
            rows = len(self.rows_of(index))
            if self._pieces[index].key == key:
                new += rows - count
                break
            new += rows
        return f"{new} new below" if new > 0 else ""

    # What moves it.

    def action_scroll_rows(self, rows: int) -> None:
        """Move the view by rows, reading more of the night where it comes to an end."""
        width, height = self.content_size
        self._gather(width)
        if not self._pieces:
            return
        if rows < 0 and self.following:
            last = len(self._pieces) - 1
            self._left = (self._pieces[last].key, len(self.rows_of(last)))
            self._hold(True)
        if rows < 0:
            self._go_up(-rows)
        else:
            self._go_down(rows, height)
        self.redraw()

    def action_scroll_pages(self, pages: int) -> None:
        """Move the view by its own height, less a row."""
        self.action_scroll_rows(pages * max(1, self.content_size.height - 1))

    def _go_up(self, rows: int) -> None:
        index, row = self._place()
        while rows > row:
            rows -= row
            if index == 0:
                self._keep((0, 0))
                if not self.night.thoughts.older():
                    return
                self._gather(self._width)
                index, row = self._place()
                continue
            index -= 1
            row = len(self.rows_of(index))
        self._keep((index, row - rows))

    def _go_down(self, rows: int, height: int) -> None:
        index, row = self._place()
        while True:
            last = self._end(height)
            at, left = index, row + rows
            while at < len(self._pieces) - 1 and left >= len(self.rows_of(at)):
                left -= len(self.rows_of(at))
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
            self._gather(self._width)
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
        self._gather(self._width)
        if self._pieces:
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
        while index < len(self._pieces) and left > 0:
            if self._pieces[index].folds:
                found.append(index)
            left -= len(self.rows_of(index))
            index += 1
        return found

    def _chosen_index(self) -> int | None:
        """Return the chosen tool call while it is in view, else the last one in view."""
        in_view = self._folding_in_view()
        chosen = [index for index in in_view if self._pieces[index].key == self._chosen]
        return (chosen or in_view or [None])[-1]

    def action_unfold(self) -> None:
        """Show all of the chosen tool call, or a line of it."""
        if (index := self._chosen_index()) is not None:
            self._turn(index)

    def _turn(self, index: int) -> None:
        key = self._pieces[index].key
        self._chosen = key
        self._unfolded ^= {key}
        self.redraw()

    def action_choose(self, by: int) -> None:
        """Choose the next tool call, or the one before, and have it in view."""
        at = self._chosen_index()
        if at is None:
            at = self._place()[0]
            by = -1
        elif self._pieces[at].key != self._chosen:
            by = 0
        step = by or 1
        at += by
        while 0 <= at < len(self._pieces) and not self._pieces[at].folds:
            at += step
        if not 0 <= at < len(self._pieces):
            return
        self._chosen = self._pieces[at].key
        if at not in self._folding_in_view():
            self.action_scroll_rows(-1 if step < 0 else 1)
            self._keep((at, 0))
        self.redraw()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Mark the chosen tool call while the pane has the focus."""
        super().watch_has_focus(_has_focus)
        if self._chosen is not None:
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Unfold the tool call that was clicked, or fold it."""
        at = event.get_content_offset_capture(self).y
        index, skipped = self._place()
        at += skipped
        while index < len(self._pieces) and at >= len(self.rows_of(index)):
            at -= len(self.rows_of(index))
            index += 1
        if index < len(self._pieces) and self._pieces[index].folds:
            self._turn(index)


def _text(block: Block, width: int, *, finished: bool) -> list[Line]:
    text = block.text.strip("\n")
    if block.kind is ThoughtKind.THINKING:
        return [((line, "muted"),) for line in wrap(text, width)]
    if finished and len(text) <= MARKDOWN_LIMIT_CHARS:
        return markdown.rows(text, width)
    return [((line, ""),) for line in wrap(text, width)]


def _marked(mark: str, mark_style: str, lines: list[str], style: str) -> list[Line]:
    """Return lines with a mark before the first, the others aligned with it."""
    first, *rest = lines
    indented: list[Line] = [((" " * len(mark), ""), (line, style)) for line in rest]
    return [((mark, mark_style), (first, style)), *indented]


def _steered(steering: Steering, width: int) -> list[Line]:
    """Return a person's sentence, and which proposal was given it."""
    rows = _marked("» ", "warn strong", wrap(one_line(steering.text), width - 2), "warn")
    if steering.experiment is None:
        return [*rows, (("  … waits for the next proposal", "muted"),)]
    return [
        *rows,
        (("  ✓ ", "good"), (f"given to the proposal of #{steering.experiment}", "muted")),
    ]
