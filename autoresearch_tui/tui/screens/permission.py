"""What an agent asks to be allowed: may it, this once?"""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen

from autoresearch_tui.record.state import Permission
from autoresearch_tui.tui.screens.approval import FRAME_CELLS, Question
from autoresearch_tui.tui.text import Line, both_ends, clock, one_line, wrap
from autoresearch_tui.tui.widgets.canvas import COMPONENTS
from autoresearch_tui.tui.widgets.footer import Footer

DETAIL_ROWS = 12
"""What a question may take for what exactly would be done."""
FRAME_ROWS = 2


class Plea(Question):
    """Who asks for what, exactly, and until when."""

    def __init__(self, permission: Permission) -> None:
        """Show what was asked."""
        super().__init__()
        self.permission = permission

    def take_room(self, screen_width: int) -> None:
        """Be as high as what there is to say."""
        rows = self.draw(Size(screen_width - 2 * FRAME_CELLS, 0))
        self.styles.height = len(rows) + FRAME_ROWS

    def draw(self, size: Size) -> list[Line]:
        """Return the rows."""
        width, asked = size.width, self.permission
        who: Line = (
            (one_line(asked.agent), "strong note"),
            (" wants, for ", "muted"),
            (f"#{asked.experiment}", "strong accent"),
        )
        rows: list[Line] = [both_ends(who, self._waits(), width)]
        rows.extend(((line, "strong"),) for line in wrap(one_line(asked.what), width))
        details = wrap(one_line(asked.detail), width)
        rows.extend(((line, ""),) for line in details[:DETAIL_ROWS])
        if len(details) > DETAIL_ROWS:
            rows.append((("… and more; all of it: autoresearch log", "warn"),))
        rows.extend(((line, "muted"),) for line in wrap(one_line(asked.reason), width))
        names = [f'"{one_line(name)}"' for name in asked.options if name]
        if names:
            told = f"It calls the answers {' and '.join(names)}. A yes counts this once."
            rows.extend(((line, "muted"),) for line in wrap(told, width))
        return rows

    def _waits(self) -> Line:
        if self.is_deaf:
            return self.DEAF
        left = clock(self.permission.decide_at - self.night.now())
        return ((f"waits {left}, then: refuse", "warn strong"),)


Answer = Literal["allow", "refuse", "later"]


class PermissionScreen(ModalScreen[Answer]):
    """Asks for an agent; it goes away by itself once it is answered elsewhere."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "answer('allow')", "allow", tooltip="Let it, once.", id="permission.allow"),
        Binding("f", "answer('refuse')", "refuse", tooltip="Refuse it.", id="permission.refuse"),
        Binding(
            "escape",
            "answer('later')",
            "later",
            key_display="esc",
            tooltip="Look around first; l brings the question back.",
            id="permission.later",
        ),
        Binding("q", "app.detach", "leave", tooltip="Close the screen.", id="permission.leave"),
        Binding(
            "question_mark",
            "app.help",
            "help",
            key_display="?",
            tooltip="Explain the keys.",
            id="permission.help",
        ),
    ]

    def __init__(self, permission: Permission) -> None:
        """Ask about this one."""
        super().__init__()
        self.permission = permission

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        plea = Plea(self.permission)
        plea.border_title = "May it do this?"
        yield plea
        yield Footer()

    def on_mount(self) -> None:
        """Begin the time in which no answer counts, and count down to the policy's."""
        plea = self.query_one(Plea)
        plea.begin()
        self.set_interval(1.0, plea.redraw)

    def on_resize(self, event: Resize) -> None:
        """Take the room that the question needs."""
        self.query_one(Plea).take_room(event.size.width)

    def action_answer(self, answer: Answer) -> None:
        """Answer, unless the key may have been meant for what was there before."""
        if not self.query_one(Plea).is_deaf:
            self.dismiss(answer)
