"""The sessions of the repository, live and past; Enter opens one."""

import time
from dataclasses import dataclass
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker

from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.metric import BITS_PER_BYTE
from autoresearch_tui.session import Session, lab_life, neighbours
from autoresearch_tui.tui.text import Line, bpb, fit, one_line, pad
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.words import GLYPHS, LABLESS, Word, word_for

LOOK_INTERVAL_S = 2.0
TAG_CELLS = (8, 24)
"""At least, and at most."""
WORD_CELLS = 12
COUNT_CELLS = 6
BEST_CELLS = 10
MOMENT_CELLS = 14
AGENT_CELLS = 10
OTHER_CELLS = 2 + WORD_CELLS + 2 + COUNT_CELLS + BEST_CELLS + MOMENT_CELLS
ROWS_AT_MOST = 15


@dataclass(frozen=True)
class Row:
    """What is said of one session."""

    session: Session
    word: Word
    experiments: int
    best: float | None
    metric: str
    agent: str
    last_at: float

    @property
    def is_live(self) -> bool:
        """Whether a lab runs it."""
        return self.word not in LABLESS


@dataclass(frozen=True)
class _Mark:
    """By what is seen that a session changed."""

    size: int
    life: str


def row_of(session: Session) -> Row:
    """Return what is said of a session; its whole journal is read."""
    state = fold(JournalReader(session.journal).read())
    return Row(
        session=session,
        word=word_for(state, lab_life(session)),
        experiments=state.judged_count,
        best=state.best.val_bpb if state.best else None,
        metric=state.metric,
        agent=state.agent,
        last_at=state.last_fact_at,
    )


class Sessions(Canvas, can_focus=True):
    """One row a session, the live ones first, then by their last moment."""

    def __init__(self, current: Session) -> None:
        """Begin with the cursor on the session that is shown."""
        super().__init__()
        self.rows: list[Row] = []
        self.chosen = current
        self.is_complete = False
        self._top = 0

    @property
    def at(self) -> int:
        """The place of the cursor."""
        sessions = [row.session for row in self.rows]
        return sessions.index(self.chosen) if self.chosen in sessions else 0

    def show(self, rows: list[Row], *, is_complete: bool) -> None:
        """Show these sessions; the cursor stays on its own."""
        self.rows = sorted(rows, key=lambda row: (not row.is_live, -row.last_at))
        self.is_complete = is_complete
        self.styles.height = 1 + min(max(1, len(rows)), ROWS_AT_MOST)
        self.redraw()

    def move(self, rows: int) -> None:
        """Move the cursor."""
        if self.rows:
            at = max(0, min(len(self.rows) - 1, self.at + rows))
            self.chosen = self.rows[at].session
            self.redraw()

    def draw(self, size: Size) -> list[Line]:
        """Return the heading, and the sessions around the cursor."""
        width, height = size
        if not self.rows:
            words = "No session was begun here." if self.is_complete else "Reading the journals..."
            return [((words, "muted"),)]
        room = max(1, height - 1)
        at = self.at
        self._top = min(max(self._top, at - room + 1), at, max(0, len(self.rows) - room))
        lines: list[Line] = [_heading(width)]
        for index in range(self._top, min(self._top + room, len(self.rows))):
            row = self.rows[index]
            line = fit(_line(row, width, here=index == at), width)
            if index == at:
                line = tuple((text, f"{names} cursor") for text, names in line)
            lines.append(line)
        return lines


def _tag_cells(width: int) -> int:
    least, most = TAG_CELLS
    room = width - OTHER_CELLS
    return max(least, min(most, room - AGENT_CELLS if _names_agents(width) else room))


def _names_agents(width: int) -> bool:
    """Return whether there is room for who proposed."""
    return width >= OTHER_CELLS + TAG_CELLS[0] + AGENT_CELLS


def _heading(width: int) -> Line:
    words = (
        "  "
        + pad("session", _tag_cells(width))
        + pad("  state", WORD_CELLS + 2)
        + "done".rjust(COUNT_CELLS)
        + "best".rjust(BEST_CELLS)
        + "last".rjust(MOMENT_CELLS)
        + ("  agent" if _names_agents(width) else "")
    )
    return ((words, "muted"),)


def _line(row: Row, width: int, *, here: bool) -> Line:
    glyph, style = GLYPHS[row.word]
    moment = time.strftime("%b %d %H:%M", time.localtime(row.last_at)) if row.last_at else "-"
    agent = one_line(row.agent) if _names_agents(width) else ""
    if agent and row.metric != BITS_PER_BYTE:
        agent = f"{agent} ({one_line(row.metric)})"
    return (
        ("> " if here else "  ", "key"),
        (pad(one_line(row.session.tag), _tag_cells(width)), "strong"),
        (pad(f"{glyph} {row.word}", WORD_CELLS + 2), style),
        (f"{row.experiments:>{COUNT_CELLS}}", ""),
        (bpb(row.best).rjust(BEST_CELLS), "strong"),
        (moment.rjust(MOMENT_CELLS), "muted"),
        (f"  {agent}" if agent else "", "muted"),
    )


class PickerScreen(ModalScreen[Session | None]):
    """Asks for a session of the repository; none when the person stays where they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "open", "open", tooltip="Show the session under the cursor.", id="picker.open"
        ),
        Binding(
            "escape,t,q", "dismiss(None)", "stay", tooltip="Stay where you are.", id="picker.stay"
        ),
        Binding("up", "move(-1)", "up", tooltip="The session above.", id="picker.up"),
        Binding("down", "move(1)", "down", tooltip="The session below.", id="picker.down"),
        Binding("pageup", "move(-10)", "page up", tooltip="Ten up.", id="picker.page_up"),
        Binding("pagedown", "move(10)", "page down", tooltip="Ten down.", id="picker.page_down"),
        Binding("home", "move(-100000)", "first", tooltip="The first one.", id="picker.first"),
        Binding("end", "move(100000)", "last", tooltip="The last one.", id="picker.last"),
    ]
    AUTO_FOCUS = "Sessions"

    class Found(Message):
        """Sessions were read."""

        def __init__(self, rows: list[Row], *, is_complete: bool) -> None:
            """Hand over all that were read so far."""
            super().__init__()
            self.rows = rows
            self.is_complete = is_complete

    def __init__(self, current: Session) -> None:
        """Offer the sessions beside `current`, and itself."""
        super().__init__()
        self._current = current
        self._read: dict[Session, tuple[_Mark, Row]] = {}
        self._looking: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Lay the list out."""
        with Vertical(classes="dialog picker") as dialog:
            dialog.border_title = "Sessions of this repository"
            yield Sessions(self._current)
            yield Static(Content("arrows choose, Enter opens, Esc stays"), classes="hint")

    def on_mount(self) -> None:
        """Read the sessions, and look again for what changes."""
        self.look()
        self.set_interval(LOOK_INTERVAL_S, self.look)

    def look(self) -> None:
        """Look in the background, unless the last look still goes on: a thread can not be ended."""
        if self._looking is None or self._looking.is_finished:
            self._looking = self._look()

    @work(thread=True)
    def _look(self) -> None:
        """Read what changed since the last look; the newest first, for it is wanted most."""
        rows: list[Row] = []
        changed = False
        for session in reversed(neighbours(self._current)):
            try:
                mark = _Mark(session.journal.stat().st_size, lab_life(session))
                known = self._read.get(session)
                if known is None or known[0] != mark:
                    known = self._read[session] = (mark, row_of(session))
                    changed = True
            except OSError:
                continue
            rows.append(known[1])
            if changed:
                self.post_message(self.Found(list(rows), is_complete=False))
        if changed or not rows:
            self.post_message(self.Found(rows, is_complete=True))

    def on_picker_screen_found(self, message: Found) -> None:
        """Show what was read."""
        sessions = self.query_one(Sessions)
        if message.is_complete or len(message.rows) > len(sessions.rows):
            sessions.show(message.rows, is_complete=message.is_complete)

    def on_click(self, event: events.Click) -> None:
        """Leave when somebody clicks beside the list."""
        if event.widget is self:
            self.dismiss(None)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.query_one(Sessions).move(rows)

    def action_open(self) -> None:
        """Answer with the session under the cursor."""
        sessions = self.query_one(Sessions)
        self.dismiss(sessions.chosen if sessions.rows else None)
