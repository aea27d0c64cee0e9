"""The cockpit: follows a night at two looks a second, and passes verbs on to its lab."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from autoresearch_tui.control import client
from autoresearch_tui.control.messages import (
    AnyCommand,
    Approve,
    Kill,
    Pause,
    Promote,
    Reject,
    Resume,
    Skip,
    Steer,
    Stop,
    Undo,
)
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.session import LabLife, Session
from autoresearch_tui.tui import news, terminal, themes
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.screens.approval import ApprovalScreen
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.dialogs import AskScreen, ChoiceScreen
from autoresearch_tui.tui.screens.experiment import ExperimentScreen
from autoresearch_tui.tui.screens.help import HelpScreen
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.text import bpb, one_line
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.footer import Footer
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


class Answered(Message):
    """A lab answered a command, or none did."""

    def __init__(self, text: str, style: str) -> None:
        """Say what, and in which style."""
        super().__init__()
        self.text = text
        self.style = style


class Cockpit(App[None]):
    """Shows one night. It holds no state of its own: leaving and coming back changes nothing."""

    CSS_PATH = "cockpit.tcss"
    TITLE = "autoresearch"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "approve", tooltip="Let the waiting experiment run.", id="approve"),
        Binding("r", "reject", "reject", tooltip="Refuse the waiting experiment.", id="reject"),
        Binding(
            "p",
            "pause",
            "pause",
            tooltip="Start nothing new after this run; pressed again: go on.",
            id="pause",
        ),
        Binding(
            "s",
            "steer",
            "steer",
            tooltip="Tell the agent something for its next proposal.",
            id="steer",
        ),
        Binding("k", "kill", "kill run", tooltip="End the run in flight. Asks first.", id="kill"),
        Binding(
            "P",
            "pause_now",
            "pause now",
            show=False,
            tooltip="End the run and pause; it begins anew when the session goes on.",
            id="pause_now",
        ),
        Binding(
            "n",
            "skip",
            "skip",
            show=False,
            tooltip="Pass over the experiment that comes next; it does not count.",
            id="skip",
        ),
        Binding(
            "u",
            "undo",
            "undo keep",
            show=False,
            tooltip="Go back to the keep before the best. Asks first.",
            id="undo",
        ),
        Binding(
            "w",
            "promote",
            "promote",
            show=False,
            tooltip="Write the best train.py into your work tree. Asks first.",
            id="promote",
        ),
        Binding("q", "detach", "leave", tooltip="Close the screen; the lab goes on.", id="detach"),
        Binding("x,S", "stop", "stop lab", tooltip="End the session. Asks first.", id="stop"),
        Binding(
            "question_mark",
            "help",
            "help",
            key_display="?",
            tooltip="Explain the focused pane and the keys.",
            id="help",
        ),
    ]

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
        self._asked_about: int | None = None
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
            self._ask_for_approval()
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

    def _ask_for_approval(self) -> None:
        """Put the question up once for each experiment, and take it down when it is settled."""
        awaiting = self.night.awaiting
        if isinstance(self.screen, ApprovalScreen):
            if awaiting is None or awaiting.number != self.screen.number:
                self.pop_screen()
            elif awaiting.commit != self.screen.commit:
                # It was carried over to another incumbent: another diff, and a new question.
                self.pop_screen()
                self._open_approval(awaiting)
        elif awaiting is None:
            self._asked_about = None
        elif isinstance(self.screen, PanedScreen) and awaiting.number != self._asked_about:
            self._open_approval(awaiting)

    def _open_approval(self, experiment: Experiment) -> None:
        number, commit = experiment.number, experiment.commit
        self._asked_about = number

        def decide(answer: str | None) -> None:
            match answer:
                case "approve":
                    self._send(Approve(by=client.sender(), experiment=number, commit=commit))
                case "reject":
                    self._ask_why(number)
                case _:
                    pass

        self.push_screen(ApprovalScreen(number, commit), decide)

    def _ask_why(self, number: int) -> None:
        def reject(reason: str | None) -> None:
            if reason is not None:
                self._send(Reject(by=client.sender(), experiment=number, reason=reason))

        explanation = "Why? The agent reads it with its next proposal; it may stay empty."
        self.push_screen(AskScreen(f"Reject #{number}", explanation, may_be_empty=True), reject)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the verbs that mean something now."""
        match action:
            case "approve" | "reject":
                return self.night.awaiting is not None
            case "kill":
                current = self.night.state.current
                run = current.last_run if current else None
                return run is not None and run.ended_at is None and self.night.lively
            case "skip":
                return self._skippable is not None
            case "undo":
                best = self.night.state.best
                return best is not None and best.parent is not None
            case "promote":
                return self.night.state.incumbent is not None
            case _:
                return super().check_action(action, parameters)

    def action_approve(self) -> None:
        """Show the waiting edit again: nobody approves what is not on the screen."""
        if (waiting := self.night.awaiting) is not None:
            self._open_approval(waiting)

    def action_reject(self) -> None:
        """Ask why the waiting edit is refused."""
        if (waiting := self.night.awaiting) is not None:
            self._ask_why(waiting.number)

    def action_pause(self) -> None:
        """Pause, or go on after a pause."""
        by = client.sender()
        self._send(Resume(by=by) if self.night.state.paused else Pause(by=by))

    def action_pause_now(self) -> None:
        """End the run and pause; an evaluation goes on to its verdict."""
        self._send(Pause(by=client.sender(), now=True))

    @property
    def _skippable(self) -> Experiment | None:
        """The experiment that comes next, or the one in flight where nothing is in line yet."""
        state = self.night.state
        latest = state.ahead or state.current
        return None if latest is None or latest.parent is None else latest

    def action_skip(self) -> None:
        """Ask why, and pass over the experiment that comes next."""
        if (experiment := self._skippable) is None:
            return
        number = experiment.number

        def skip(reason: str | None) -> None:
            if reason is not None:
                self._send(Skip(by=client.sender(), experiment=number, reason=reason))

        explanation = f"Pass over {one_line(experiment.title)}? Say why; it may stay empty."
        self.push_screen(AskScreen(f"Skip #{number}", explanation, may_be_empty=True), skip)

    def action_undo(self) -> None:
        """Make the keep before the best the incumbent again, if the person means it."""
        best = self.night.state.best
        if best is None or best.parent is None:
            return
        number = best.parent

        def undo(answer: str | None) -> None:
            if answer == "y":
                self._send(Undo(by=client.sender(), experiment=number))

        explanation = f"Undo #{best.number}, {one_line(best.title)}? Nothing of it is lost."
        choices = {"y": f"go on from #{number} instead"}
        self.push_screen(ChoiceScreen("Undo the last keep", explanation, choices), undo)

    def action_promote(self) -> None:
        """Write the best file into the work tree, if the person means it."""
        best = self.night.state.best
        if best is None:
            return
        number = best.number

        def promote(answer: str | None) -> None:
            if answer == "y":
                self._send(Promote(by=client.sender(), experiment=number))

        explanation = "It is refused where the file there has changes of yours."
        choices = {"y": f"write #{number}, {one_line(best.title)}"}
        self.push_screen(ChoiceScreen("Promote to the work tree", explanation, choices), promote)

    def action_steer(self) -> None:
        """Ask for a sentence and pass it on to the agent."""

        def steer(text: str | None) -> None:
            if text:
                self._send(Steer(by=client.sender(), text=text))

        explanation = "A sentence for the agent's next proposal, for example: try a larger batch"
        self.push_screen(AskScreen("Steer", explanation), steer)

    def action_kill(self) -> None:
        """End the run in flight, if the person means it."""
        current = self.night.state.current
        if current is None:
            return
        number = current.number

        def kill(answer: str | None) -> None:
            if answer == "y":
                self._send(Kill(by=client.sender(), experiment=number))

        explanation = f"End the run of #{number}, {one_line(current.title)}? Its time is lost."
        choices = {"y": "kill it; its verdict is then: killed"}
        self.push_screen(ChoiceScreen("Kill the run", explanation, choices), kill)

    def action_stop(self) -> None:
        """End the lab, if the person means it."""

        def stop(answer: str | None) -> None:
            if answer is not None:
                self._send(Stop(by=client.sender(), now=answer == "n"))

        choices = {
            "f": "finish the run in flight, then stop",
            "n": "stop now; the run begins anew when the session goes on",
        }
        explanation = "End the session? (q only closes this screen and lets the lab go on.)"
        self.push_screen(ChoiceScreen("Stop the lab", explanation, choices), stop)

    def on_cockpit_screen_opened(self, event: CockpitScreen.Opened) -> None:
        """Show one experiment by itself."""
        self.push_screen(ExperimentScreen(event.number))

    def action_detach(self) -> None:
        """Close the screen and leave the lab alone."""
        self.exit()

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

    @work(thread=True)
    def _send(self, command: AnyCommand) -> None:
        try:
            reply = client.send(self.session.socket, command)
        except client.LabSilent as error:
            answer = f"Perhaps not done: {error}. Look at its log: autoresearch log", "bad"
        except client.LabUnreachable as error:
            restart = f"autoresearch run --tag {self.session.tag}"
            answer = f"Not done: {error}. Start the lab with: {restart}", "bad"
        else:
            answer = one_line(reply.detail), "good" if reply.ok else "bad"
        self.post_message(Answered(*answer))

    def on_answered(self, message: Answered) -> None:
        """Show what the lab said."""
        self.say(message.text, message.style)

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence in the last row."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, PanedScreen):
                screen.query_one(Footer).say(text, style)
                return


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
