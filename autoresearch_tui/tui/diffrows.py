"""A diff as rows of a given width, of which only those that are looked at are ever drawn."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, overload

from rich.cells import cell_len, set_cell_size

from autoresearch_tui.tui import code
from autoresearch_tui.tui.hunks import Pair, Row, differing, side_by_side
from autoresearch_tui.tui.text import Line, Span

NUMBER_CELLS = 5
SPLIT_AT_LEAST = 50
"""Narrower than this, two columns would hold no line."""
COLUMN_GAP: Span = (" │ ", "faint")
_STYLES = {"-": "removed", "+": "added", " ": "muted"}


class Sources(NamedTuple):
    """The two files of a diff, where they are at hand: their colours depend on whole files."""

    old: str = ""
    new: str = ""


class DiffRows(Sequence[Line]):
    """The rows of a diff, long lines wrapped."""

    def __init__(
        self,
        rows: Sequence[Row],
        width: int,
        *,
        sources: Sources | None = None,
        numbered: bool = False,
        split: bool = False,
        wrapped: bool = True,
    ) -> None:
        """Lay `rows` out in `width` cells; `split` puts both files beside each other."""
        self._sources = sources or Sources()
        self._numbered = numbered
        self._gutter = (NUMBER_CELLS + 1 if numbered else 0) + 2
        split = split and width >= SPLIT_AT_LEAST
        column = (width - len(COLUMN_GAP[0])) // 2 if split else width
        self._room = max(8, column - self._gutter)
        self._wrapped = wrapped
        self._items: Sequence[Row | Pair] = side_by_side(rows) if split else rows
        heights = [self._height(item) for item in self._items]
        self._starts = [0, *accumulate(heights)]
        self._drawn: dict[int, list[Line]] = {}
        self.heading: Sequence[Line] = ()
        """What stands above the diff."""

    @property
    def hunks(self) -> list[int]:
        """At which row each hunk begins."""
        heads = (at for at, item in enumerate(self._items) if _is_head(item))
        return [len(self.heading) + self._starts[at] for at in heads]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.heading) + self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        """Return a row or several, drawn now where they were not yet."""
        if isinstance(index, slice):
            return [self._row(at) for at in range(*index.indices(len(self)))]
        return self._row(range(len(self))[index])

    def _row(self, at: int) -> Line:
        if at < len(self.heading):
            return self.heading[at]
        at -= len(self.heading)
        item = bisect_right(self._starts, at) - 1
        if item not in self._drawn:
            self._drawn[item] = self._draw(self._items[item])
        return self._drawn[item][at - self._starts[item]]

    def _height(self, item: Row | Pair) -> int:
        if not self._wrapped or _is_head(item):
            return 1
        sides = (item.left, item.right) if isinstance(item, Pair) else (item,)
        return max(_rows_of(side.text, self._room) for side in sides if side is not None)

    def _draw(self, item: Row | Pair) -> list[Line]:
        if isinstance(item, Row):
            return [_head(item)] if item.sign == "@" else self._side(item, right=item.sign != "-")
        if item.left is not None and item.left.sign == "@":
            return [_head(item.left)]
        left = [] if item.left is None else self._side(item.left, right=False)
        right = [] if item.right is None else self._side(item.right, right=True)
        cells = self._gutter + self._room
        return [
            (*_filled(left[at] if at < len(left) else (), cells), COLUMN_GAP,
             *(right[at] if at < len(right) else ()))
            for at in range(max(len(left), len(right)))
        ]  # fmt: skip

    def _side(self, row: Row, *, right: bool) -> list[Line]:
        """Return a line of one of the files: its number, its sign and its text."""
        style = _STYLES[row.sign]
        number = row.new if right else row.old
        gutter: list[Span] = []
        if self._numbered:
            gutter.append((f"{number:>{NUMBER_CELLS}} ", "faint" if row.sign == " " else style))
        gutter.append((f"{row.sign} ", style))
        spans = self._spans(row, number, right=right)
        pieces = _cut(spans, self._room) if self._wrapped else [spans]
        blank: Line = ((" " * self._gutter, ""),)
        return [(*(blank if at else gutter), *piece) for at, piece in enumerate(pieces)]

    def _spans(self, row: Row, number: int, *, right: bool) -> list[Span]:
        base = "" if row.sign == " " else f"{_STYLES[row.sign]}-line"
        styles = [base] * len(row.text)
        for start, end, style in self._colouring(row.text, number, right=right):
            styles[start:end] = [f"{base} {style}".strip()] * (end - start)
        for start, end in differing(row.text, row.partner):
            word = f"{_STYLES[row.sign]}-word"
            styles[start:end] = [f"{style} {word}" for style in styles[start:end]]
        return _joined(row.text, styles)

    def _colouring(self, text: str, number: int, *, right: bool) -> code.Colouring:
        source = self._sources.new if right else self._sources.old
        lines = code.coloured(source) if source else []
        if 0 < number <= len(lines) and _line(source, number) == text:
            return lines[number - 1]
        return code.coloured(text)[0]


_split_lines: dict[int, tuple[str, list[str]]] = {}


def _line(source: str, number: int) -> str:
    known = _split_lines.get(id(source))
    if known is None or known[0] is not source:
        _split_lines.clear()
        known = _split_lines[id(source)] = (source, source.split("\n"))
    return known[1][number - 1]


def _is_head(item: Row | Pair) -> bool:
    first = item.left if isinstance(item, Pair) else item
    return first is not None and first.sign == "@"


def _head(row: Row) -> Line:
    return ((f"@@ line {row.new} ", "note"), (row.text or "top of the file", "muted"))


def _filled(line: Line, cells: int) -> Line:
    used = sum(cell_len(text) for text, _ in line)
    return (*line, (" " * max(0, cells - used), ""))


def _rows_of(text: str, room: int) -> int:
    if text.isascii():
        return max(1, -(-len(text) // room))
    return len(_cut([(text, "")], room))


def _cut(spans: list[Span], room: int) -> list[list[Span]]:
    """Return spans in pieces of at most `room` cells each."""
    pieces: list[list[Span]] = [[]]
    left = room
    for text, style in spans:
        rest = text
        while rest:
            if cell_len(rest) <= left:
                pieces[-1].append((rest, style))
                left -= cell_len(rest)
                break
            head = rest[:left] if rest.isascii() else set_cell_size(rest, left)
            # A wide character on the edge is left for the next row.
            head = head if rest.startswith(head) else head[:-1]
            if head:
                pieces[-1].append((head, style))
            rest = rest[len(head) :]
            pieces.append([])
            left = room
    return pieces if pieces[-1] or len(pieces) == 1 else pieces[:-1]


def _joined(text: str, styles: list[str]) -> list[Span]:
    spans: list[Span] = []
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or styles[at] != styles[start]:
            spans.append((text[start:at], styles[start]))
            start = at
    return spans
