"""What can be done with the experiment that a screen is on: mark, copy, run again."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from autoresearch_tui.control import client
from autoresearch_tui.control.messages import AnyCommand, again
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.screens.compare import CompareScreen
from autoresearch_tui.tui.screens.dialogs import ChoiceScreen
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.text import one_line

OF_CHOSEN = ("mark", "run_again", "copy_chosen", "open")


class Commander(Protocol):
    """What these screens need of their app."""

    night: Night

    def tell(self, command: AnyCommand) -> object:
        """Send a command to the lab; its answer is shown when it comes."""
        ...

    def push_screen(
        self, screen: Screen[Any], callback: Callable[[Any], None] | None = None
    ) -> object:
        """Show a screen; `callback` gets what it is closed with."""
        ...

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence in the last row."""
        ...

    def copy(self, what: str, text: str) -> None:
        """Copy text to the clipboard and to a file, and say so; `what` names it."""
        ...


class ChosenScreen(PanedScreen):
    """A screen of panes on which one experiment is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "m",
            "mark",
            "mark",
            tooltip="Mark the experiment; on a second one: compare the two.",
            id="chosen.mark",
        ),
        Binding(
            "e",
            "run_again",
            "run again",
            tooltip="Queue the experiment's file once more, to see how far it varies. Asks first.",
            id="chosen.run_again",
        ),
    ]

    @property
    def chosen(self) -> Experiment | None:
        """The experiment that the verbs are about."""
        raise NotImplementedError

    @property
    def commander(self) -> Commander:
        """The app, as far as these screens need it."""
        return cast("Commander", self.app)  # pyright: ignore[reportUnknownMemberType]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is done with an experiment only where there is one."""
        if action in OF_CHOSEN and self.chosen is None:
            return False
        return super().check_action(action, parameters)

    def action_mark(self) -> None:
        """Mark the experiment, take its mark away, or compare it with the marked one."""
        if (chosen := self.chosen) is None:
            return
        night, number = self.commander.night, chosen.number
        first, night.marked = night.marked, None
        if first is None:
            night.marked = number
            self.commander.say(f"#{number} is marked. m on another one compares the two.")
        elif first == number:
            self.commander.say(f"#{number} is no longer marked.")
        else:
            self.commander.push_screen(CompareScreen(first, number))
        self.show_night()

    def action_copy_chosen(self) -> None:
        """Ask what of the experiment is to be copied, and copy it."""
        if (chosen := self.chosen) is None:
            return
        number, commit = chosen.number, chosen.commit

        def copy(answer: str | None) -> None:
            diff = self.commander.night.diff(number) if answer == "d" else ""
            if answer == "h":
                self.commander.copy(f"the commit of #{number}", commit)
            elif diff:
                self.commander.copy(f"the diff of #{number}", diff)
            elif answer == "d":
                self.commander.say(f"No diff of #{number} is stored.", "warn")

        choices = {"h": f"its commit, {one_line(commit)[:12]}", "d": "its diff"}
        explanation = "To the terminal's clipboard, and to a file."
        self.commander.push_screen(ChoiceScreen(f"Copy of #{number}", explanation, choices), copy)

    def action_run_again(self) -> None:
        """Queue the experiment's file once more, if the person means it."""
        if (chosen := self.chosen) is None:
            return
        number = chosen.number
        train = self.commander.night.train_file(number)
        if not train:
            self.commander.say(f"The file of #{number} is not stored any more.", "warn")
            return

        def run(answer: str | None) -> None:
            if answer == "y":
                title = one_line(chosen.title)
                self.commander.tell(again(client.sender(), number, title, train))

        explanation = f"Run #{number}, {one_line(chosen.title)}, once more? It takes a whole run."
        choices = {"y": "queue it before the agent's next proposal"}
        self.commander.push_screen(ChoiceScreen(f"Run #{number} again", explanation, choices), run)
