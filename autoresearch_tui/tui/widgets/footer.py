"""The last row: the keys that do something now, or the answer to the last one."""

from typing import cast

from textual.geometry import Size
from textual.signal import Signal

from autoresearch_tui.tui.text import Line, width_of
from autoresearch_tui.tui.verbs import VERBS
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.words import GLYPHS, LABLESS, Word

SAY_S = 8.0
FOR_THE_LAB = ("pause", "steer", "kill", "stop")
OF_REPLAY = ("play", "speed(1)", "speed(-1)", "jump(-1)", "jump(1)")
"""What moves a replay comes before all else."""
RANKS = {verb.id: rank for rank, verb in enumerate(VERBS)} | dict.fromkeys(OF_REPLAY, -2)
OF_SCREENS = ("open", "filter")
"""What comes first among a screen's own keys; what all screens have comes last."""
OF_ALL_SCREENS = ("zoom",)
GAP = "  "


class VerbsFirst:
    """Marks a screen in whose footer the verbs come before its own keys."""


class Footer(Canvas):
    """Shows the bindings of the screen, and for a while what was answered."""

    def __init__(self) -> None:
        """Make a footer with nothing to say."""
        super().__init__()
        self._said: tuple[str, str] | None = None

    def on_mount(self) -> None:
        """Follow what the focused pane offers."""
        signal = cast(
            "Signal[object]",
            self.screen.bindings_updated_signal,  # pyright: ignore[reportUnknownMemberType]
        )
        signal.subscribe(self, lambda _: self.redraw())

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence in place of the keys, until a while has passed."""
        self._said = (text, style)
        self.redraw()
        self.set_timer(SAY_S, lambda: self._unsay(text))

    def _unsay(self, text: str) -> None:
        if self._said is not None and self._said[0] == text:
            self._said = None
            self.redraw()

    def draw(self, size: Size) -> list[Line]:
        """Return the row."""
        width = size.width
        if self._said is not None:
            text, style = self._said
            return [((f" {text}", f"strong {style}"),)]
        word = self.night.word
        labless = self.night.loaded and word in LABLESS
        shown: dict[str, Line] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            hidden = binding.system or (labless and binding.action in FOR_THE_LAB)
            if binding.show and enabled and not hidden and binding.action not in shown:
                key = binding.key_display or self.viewer.get_key_display(binding)
                name = binding.description
                if binding.action == "pause" and self.night.state.paused:
                    name = "resume"
                shown[binding.action] = ((key, "key"), (f" {name}{GAP}", "muted"))
        line: list[tuple[str, str]] = [(" ", "")]
        help_item = shown.pop("help", ())
        # The gap behind the last key may be cut.
        room = width - 1 - width_of(help_item) + len(GAP)
        if labless and "open" in shown:
            told = self._how_to_go_on(word, room - width_of(shown.get("detach", ())))
            line.append((told, f"strong {GLYPHS[word][1]}"))
            room -= len(told)
        # On the main screen the verbs matter most; elsewhere what only that screen can do.
        others = len(RANKS) if isinstance(self.screen, VerbsFirst) else -1
        for action in sorted(shown, key=lambda each: (RANKS.get(each, others), _place(each))):
            if width_of(shown[action]) <= room:
                room -= width_of(shown[action])
                line.extend(shown[action])
        *row, (last, style) = (*line, *(help_item if room >= 0 else ()))
        return [(*row, (last.rstrip(), style))]

    def _how_to_go_on(self, word: Word, room: int) -> str:
        """Return what became of the lab and how to go on, as long as there is room for it.

        The header says what became of it too; the way out of the screen is said here alone.
        """
        command = f"autoresearch run --tag {self.night.session.tag}"
        brief = f"Go on with: {command}  "
        forms = (f"{LABLESS[word]} {brief}", brief, f"{command}  ")
        return next((form for form in forms if len(form) <= room), forms[-1])


def _place(action: str) -> int:
    """Return where an action comes among those of its screen."""
    if action in OF_SCREENS:
        return OF_SCREENS.index(action) - len(OF_SCREENS)
    return int(action in OF_ALL_SCREENS)
