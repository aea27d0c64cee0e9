"""What waits for a person, on the screen: questions are put up, taken down, and answered."""

from autoresearch_tui.control import client
from autoresearch_tui.control.messages import Approve, Permit, Reject, SendBack, SetApproval
from autoresearch_tui.record.state import Experiment, Permission
from autoresearch_tui.record.vocabulary import ApprovalMode, Status
from autoresearch_tui.tui.editing import Editing
from autoresearch_tui.tui.screens.approval import ApprovalScreen
from autoresearch_tui.tui.screens.dialogs import AskScreen, ChoiceScreen
from autoresearch_tui.tui.screens.paned import PanedScreen
from autoresearch_tui.tui.screens.permission import PermissionScreen
from autoresearch_tui.tui.text import one_line


class Approving(Editing):
    """An app that asks whether a waiting edit may run, and what an agent may do."""

    _asked_about: tuple[int, str] | None = None
    """The experiment, and its commit, that the question was put up about last."""

    _permission_shown: int | None = None
    """The request of an agent that was put up last."""

    def ask_what_waits(self) -> None:
        """Put up what a person is asked, and take down what is settled."""
        # What an agent asks for waits a minute, an edit perhaps the whole night.
        self._ask_for_permission()
        self._ask_for_approval()

    def _ask_for_permission(self) -> None:
        """Put each request up once, and take it down when it is answered."""
        asked, shown = self.night.asked, self.screen
        if isinstance(shown, PermissionScreen):
            if asked is not None and asked.request == shown.permission.request:
                return
            self.pop_screen()
            known = self.night.state.permissions.get(shown.permission.request)
            if known is not None and known.allowed is not None:
                answer = "allowed" if known.allowed else "refused"
                self.say(f"{answer} by {one_line(known.answered_by)}", "note")
        can_ask = isinstance(shown, PermissionScreen | ApprovalScreen | PanedScreen)
        if asked is not None and can_ask and asked.request != self._permission_shown:
            self._open_permission(asked)

    def _open_permission(self, asked: Permission) -> None:
        """Put what an agent asks for up."""
        number = self._permission_shown = asked.request

        def answer(given: str | None) -> None:
            if given in ("allow", "refuse"):
                allowed = given == "allow"
                self.tell(Permit(by=client.sender(), request=number, allowed=allowed))

        self.push_screen(PermissionScreen(asked), answer)

    def action_allow(self) -> None:
        """Show again what an agent asks for: nobody allows what is not on the screen."""
        if (asked := self.night.asked) is not None:
            self._open_permission(asked)

    def action_refuse(self) -> None:
        """Refuse what an agent asks for."""
        if (asked := self.night.asked) is not None:
            self.tell(Permit(by=client.sender(), request=asked.request, allowed=False))

    def _ask_for_approval(self) -> None:
        """Put the question up once for each version, and take it down when it is settled."""
        awaiting = self.night.awaiting
        shown = self.screen if isinstance(self.screen, ApprovalScreen) else None
        if shown is not None:
            if awaiting is not None and _version(awaiting) == (shown.number, shown.commit):
                if shown.is_mounted:
                    shown.show_night()
                return
            self.pop_screen()
            if decided := self._decided(shown.number):
                self.say(decided, "note")
            # Changed by a person, or carried over to another incumbent: a new question.
            if awaiting is not None:
                self.open_approval(awaiting)
        elif awaiting is None:
            self._asked_about = None
        elif isinstance(self.screen, PanedScreen) and _version(awaiting) != self._asked_about:
            self.open_approval(awaiting)

    def _decided(self, number: int) -> str | None:
        """Return who decided on an experiment, and how, in words for somebody who was about to."""
        each = self.night.state.experiments.get(number)
        if each is not None and each.approved_by is not None:
            return f"#{number} was approved by {one_line(each.approved_by)}"
        if each is not None and each.status is Status.REJECTED:
            return f"#{number} was rejected: {one_line(each.reason)}"
        return None

    def open_approval(self, experiment: Experiment) -> None:
        """Put the question about an experiment up."""
        number, commit = experiment.number, experiment.commit
        self._asked_about = number, commit

        def decide(answer: str | None) -> None:
            by = client.sender()
            match answer:
                case "approve":
                    self.tell(Approve(by=by, experiment=number, commit=commit))
                case "all":
                    self.tell(SetApproval(by=by, mode="auto", experiment=number, commit=commit))
                case _:
                    pass

        self.push_screen(ApprovalScreen(number, commit), decide)

    def on_approval_screen_begun(self, message: ApprovalScreen.Begun) -> None:
        """Ask for what the answer lacks; the question stands below until it is given."""
        match message.answer:
            case "reject":
                self.action_reject()
            case "edit":
                self.action_edit()
            case "back":
                self.action_send_back()

    def _answer(self, command: Reject | SendBack) -> None:
        """Give an answer that was begun on the question, and take that down."""
        if isinstance(self.screen, ApprovalScreen):
            self.pop_screen()
        self.tell(command)

    def ask_why(self, number: int) -> None:
        """Ask for a reason, and refuse the experiment of this number with it."""

        def reject(reason: str | None) -> None:
            if reason is not None:
                self._answer(Reject(by=client.sender(), experiment=number, reason=reason))

        explanation = "Why? The agent reads it with its next proposal; it may stay empty."
        self.push_screen(AskScreen(f"Reject #{number}", explanation, may_be_empty=True), reject)

    def ask_what_instead(self, number: int) -> None:
        """Ask for a sentence, and send the experiment of this number back with it."""

        def send_back(text: str | None) -> None:
            if text:
                self._answer(SendBack(by=client.sender(), experiment=number, text=text))

        explanation = "What should be otherwise? The agent proposes again, and is told this."
        self.push_screen(AskScreen(f"Send #{number} back", explanation), send_back)

    def action_approve(self) -> None:
        """Show the waiting edit again: nobody approves what is not on the screen."""
        if (waiting := self.night.awaiting) is not None:
            self.open_approval(waiting)

    def action_reject(self) -> None:
        """Ask why the waiting edit is refused."""
        if (waiting := self.night.awaiting) is not None:
            self.ask_why(waiting.number)

    def action_edit(self) -> None:
        """Change the waiting edit in the person's editor."""
        if (waiting := self.night.awaiting) is not None:
            self.edit_experiment(waiting)

    def action_send_back(self) -> None:
        """Ask what the agent should propose instead of the waiting edit."""
        if (waiting := self.night.awaiting) is not None:
            self.ask_what_instead(waiting.number)

    def action_approve_all(self) -> None:
        """Have every edit run unasked from here on, or have them wait again."""
        by, waiting = client.sender(), self.night.awaiting
        if self.night.state.approval is ApprovalMode.AUTO:
            self.tell(SetApproval(by=by, mode="ask"))
            return

        def set_auto(answer: str | None) -> None:
            if answer == "y":
                number, commit = _version(waiting) if waiting else (None, None)
                self.tell(SetApproval(by=by, mode="auto", experiment=number, commit=commit))

        which = "Every edit from here on runs unasked"
        if waiting is not None:
            which += f", #{waiting.number} ({one_line(waiting.title)}) too"
        explanation = f"{which}. A asks again from then on."
        choices = {"y": "let them run"}
        self.push_screen(ChoiceScreen("Approve all from here", explanation, choices), set_auto)


def _version(experiment: Experiment) -> tuple[int, str]:
    return experiment.number, experiment.commit
