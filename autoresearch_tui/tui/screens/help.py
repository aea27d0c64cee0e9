"""What the focused pane shows, and what every key does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from autoresearch_tui.tui.text import wrap
from autoresearch_tui.tui.widgets.canvas import Pane

KEY_CELLS = 9
NAME_CELLS = 17
DIALOG_CELLS = 92
FRAME_CELLS = 6
"""The dialog's frame, its margins, and the bar that scrolls it."""


@dataclass(frozen=True)
class Key:
    """One thing that keys do."""

    key: str
    """As it is written on the keyboard; several with blanks."""
    meaning: str
    id: str
    """Its name in `[tui.keys]`."""


class HelpScreen(ModalScreen[None]):
    """Help for one pane, then the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,question_mark,q,enter",
            "dismiss(None)",
            "close",
            tooltip="Go back to where you were.",
            id="help.close",
        ),
    ]

    def __init__(self, pane: Pane | None, keys: Mapping[str, Sequence[Key]]) -> None:
        """Explain `pane`, and `keys` in groups by their titles."""
        super().__init__()
        self._pane = pane
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Lay the help out."""
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = "Help"
            dialog.border_subtitle = "arrows scroll, Esc closes"
            if self._pane is not None:
                yield Static(Content.styled(f"Pane {self._pane.digit}, {self._pane.NAME}", "bold"))
                yield Static(Content(self._pane.HELP or ""), classes="paragraph")
            for title, keys in self._keys.items():
                yield Static(Content.styled(title, "bold"))
                yield from self._rows(keys)
                yield Static("")
            yield Static(
                Content.styled(
                    "Another key: by the name in the middle, in the section [tui.keys] of "
                    'autoresearch.toml, for example pause = "space".',
                    "$text-muted",
                )
            )

    def _rows(self, keys: Sequence[Key]) -> Iterator[Static]:
        margin = KEY_CELLS + NAME_CELLS + 1
        room = min(DIALOG_CELLS, self.app.size.width) - FRAME_CELLS - margin  # pyright: ignore[reportUnknownMemberType]
        for each in keys:
            meaning = f"\n{' ' * margin}".join(wrap(each.meaning, max(20, room)))
            yield Static(
                Content.assemble(
                    (f"{each.key:>{KEY_CELLS}} ", "$accent bold"),
                    f"{each.id:<{NAME_CELLS}}",
                    (meaning, "$text-muted"),
                )
            )
