"""A past night on the screen again, at any speed; no lab hears of it."""

import tempfile
import time
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.geometry import Size

from autoresearch_tui.control.messages import AnyCommand
from autoresearch_tui.session import Session, SessionError
from autoresearch_tui.tui import terminal, verbs
from autoresearch_tui.tui.app import Cockpit
from autoresearch_tui.tui.layout import user_folder
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.tape import Tape
from autoresearch_tui.tui.text import Line, width_of
from autoresearch_tui.tui.widgets.canvas import Canvas
from autoresearch_tui.tui.widgets.header import Header

SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Seconds of the night in a second before the screen."""
ELSEWHERE = ("sessions", "program")
"""Verbs of the screen alone that would lead out of the night that is played."""
HINT = "space pause  + - speed  ← → experiment "


class ReplayBar(Canvas):
    """One row: that this is no live night, how fast it plays, and how far it has come."""

    def draw(self, size: Size) -> list[Line]:
        """Return the row."""
        replay = self.app  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        assert isinstance(replay, Replay)
        tape, state = replay.tape, replay.night.state
        glyph = "■" if tape.ended else "‖" if replay.standing else "▶"
        latest = max(state.experiments, default=None)
        last = tape.proposals[-1][1] if tape.proposals else 0
        left: Line = (
            (f" REPLAY {glyph} {replay.speed:g}x ", "warn strong"),
            (time.strftime(" %H:%M:%S ", time.localtime(tape.moment)), "strong"),
            ("" if latest is None else f" #{latest} of {last}  ", ""),
        )
        words = "the end  " if tape.ended else HINT if size.width >= 100 else ""
        right: Line = ((f" {words}" if words else " ", "muted"),)
        room = size.width - width_of(left) - width_of(right) - 1
        if room < 2:
            return [left]
        length = tape.ends_at - tape.began_at
        share = min(1.0, max(0.0, (tape.moment - tape.began_at) / length)) if length > 0 else 1.0
        at = round(share * room)
        rail: Line = (("━" * at, "accent"), ("●", "accent strong"), ("─" * (room - at), "faint"))
        return [(*left, *rail, *right)]


class Replay(Cockpit):
    """The cockpit on a tape: it follows files, as ever, and moves the tape on that writes them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "pause", tooltip="Stand still, or go on.", id="replay.play"),
        Binding(
            "plus,equals_sign",
            "speed(1)",
            "faster",
            key_display="+",
            tooltip="Play faster.",
            id="replay.faster",
        ),
        Binding(
            "minus",
            "speed(-1)",
            "slower",
            key_display="-",
            tooltip="Play slower.",
            id="replay.slower",
        ),
        Binding(
            "left",
            "jump(-1)",
            "previous",
            key_display="←",
            tooltip="Go back to where the experiment before this one was proposed.",
            id="replay.previous",
        ),
        Binding(
            "right",
            "jump(1)",
            "next",
            key_display="→",
            tooltip="Go on to where the next experiment was proposed.",
            id="replay.next",
        ),
    ]

    def __init__(
        self,
        tape: Tape,
        speed: float,
        *,
        ascii_only: bool = False,
        theme: str | None = None,
        keymap: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Play `tape` at `speed`, from where it stands; the rest is as for a `Cockpit`."""
        super().__init__(
            tape.session,
            ascii_only=ascii_only,
            now=lambda: tape.moment,
            theme=theme,
            keymap=keymap,
            folder=folder,
        )
        self.tape = tape
        self.speed = speed
        self.standing = False
        self._looked_at: float | None = None

    def look(self) -> None:
        """Play what the time since the last look is worth, and show it."""
        now = time.monotonic()
        if self._looked_at is not None and not self.standing and not self.tape.ended:
            self.tape.run(now - self._looked_at, self.speed)
        self._looked_at = now
        super().look()
        self._show_bar()

    def _show_bar(self) -> None:
        screen = self.screen
        if isinstance(screen, PanedScreen) and screen.is_mounted:
            if bars := screen.query(ReplayBar):
                bars.first().redraw()
            elif headers := screen.query(Header):  # on the way in and out there is none
                screen.mount(ReplayBar(), after=headers.first())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer nothing that a lab would have to hear."""
        if action == "jump":
            return bool(self.tape.proposals)
        verb = verbs.BY_ID.get(action)
        if verb is not None and (verb.command or verb.id in ELSEWHERE):
            return False
        return super().check_action(action, parameters)

    def action_play(self) -> None:
        """Stand still, or go on; at the end, begin anew."""
        if self.tape.ended:
            self._go_to(self.tape.began_at)
            self.standing = False
        else:
            self.standing = not self.standing
        self._show_bar()

    def action_speed(self, by: int) -> None:
        """Take the next speed, up or down."""
        slower = [speed for speed in SPEEDS if speed < self.speed]
        faster = [speed for speed in SPEEDS if speed > self.speed]
        self.speed = (faster or SPEEDS[-1:])[0] if by > 0 else (slower or SPEEDS[:1])[-1]
        self._show_bar()

    def action_jump(self, by: int) -> None:
        """Go to the proposal before or after; past the last one, to the end."""
        moments = [at for at, _ in self.tape.proposals]
        at = bisect_right(moments, self.tape.moment) - 1 + by
        self._go_to(moments[max(0, at)] if at < len(moments) else self.tape.ends_at)

    def _go_to(self, moment: float) -> None:
        if self.tape.seek(moment):
            # What was read of the night is more than there is now.
            self.night = Night(self.session, self._now)
            self.night.read()
        self._looked_at = time.monotonic()
        self.look()

    def ask_what_waits(self) -> None:
        """Ask nothing: what was asked then was answered then."""

    def _notify_terminal(self) -> None:
        """Tell nobody what is long past."""

    @work
    async def tell(self, command: AnyCommand) -> None:  # noqa: ARG002
        """Tell no lab anything; no verb that would is offered."""
        self.say("This is a replay: no lab hears you. q leaves it.", "warn")


def run(
    recorded: Session,
    speed: float,
    *,
    start: int | None = None,
    ascii_only: bool = False,
    theme: str | None = None,
    keymap: Mapping[str, str] | None = None,
) -> str:
    """Play a session until the person leaves, and return a closing sentence.

    It begins where experiment `start` was proposed, or with the first fact. `Cockpit` says what
    the other arguments are.

    Raises:
        SessionError: nothing is recorded, or no such experiment.
    """
    with tempfile.TemporaryDirectory(prefix="autoresearch-replay-") as scratch:
        tape = Tape(recorded, Path(scratch))
        tape.seek(tape.began_at if start is None else _proposed_at(tape, start))
        terminal.starting()
        replay = Replay(
            tape,
            speed,
            ascii_only=ascii_only or not terminal.speaks_utf8(),
            theme=theme,
            keymap=keymap,
            folder=user_folder(),
        )
        terminal.end_when_hung_up()
        replay.run(mouse=not terminal.over_ssh())
        tape.close()
    return f"That was a replay of session {recorded.tag}. Its files are as they were."


def _proposed_at(tape: Tape, experiment: int) -> float:
    moments = {number: at for at, number in tape.proposals}
    if experiment not in moments:
        last = max(moments, default=None)
        known = "no experiment" if last is None else f"the experiments 0 to {last}"
        raise SessionError(f"Session {tape.recorded.tag} has {known}, and no #{experiment}.")
    return moments[experiment]
