"""The cockpit: follows a night at two looks a second, and passes verbs on to its lab."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES, Theme
from textual.timer import Timer

from autoresearch_tui.session import LabLife, Session
from autoresearch_tui.tui import clipboard, news, terminal, themes, verbs
from autoresearch_tui.tui.actions import Actions
from autoresearch_tui.tui.layout import Layout, user_folder
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.experiment import ExperimentScreen
from autoresearch_tui.tui.screens.help import HelpScreen, in_ascii, keys_of
from autoresearch_tui.tui.screens.palette import Palette
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.stream import NOTICE_STYLES
from autoresearch_tui.tui.text import bpb, one_line
from autoresearch_tui.tui.widgets.canvas import Pane

READ_INTERVAL_S = 0.5
SHORT_BYTES = 512 * 1024
"""A journal of this size is read in the time that an empty screen would take to be painted."""
MOVING_KEYS = {"up", "down", "left", "right", "pageup", "pagedown", "home", "end"}


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
    """Beside the key of the verb `commands`, for those who know it from elsewhere."""
    BINDINGS: ClassVar[list[BindingType]] = [verb.binding for verb in verbs.VERBS]

    def __init__(
        self,
        session: Session,
        *,
        ascii_only: bool = False,
        now: Callable[[], float] = time.time,
        theme: str | None = None,
        keymap: Mapping[str, str] | None = None,
        folder: Path | None = None,
        pick: bool = False,
    ) -> None:
        """Show `session`.

        Args:
            session: whose files are followed.
            ascii_only: draw with ASCII characters alone.
            now: the clock that times left are counted by.
            theme: a theme's name, over what the person chose last; unknown ones count for none.
            keymap: keys by binding ids, as `keys.keymap` returns them.
            folder: where the person's choices and copies are kept; nowhere without one.
            pick: ask first which of the repository's sessions to show.
        """
        # Without colours Textual would still paint in greys, unless the terminal's own are meant.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.session = session
        self.ascii_only = ascii_only
        self.night = Night(session, now)
        self.folder = folder
        self.layout = Layout(folder)
        self._now = now
        self._pick = pick
        self._noticed_at = 0.0
        self._looking: Timer | None = None
        for ours in themes.OURS:
            self.register_theme(ours)
        self._theme_choice = themes.choice_of(os.environ)
        wanted = theme or self.layout.get(self._theme_choice)
        known = wanted in self.available_themes
        self.theme = wanted if wanted and known else themes.default(os.environ).name
        self.set_keymap(dict(keymap or {}))
        self.set_class(ascii_only, "-ascii")

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's variables and our shades of them."""
        variables = super().get_css_variables()
        return variables | themes.shades(variables)

    def get_default_screen(self) -> Screen[None]:
        """Begin with the main screen."""
        return CockpitScreen()

    def _keep_theme(self, theme: Theme) -> None:
        self.layout.put(self._theme_choice, theme.name)

    def on_mount(self) -> None:
        """Read a short journal before the first paint, a long one after it."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        if _size(self.session.journal) <= SHORT_BYTES:
            self.night.read()
            self.call_after_refresh(self.post_message, Loaded(self.night))
        else:
            self.call_after_refresh(self._load)
        if self._pick:
            self.action_sessions()

    @work(thread=True)
    def _load(self) -> None:
        night = Night(self.session, self._now)
        night.read()
        self.post_message(Loaded(night))

    def on_loaded(self, message: Loaded) -> None:
        """Begin to follow a night that was read up to now."""
        if message.night.session != self.session:
            return
        self.night = message.night
        self._show()
        terminal.started()
        if self._looking is None:
            self._looking = self.set_interval(READ_INTERVAL_S, self.look)

    async def show_session(self, session: Session) -> None:
        """Show another session from its start, on fresh panes."""
        self.session = session
        self.night = Night(session, self._now)
        self._asked_about, self._permission_shown, self._noticed_at = None, None, 0.0
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        # What panes remember is of another night.
        await self.screen.recompose()  # pyright: ignore[reportUnknownMemberType]
        if isinstance(self.screen, PanedScreen):
            self.screen.begin()
        self.call_after_refresh(self._load)

    def look(self) -> None:
        """Take in what was written, and draw what changed."""
        if not self.night.loaded:
            return
        if self.night.read() or self.night.lively:
            self._show()
        self._notify_terminal()

    def _show(self) -> None:
        if not self.is_running:
            # On the way out, what would be drawn on is already gone.
            return
        with self.batch_update():
            self.ask_what_waits()
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
        pane = focused if isinstance(focused, Pane) else None
        self.push_screen(HelpScreen(pane, keys_of(self.screen, self.get_key_display)))

    def action_command_palette(self) -> None:
        """Find a verb by its name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(placeholder="What is to be done?", id="--command-palette"))

    def copy(self, what: str, text: str) -> None:
        """Copy text to the terminal's clipboard and to a file; `what` it is, for the answer."""
        self.copy_to_clipboard(text)
        what = f"{what} ({len(text):,} characters)"
        if self.folder is None:
            self.say(f"Copied to the terminal's clipboard: {what}", "good")
            return
        try:
            where = clipboard.told(clipboard.keep(self.folder, text))
        except OSError as error:
            why = f"no file, {error.strerror}"
            self.say(f"Copied to the terminal's clipboard alone ({why}): {what}", "warn")
        else:
            self.say(f"Copied to {where} and the clipboard: {what}", "good")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every verb in the palette too, and say its key."""
        offered: set[str] = set()
        for _, binding, enabled, tooltip in screen.active_bindings.values():
            # Nobody moves a cursor, or goes to a pane, by typing its name; what has several keys
            # is one thing.
            moves = not binding.show and (binding.key in MOVING_KEYS or binding.key.isdigit())
            if not enabled or moves or binding.id is None or binding.id in offered:
                continue
            offered.add(binding.id)
            run = partial(screen.run_action, binding.action)
            key = binding.key_display or self.get_key_display(binding)
            told = f"{in_ascii(key) if self.ascii_only else key}  {tooltip or binding.tooltip}"
            yield SystemCommand(binding.description.capitalize(), told, run)
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)


def run(
    session: Session,
    *,
    ascii_only: bool = False,
    theme: str | None = None,
    keymap: Mapping[str, str] | None = None,
    pick: bool = False,
) -> str:
    """Show a session until the person leaves, and return a closing sentence.

    `Cockpit` says what the arguments are.
    """
    terminal.starting()
    cockpit = Cockpit(
        session,
        ascii_only=ascii_only or not terminal.speaks_utf8(),
        theme=theme,
        keymap=keymap,
        folder=user_folder(),
        pick=pick,
    )
    terminal.end_when_hung_up()
    # Over a slow link each movement of the mouse would cost a round trip.
    cockpit.run(mouse=not terminal.over_ssh())
    return closing_sentence(cockpit.night)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def theme_names() -> list[str]:
    """Return the names of all themes, ours first."""
    return [theme.name for theme in themes.OURS] + sorted(BUILTIN_THEMES)


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
