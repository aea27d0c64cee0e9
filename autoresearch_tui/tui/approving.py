"""Mode `ask` on the screen: the question is put up, taken down, and answered."""

from autoresearch_tui.control import client
from autoresearch_tui.control.messages import Approve, Reject
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.commanding import Commanding
from autoresearch_tui.tui.screens.approval import ApprovalScreen
from autoresearch_tui.tui.screens.dialogs import AskScreen
from autoresearch_tui.tui.screens.paned import PanedScreen


class Approving(Commanding):
    """An app that asks whether a waiting edit may run."""

    _asked_about: int | None = None

    def ask_for_approval(self) -> None:
        """Put the question up once for each experiment, and take it down when it is settled."""
        awaiting = self.night.awaiting
        if isinstance(self.screen, ApprovalScreen):
            if awaiting is None or awaiting.number != self.screen.number:
                self.pop_screen()
            elif awaiting.commit != self.screen.commit:
                # It was carried over to another incumbent: another diff, and a new question.
                self.pop_screen()
                self.open_approval(awaiting)
        elif awaiting is None:
            self._asked_about = None
        elif isinstance(self.screen, PanedScreen) and awaiting.number != self._asked_about:
            self.open_approval(awaiting)

    def open_approval(self, experiment: Experiment) -> None:
        """Put the question about an experiment up."""
        number, commit = experiment.number, experiment.commit
        self._asked_about = number

        def decide(answer: str | None) -> None:
            match answer:
                case "approve":
                    self.tell(Approve(by=client.sender(), experiment=number, commit=commit))
                case "reject":
                    self.ask_why(number)
                case _:
                    pass

        self.push_screen(ApprovalScreen(number, commit), decide)

    def ask_why(self, number: int) -> None:
        """Ask for a reason, and refuse the experiment of this number with it."""

        def reject(reason: str | None) -> None:
            if reason is not None:
                self.tell(Reject(by=client.sender(), experiment=number, reason=reason))

        explanation = "Why? The agent reads it with its next proposal; it may stay empty."
        self.push_screen(AskScreen(f"Reject #{number}", explanation, may_be_empty=True), reject)

    def action_approve(self) -> None:
        """Show the waiting edit again: nobody approves what is not on the screen."""
        if (waiting := self.night.awaiting) is not None:
            self.open_approval(waiting)

    def action_reject(self) -> None:
        """Ask why the waiting edit is refused."""
        if (waiting := self.night.awaiting) is not None:
            self.ask_why(waiting.number)
