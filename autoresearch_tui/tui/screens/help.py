"""What the focused pane shows, and what every key does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from autoresearch_tui.tui.ascii import to_ascii
from autoresearch_tui.tui.text import wrap
from autoresearch_tui.tui.verbs import BY_ID
from autoresearch_tui.tui.widgets.canvas import Pane, Viewer

GROUPS = ("This pane", "Verbs", "This screen", "Moving about")
ARROWS = {"↑": "up", "↓": "down", "←": "left", "→": "right"}
PANE_DIGITS = "pane.1"
"""Stands for the names of all digits in the help."""
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


def keys_of(screen: Screen[object], shown_as: Callable[[Binding], str]) -> dict[str, list[Key]]:
    """Return what keys do on a screen now, in groups by their titles.

    `shown_as` names the key of a binding; of panes only the digits that there are have one row.
    """
    digits = {f"pane.{pane.digit}" for pane in screen.query(Pane)}
    groups: dict[str, dict[str, Key]] = {title: {} for title in GROUPS}
    own, verb, here, moving = groups.values()
    for node, binding, _, _ in screen.active_bindings.values():
        name = binding.id
        if name is None or not binding.tooltip or binding.system:
            continue
        group = verb if name in BY_ID else own if node is screen.focused else here
        group = moving if name.startswith("pane.") else group
        key = binding.key_display or shown_as(binding)
        between = " "
        if binding.action.startswith("focus_pane"):
            if name not in digits:
                continue
            name, between = PANE_DIGITS, "-"
        if (known := group.get(name)) is not None:
            key = f"{known.key.partition('-')[0]}{between}{key}"
        group[name] = Key(key, binding.tooltip, name)
    return {title: list(each.values()) for title, each in groups.items() if each}


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
        """Lay the help out, in what the terminal can show."""
        ascii_only = cast("Viewer", self.app).ascii_only  # pyright: ignore[reportUnknownMemberType]
        show = in_ascii if ascii_only else str
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = "Help"
            dialog.border_subtitle = "arrows scroll, Esc closes"
            if self._pane is not None:
                yield Static(Content.styled(f"Pane {self._pane.digit}, {self._pane.NAME}", "bold"))
                yield Static(Content(show(self._pane.HELP or "")), classes="paragraph")
            for title, keys in self._keys.items():
                yield Static(Content.styled(title, "bold"))
                yield from self._rows([replace(each, key=show(each.key)) for each in keys])
                yield Static("")
            yield Static(
                Content.styled(
                    "Another key: by the name in the middle, in the section [tui.keys] of "
                    'autoresearch.toml, for example pause = "f9".',
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


def in_ascii(text: str) -> str:
    """Return text in ASCII, arrows by their names: a `v` would be another key."""
    for arrow, name in ARROWS.items():
        text = text.replace(arrow, name)
    return to_ascii(text)
