"""The stream of an agent's thoughts, the lab's notices and the person's sentences, in pieces."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from autoresearch_tui.record.events import Notice
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.state import Steering
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.tui import markdown
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.text import Line, one_line, wrap
from autoresearch_tui.tui.thoughts import Block

NOTICE_STYLES = {Level.INFO: "note", Level.WARNING: "warn", Level.ERROR: "bad"}
MARKDOWN_LIMIT_CHARS = 40_000
"""Longer blocks stay as they were written."""

Key = tuple[str, int]
"""What a piece is known by, whatever comes before or after it."""


@dataclass(slots=True, frozen=True)
class _Heading:
    experiment: int


@dataclass(slots=True)
class Piece:
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


class Stream:
    """What was said, oldest first; a piece is laid out when somebody looks at it."""

    def __init__(self, night: Night) -> None:
        """Begin with nothing of `night`; `gather` takes stock."""
        self.night = night
        self.pieces: list[Piece] = []
        self.unfolded: set[Key] = set()
        """The tool calls that are shown whole."""
        self.chosen: Key | None = None
        """The tool call that keys are about."""
        self.marks_chosen = False
        """Whether that is shown."""
        self._width = 1
        self._drawn: dict[Key, _Drawn] = {}

    def gather(self, width: int) -> None:
        """Take stock of what was said; rows are to be `width` cells wide."""
        if width != self._width:
            self._width = width
            self._drawn.clear()
        thoughts, state = self.night.thoughts, self.night.state
        blocks = thoughts.blocks
        since = blocks[0].at if blocks and not thoughts.is_at_start else float("-inf")
        until = float("inf") if thoughts.is_at_end or not blocks else blocks[-1].at
        # The list of sentences only grows, so their places in it tell them apart.
        sentences = list(enumerate(state.steering))
        said: list[list[tuple[float, Piece]]] = [
            [(block.at, Piece(("thought", block.start), block)) for block in blocks],
            [
                (each.at, Piece((f"notice {each.text}", round(each.at * 1e6)), each))
                for each in state.notices
                if since <= each.at <= until
            ],
            [
                (each.at, Piece(("steering", at), each))
                for at, each in sentences
                if each.experiment is not None and since <= each.at <= until
            ],
        ]
        pieces: list[Piece] = []
        experiment: int | None = None
        for _, piece in heapq.merge(*said, key=lambda each: each[0]):
            if isinstance(piece.said, Block) and piece.said.experiment != experiment:
                experiment = piece.said.experiment
                pieces.append(Piece(("heading", piece.said.start), _Heading(experiment)))
            pieces.append(piece)
        if thoughts.is_at_end:
            waiting = (each for each in sentences if each[1].experiment is None)
            pieces += [Piece(("steering", at), each) for at, each in waiting]
        self.pieces = pieces
        if len(self._drawn) > 4 * len(pieces) + 100:
            self._drawn.clear()

    def rows_of(self, index: int) -> list[Line]:
        """Return the rows of a piece."""
        piece = self.pieces[index]
        by = self._depends_on(index, piece)
        drawn = self._drawn.get(piece.key)
        if drawn is None or drawn.by != by:
            drawn = self._drawn[piece.key] = _Drawn(by, list(self._lay_out(index, piece)))
        return drawn.rows

    def _depends_on(self, index: int, piece: Piece) -> tuple[object, ...]:
        match piece.said:
            case Block() as block:
                chosen = piece.folds and piece.key == self.chosen and self.marks_chosen
                unfolded = piece.key in self.unfolded
                return len(block.text), self._is_finished(index), unfolded, chosen
            case Steering() as steering:
                return (steering.experiment,)
            case _Heading(experiment):
                return (experiment in self.night.state.experiments, index == 0)
            case _:
                return ()

    def _is_finished(self, index: int) -> bool:
        """Return whether nothing more comes to a block."""
        asking, said = self.night.state.asking, self.pieces[index].said
        if asking is None or not self.night.thoughts.is_at_end:
            return True
        later = any(isinstance(each.said, Block) for each in self.pieces[index + 1 :])
        return later or (isinstance(said, Block) and said.experiment != asking.experiment)

    def _lay_out(self, index: int, piece: Piece) -> Iterator[Line]:
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

    def _tool(self, piece: Piece, block: Block) -> Iterator[Line]:
        lines = block.text.strip("\n").split("\n")
        chosen = "cursor " if piece.key == self.chosen and self.marks_chosen else ""
        if piece.key in self.unfolded:
            told = [row for line in lines for row in wrap(line, self._width - 2)]
            yield from _marked("▾ ", f"{chosen}accent", told, "muted")
        else:
            more = f" (+{len(lines) - 1} lines)" if len(lines) > 1 else ""
            yield (
                ("▸ ", f"{chosen}accent"),
                (one_line(lines[0]), f"{chosen}muted"),
                (more, "faint"),
            )


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
