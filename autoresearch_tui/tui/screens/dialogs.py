"""Small questions to the person: a sentence, or one of a few answers."""

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from autoresearch_tui.tui.ascii import to_ascii
from autoresearch_tui.tui.widgets.canvas import Viewer


class Dialog(ModalScreen[str | None]):
    """A question that can be turned away from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape",
            "dismiss(None)",
            "cancel",
            tooltip="Go back; nothing is done.",
            id="dialog.cancel",
        ),
    ]

    def __init__(self, title: str, explanation: str) -> None:
        """Ask under a title; the explanation says what becomes of the answer."""
        super().__init__()
        self._title = title
        self._explanation = explanation

    def shown(self, text: str) -> str:
        """Return the text as this terminal can show it."""
        viewer = cast("Viewer", self.app)  # pyright: ignore[reportUnknownMemberType]
        return to_ascii(text) if viewer.ascii_only else text


class AskScreen(Dialog):
    """Asks for a sentence; none when the person turns away."""

    def __init__(self, title: str, explanation: str, *, may_be_empty: bool = False) -> None:
        """Ask under a title; the explanation says what becomes of the sentence."""
        super().__init__(title, explanation)
        self._may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self.shown(self._title)
            yield Static(Content(self.shown(self._explanation)))
            answer = Input(max_length=2000)
            answer.cursor_blink = False
            yield answer
            yield Static(Content("Enter sends, Esc cancels"), classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the sentence back."""
        text = event.value.strip()
        if text or self._may_be_empty:
            self.dismiss(text)


class ChoiceScreen(Dialog):
    """Asks for one of a few answers, each by its letter; none when the person turns away."""

    def __init__(self, title: str, explanation: str, choices: dict[str, str]) -> None:
        """Ask under a title; `choices` is what each letter means."""
        super().__init__(title, explanation)
        self._choices = choices

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self.shown(self._title)
            yield Static(Content(self.shown(self._explanation)))
            for key, meaning in [*self._choices.items(), ("Esc", "cancel")]:
                yield Static(
                    Content.assemble((f"{key:>5}", "$accent bold"), "  ", self.shown(meaning)),
                    classes="choice",
                )

    def on_key(self, event: Key) -> None:
        """Take the letter of an answer."""
        if event.key in self._choices:
            event.stop()
            self.dismiss(event.key)
