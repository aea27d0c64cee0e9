"""What the focused pane shows, and what every key does."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from autoresearch_tui.tui.widgets.canvas import Pane


class HelpScreen(ModalScreen[None]):
    """Help for one pane, then the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss(None)", "close", id="help.close"),
    ]

    def __init__(self, pane: Pane | None, keys: list[tuple[str, str, str]]) -> None:
        """Explain `pane`, and `keys`: key, name and meaning of each."""
        super().__init__()
        self._pane = pane
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Lay the help out."""
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = "Help"
            dialog.border_subtitle = "Esc closes"
            if self._pane is not None:
                yield Static(Content.styled(f"Pane {self._pane.digit}, {self._pane.NAME}", "bold"))
                yield Static(Content(self._pane.HELP or ""), classes="paragraph")
            yield Static(Content.styled("Keys", "bold"))
            for key, name, meaning in self._keys:
                yield Static(
                    Content.assemble(
                        (f"{key:>7} ", "$accent bold"), f"{name:<13}", (meaning, "$text-muted")
                    )
                )
