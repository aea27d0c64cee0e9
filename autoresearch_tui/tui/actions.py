"""What the verbs do: most ask a short question, and then send one command to the lab."""

from autoresearch_tui.control import client
from autoresearch_tui.control.messages import (
    AddIdea,
    DropIdea,
    Kill,
    MoveIdea,
    Pause,
    Promote,
    Resume,
    Skip,
    Steer,
    Stop,
    Undo,
)
from autoresearch_tui.session import Session
from autoresearch_tui.tui.approving import Approving
from autoresearch_tui.tui.screens.dialogs import AskScreen, ChoiceScreen
from autoresearch_tui.tui.screens.memory import MemoryScreen
from autoresearch_tui.tui.screens.picker import PickerScreen
from autoresearch_tui.tui.screens.program import ProgramScreen
from autoresearch_tui.tui.screens.steer import SteerScreen
from autoresearch_tui.tui.text import one_line
from autoresearch_tui.tui.verbs import skippable
from autoresearch_tui.tui.widgets.canvas import Pane


class Actions(Approving):
    """An app with an action for every verb of `verbs.VERBS`."""

    def action_pause(self) -> None:
        """Pause, or go on after a pause."""
        by = client.sender()
        self.tell(Resume(by=by) if self.night.state.paused else Pause(by=by))

    def action_pause_now(self) -> None:
        """End the run and pause; an evaluation goes on to its verdict."""
        self.tell(Pause(by=client.sender(), now=True))

    def action_skip(self) -> None:
        """Ask why, and pass over the experiment that comes next."""
        if (experiment := skippable(self.night)) is None:
            return
        number = experiment.number

        def skip(reason: str | None) -> None:
            if reason is not None:
                self.tell(Skip(by=client.sender(), experiment=number, reason=reason))

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
                self.tell(Undo(by=client.sender(), experiment=number))

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
                self.tell(Promote(by=client.sender(), experiment=number))

        edited = one_line(self.night.state.edited_file)
        explanation = (
            f"Write {edited} of #{number}, {one_line(best.title)}, into your work tree? "
            "It is refused where the file there has changes of yours."
        )
        choices = {"y": "write it"}
        self.push_screen(ChoiceScreen("Promote the best", explanation, choices), promote)

    def action_steer(self) -> None:
        """Ask for a sentence and pass it on to the agent."""

        def steer(text: str | None) -> None:
            if text:
                self.tell(Steer(by=client.sender(), text=text))

        self.push_screen(SteerScreen(self.night.state.steering), steer)

    def action_program(self) -> None:
        """Show the person's instructions to the agent."""
        self.push_screen(ProgramScreen())

    def on_program_screen_edit_asked(self, message: ProgramScreen.EditAsked) -> None:
        """Have the person edit their instructions."""
        if self.run_editor(message.path):
            self.say(message.screen.effect(), "good")
        message.screen.show_night()

    def action_memory(self) -> None:
        """Show the agents' notes, and the backlog of ideas."""
        self.push_screen(MemoryScreen())

    def on_memory_screen_wanted(self, message: MemoryScreen.Wanted) -> None:
        """Change notes or ideas as the person wants."""
        by, idea, place = client.sender(), message.idea, message.place
        match message.change:
            case "edit":
                self.edit_page()
            case "add":
                self._ask_for_idea()
            case "drop" if idea is not None:
                self.tell(DropIdea(by=by, idea=idea.idea))
            case "up" if idea is not None and place > 1:
                self.tell(MoveIdea(by=by, idea=idea.idea, place=place - 1))
            case "down" if idea is not None and place < len(self.night.state.backlog):
                self.tell(MoveIdea(by=by, idea=idea.idea, place=place + 1))
            case _:
                pass

    def _ask_for_idea(self) -> None:
        def add(text: str | None) -> None:
            if text:
                self.tell(AddIdea(by=client.sender(), text=text))

        explanation = "What should be tried one day? It comes before the agents' own ideas."
        self.push_screen(AskScreen("A new idea", explanation), add)

    def action_kill(self) -> None:
        """End the run in flight, if the person means it."""
        current = self.night.state.current
        if current is None:
            return
        number = current.number

        def kill(answer: str | None) -> None:
            if answer == "y":
                self.tell(Kill(by=client.sender(), experiment=number))

        explanation = f"End the run of #{number}, {one_line(current.title)}? Its time is lost."
        choices = {"y": "kill it; its verdict is then: killed"}
        self.push_screen(ChoiceScreen("Kill the run", explanation, choices), kill)

    def action_stop(self) -> None:
        """End the lab, if the person means it."""

        def stop(answer: str | None) -> None:
            if answer is not None:
                self.tell(Stop(by=client.sender(), now=answer == "n"))

        choices = {
            "f": "finish the run in flight, then stop",
            "n": "stop now; the run begins anew when the session goes on",
        }
        explanation = "End the session? (q only closes this screen and lets the lab go on.)"
        self.push_screen(ChoiceScreen("Stop the lab", explanation, choices), stop)

    def action_detach(self) -> None:
        """Close the screen and leave the lab alone."""
        self.exit()

    def action_copy(self) -> None:
        """Copy what the focused pane hands out."""
        pane = self.screen.focused
        handed = pane.copied() if isinstance(pane, Pane) else None
        if handed is None:
            self.say("There is nothing to copy here; go to a pane by its digit first.", "warn")
        else:
            self.copy(*handed)

    def action_sessions(self) -> None:
        """Ask for another session of the repository, and go there."""

        def go(chosen: Session | None) -> None:
            if chosen is not None and chosen != self.session:
                # The list is still on its way out.
                self.call_later(self.show_session, chosen)

        self.push_screen(PickerScreen(self.session), go)

    def action_commands(self) -> None:
        """Find a verb by its name."""
        self.action_command_palette()
