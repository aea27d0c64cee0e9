"""A person who gives commands, and looks at what became of them."""

from autoresearch_tui.control.messages import AnyCommand
from tests.workshop import WatchedLab, Workshop

BY = "me@here"


def train_of(workshop: Workshop, reference: str) -> str:
    return workshop.git("show", f"{reference}:train.py")


def branch(workshop: Workshop) -> list[str]:
    """Return the commits of the session's branch, the newest first."""
    return workshop.git("rev-list", "--first-parent", "autoresearch/test").split()


def endless(workshop: Workshop) -> str:
    train = (workshop.root / "train.py").read_text()
    return train.replace("while trial.running", "while True")


async def said_twice(lab: WatchedLab, command: AnyCommand) -> None:
    """Give a command twice: it is done once, and the second time is no error."""
    first = await lab.handle(command)
    assert first.ok, first.detail
    assert first.changed, first.detail
    again = await lab.handle(command)
    assert again.ok, again.detail
    assert not again.changed, again.detail
