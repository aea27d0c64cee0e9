"""The cockpit: follows a night at two looks a second, and passes verbs on to its lab."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen

from autoresearch_tui.session import LabLife, Session
from autoresearch_tui.tui import news, terminal, themes, verbs
from autoresearch_tui.tui.actions import Actions
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.experiment import ExperimentScreen
from autoresearch_tui.tui.screens.help import HelpScreen
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.text import bpb, one_line
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.reasoning import NOTICE_STYLES

READ_INTERVAL_S = 0.5
GENERAL_KEYS = [
    ("1-6", "panes", "Go to a pane; Tab goes through them."),
    ("z", "zoom", "Fill the screen with the focused pane, or show all."),
    ("ctrl+p", "commands", "Find a command by its name; change the theme."),
]


class Loaded(Message):
    """A night was read from its first fact on."""

    def __init__(self, night: Night) -> None:
        """Hand the night over."""
        super().__init__()
        self.night = night


class Cockpit(Actions):
    """Shows one night. It holds no state of its own: leaving and coming back changes nothing."""

    CSS_PATH = "cockpit.tcss"
    TITLE = "autoresearch"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [verb.binding for verb in verbs.VERBS]

    def __init__(
        self,
        session: Session,
        *,
        ascii_only: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Show `session`; `now` is the clock that times left are counted by."""
        super().__init__()
        self.session = session
        self.ascii_only = ascii_only
        self.night = Night(session, now)
        self._now = now
        self._noticed_at = 0.0
        self.register_theme(themes.NIGHT)
        self.register_theme(themes.DAY)
        self.theme = themes.NIGHT.name
        self.set_class(ascii_only, "-ascii")

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's variables and our shades of them."""
        variables = super().get_css_variables()
        return variables | themes.shades(variables)

    def get_default_screen(self) -> Screen[None]:
        """Begin with the main screen."""
        return CockpitScreen()

    def on_mount(self) -> None:
        """Paint first, then read a journal of any length."""
        self.call_after_refresh(self._load)

    @work(thread=True)
    def _load(self) -> None:
        night = Night(self.session, self._now)
        night.read()
        self.post_message(Loaded(night))

    def on_loaded(self, message: Loaded) -> None:
        """Begin to follow a night that was read up to now."""
        self.night = message.night
        self._show()
        self.set_interval(READ_INTERVAL_S, self.look)

    def look(self) -> None:
        """Take in what was written, and draw what changed."""
        if self.night.read() or self.night.lively:
            self._show()
        self._notify_terminal()

    def _show(self) -> None:
        if not self.is_running:
            # On the way out, what would be drawn on is already gone.
            return
        with self.batch_update():
            self.ask_for_approval()
            if isinstance(self.screen, PanedScreen) and self.screen.is_mounted:
                self.screen.show_night()
            self._say_notice()

    def _notify_terminal(self) -> None:
        """Have the terminal tell who looks elsewhere what is worth it."""
        if self._driver is None:
            return
        for text in self.night.news:
            title = f"autoresearch {self.session.tag}"
            self._driver.write(news.notification(title, text, os.environ))

    def _say_notice(self) -> None:
        """Show the newest notice of the present lab once."""
        state = self.night.state
        notice = state.notices[-1] if state.notices else None
        if notice is not None and notice.at > self._noticed_at:
            self._noticed_at = notice.at
            if notice.at < (state.lab_started_at or 0.0):
                return
            self.say(one_line(notice.text), NOTICE_STYLES[notice.level])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the verbs that mean something now."""
        verb = verbs.BY_ID.get(action)
        if verb is not None:
            return verb.means_something(self.night)
        return super().check_action(action, parameters)

    def on_cockpit_screen_opened(self, event: CockpitScreen.Opened) -> None:
        """Show one experiment by itself."""
        self.push_screen(ExperimentScreen(event.number))

    def action_help(self) -> None:
        """Explain the focused pane and the keys."""
        focused = self.screen.focused
        keys: dict[str, tuple[str, str, str]] = {}
        for _, binding, _, _ in self.screen.active_bindings.values():
            of_pane = (binding.id or "pane.").startswith("pane.")
            if binding.tooltip and not of_pane and binding.action not in keys:
                key = binding.key_display or self.get_key_display(binding)
                keys[binding.action] = (key, binding.description, binding.tooltip)
        pane = focused if isinstance(focused, Pane) else None
        self.push_screen(HelpScreen(pane, [*keys.values(), *GENERAL_KEYS]))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every verb in the palette too."""
        for _, binding, enabled, tooltip in screen.active_bindings.values():
            if enabled and (tooltip or binding.tooltip) and not binding.system:
                run = partial(screen.run_action, binding.action)
                yield SystemCommand(
                    binding.description.capitalize(), tooltip or binding.tooltip, run
                )
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)


def run(session: Session, *, ascii_only: bool = False) -> str:
    """Show a session until the person leaves, and return a closing sentence."""
    cockpit = Cockpit(session, ascii_only=ascii_only or not terminal.speaks_utf8())
    terminal.end_when_hung_up()
    # Over a slow link each movement of the mouse would cost a round trip.
    cockpit.run(mouse=not terminal.over_ssh())
    return closing_sentence(cockpit.night)


def closing_sentence(night: Night) -> str:
    """Return what to know after the screen closed: how the night goes on, and how to."""
    tag, best = night.session.tag, night.state.best
    metric = one_line(night.state.metric)
    found = f" Best {metric} so far: {bpb(best.val_bpb)} (#{best.number})." if best else ""
    if night.life in (LabLife.ALIVE, LabLife.SILENT):
        again = f"autoresearch attach --tag {tag}"
        return f"The lab of session {tag} goes on without this screen.{found} Watch it: {again}"
    again = f"autoresearch run --tag {tag}"
    return f"Session {tag} has no lab running.{found} Go on with: {again}"
