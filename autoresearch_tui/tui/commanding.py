"""The app's way to the lab and back: commands go out in threads, answers come to the last row."""

from textual import work
from textual.app import App
from textual.message import Message

from autoresearch_tui.control import client
from autoresearch_tui.control.messages import AnyCommand
from autoresearch_tui.session import Session
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.text import one_line
from autoresearch_tui.tui.widgets.footer import Footer


class Answered(Message):
    """A lab answered a command, or none did."""

    def __init__(self, text: str, style: str) -> None:
        """Say what, and in which style."""
        super().__init__()
        self.text = text
        self.style = style


class Commanding(App[None]):
    """An app that shows a night, and passes commands on to its lab."""

    session: Session
    night: Night

    def copy(self, what: str, text: str) -> None:
        """Copy text, and say where it went; `what` names it."""
        raise NotImplementedError

    async def show_session(self, session: Session) -> None:
        """Show another session."""
        raise NotImplementedError

    @work(thread=True)
    def tell(self, command: AnyCommand) -> None:
        """Send a command to the lab; its answer is shown when it comes."""
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
        """Show a sentence in the last row for a while; `style` is one of a canvas's."""
        for screen in reversed(self.screen_stack):
            for footer in screen.query(Footer):
                footer.say(text, style)
                return
