"""What the screens with panes have in common: focus by digit, filling the screen, size classes."""

from typing import ClassVar, cast

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from autoresearch_tui.tui.layout import Layout
from autoresearch_tui.tui.widgets.canvas import COMPONENTS, Pane, Viewer
from autoresearch_tui.tui.widgets.footer import Footer

MIN_WIDTH, MIN_HEIGHT = 60, 20
BOXED_FROM = (100, 30)
"""From this size on, panes have a whole frame; below it, a rule above them."""
THREE_COLUMNS_FROM_WIDTH = 180


def back(screen: str, to: str = "the night") -> Binding:
    """Return the key that leaves a screen which lies on top of another."""
    return Binding(
        "escape",
        "app.pop_screen",
        "back",
        key_display="esc",
        tooltip=f"Go back to {to}.",
        id=f"{screen}.back",
    )


class PanedScreen(Screen[None]):
    """A screen of panes that follows the night."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                str(digit),
                f"focus_pane({digit})",
                f"pane {digit}",
                show=False,
                tooltip="Go to the pane with this number; Tab goes through them.",
                id=f"pane.{digit}",
            )
            for digit in range(1, 10)
        ),
        Binding(
            "z",
            "zoom",
            "zoom",
            tooltip="Fill the screen with the focused pane, or show all.",
            id="pane.zoom",
        ),
    ]

    KEPT_AS: ClassVar[str] = ""
    """Under which name the person's choices on this screen are kept; empty for not at all."""

    def show_night(self) -> None:
        """Draw what changed."""
        for pane in self.query(Pane):
            if pane.display:
                pane.redraw()
        self.query_one(Footer).redraw()

    def too_small(self) -> Static:
        """Return the sentence that stands in for the panes of a small terminal."""
        sentence = (
            f"Make this terminal {MIN_WIDTH}x{MIN_HEIGHT} or larger. q leaves; the lab goes on."
        )
        return Static(sentence, id="too-small")

    def on_resize(self, event: events.Resize) -> None:
        """Follow the terminal's size."""
        self._choose_layout(event.size)

    def _choose_layout(self, size: Size) -> None:
        width, height = size
        small = width < MIN_WIDTH or height < MIN_HEIGHT
        self.set_class(small, "-too-small")
        self.set_class(width >= BOXED_FROM[0] and height >= BOXED_FROM[1], "-boxed")
        self.set_class(width >= THREE_COLUMNS_FROM_WIDTH, "-three-columns")

    def on_mount(self) -> None:
        """Show what is known."""
        # On a busy machine the first size can be known before there is a screen to tell of it.
        self._choose_layout(self.app.size)  # pyright: ignore[reportUnknownMemberType]
        self.begin()

    def begin(self) -> None:
        """Show a night on new panes, as the person left them."""
        if isinstance(self.AUTO_FOCUS, str) and self.focused is None:
            self.set_focus(self.query(self.AUTO_FOCUS).first())
        self.call_after_refresh(self.restore)
        self.show_night()

    def restore(self) -> None:
        """Take up what the person chose last."""
        if self.KEPT_AS and (filled := self.kept.get(f"{self.KEPT_AS}.filled")):
            for pane in self.query(Pane):
                if pane.id == filled:
                    self._zoom(pane)
                    self.call_after_refresh(self.set_focus, pane)

    def keep(self, what: str, value: str) -> None:
        """Keep a choice for the person's next screen."""
        if self.KEPT_AS:
            self.kept.put(f"{self.KEPT_AS}.{what}", value)

    @property
    def kept(self) -> Layout:
        """What the person chose."""
        return cast("Viewer", self.app).layout  # pyright: ignore[reportUnknownMemberType]

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was on top."""
        if self.is_mounted:
            self.show_night()

    def action_focus_pane(self, digit: int) -> None:
        """Focus the pane of a digit; a zoomed screen shows that pane instead."""
        for pane in self.query(Pane):
            if pane.digit == digit:
                if self.has_class("-zoomed"):
                    self._zoom(pane)
                # A pane that was hidden can only be focused once it is laid out.
                self.call_after_refresh(self.set_focus, pane)

    def action_zoom(self) -> None:
        """Fill the screen with the focused pane, or show all of them."""
        if self.has_class("-zoomed"):
            self._zoom(None)
        elif isinstance(self.focused, Pane):
            self._zoom(self.focused)

    def _zoom(self, pane: Pane | None) -> None:
        self.set_class(pane is not None, "-zoomed")
        self.keep("filled", (pane.id or "") if pane else "")
        for each in self.query(Pane):
            each.set_class(each is pane, "-zoomed")
        for box in self.query("#progress"):
            box.set_class(pane is not None and pane.parent is box, "-zoomed")
