"""The words of the control socket: one JSON line asks, one JSON line answers.

Every command may be given twice: the second time answers `changed: false`.
"""

from typing import Literal

import msgspec

LINE_LIMIT_BYTES = 4 << 20
"""A command may carry a whole `train.py`."""
AGAIN = "again: "
"""How the title of a repeat begins."""
_SAME_FILE = "The same file as #"


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """What a person wants, and who asks."""

    by: str
    """User, host and terminal or process, as the journal will name them."""


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    """Ask whether the lab listens."""


class Pause(Command, frozen=True, kw_only=True, tag="pause"):
    """Start nothing new; what runs goes on to its verdict, or is ended `now` and begins anew."""

    now: bool = False


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    """Go on after a pause."""


class Approve(Command, frozen=True, kw_only=True, tag="approve"):
    """Let the waiting experiment run."""

    experiment: int | None = None
    """The one that was shown, so that no other is approved by mistake; none for whichever waits."""
    commit: str | None = None
    """The version of it that was shown; none for whichever waits."""


class Reject(Command, frozen=True, kw_only=True, tag="reject"):
    """Refuse the waiting experiment."""

    experiment: int | None = None
    reason: str = ""


class SendBack(Command, frozen=True, kw_only=True, tag="send_back"):
    """Refuse the waiting experiment, and give the next proposal a sentence about it."""

    experiment: int | None = None
    text: str


class Amend(Command, frozen=True, kw_only=True, tag="amend"):
    """Put a person's file in the place of the waiting experiment's; it is then asked about anew."""

    experiment: int
    commit: str
    """The version of it that was changed."""
    train: str
    """The whole file."""


class SetApproval(Command, frozen=True, kw_only=True, tag="set_approval"):
    """Have every edit run at once from here on, or wait for a person; until the lab ends."""

    mode: Literal["auto", "ask"]
    experiment: int | None = None
    """The waiting one that was shown, which `auto` approves too; none where none was."""
    commit: str | None = None
    """The version of it that was shown."""


class Permit(Command, frozen=True, kw_only=True, tag="permit"):
    """Answer what an agent asks to be allowed."""

    request: int
    """The one that was shown."""
    allowed: bool


class Kill(Command, frozen=True, kw_only=True, tag="kill"):
    """End the run in flight; its experiment gets the verdict `killed`."""

    experiment: int | None = None


class Skip(Command, frozen=True, kw_only=True, tag="skip"):
    """Pass over an experiment that has no verdict yet."""

    experiment: int | None = None
    """None for the one that comes next, or the one in flight where nothing is in line yet."""
    reason: str = ""


class Undo(Command, frozen=True, kw_only=True, tag="undo"):
    """Make an earlier keep the incumbent again; none for the one before the incumbent."""

    experiment: int | None = None
    reason: str = ""


class Promote(Command, frozen=True, kw_only=True, tag="promote"):
    """Write a keep's file into the user's work tree; none for the incumbent's."""

    experiment: int | None = None


class Try(Command, frozen=True, kw_only=True, tag="try"):
    """Queue a person's own edit as an experiment."""

    train: str
    """The whole file."""
    title: str
    hypothesis: str = ""


def again(by: str, experiment: int, title: str, train: str) -> Try:
    """Return the command that queues an experiment's file once more.

    Args:
        by: who asks.
        experiment: the one whose file it is.
        title: that one's; a repeat of a repeat is named like the first.
        train: the whole file.
    """
    hypothesis = f"{_SAME_FILE}{experiment}: how far apart do two runs of it come out?"
    title = AGAIN + title.removeprefix(AGAIN)
    return Try(by=by, train=train, title=title, hypothesis=hypothesis)


def repeated(title: str, hypothesis: str) -> int | None:
    """Return the experiment whose file `again` had queued, by what it says; none of any other."""
    if not (title.startswith(AGAIN) and hypothesis.startswith(_SAME_FILE)):
        return None
    number = hypothesis.removeprefix(_SAME_FILE).partition(":")[0]
    return int(number) if number.isdecimal() else None


class Steer(Command, frozen=True, kw_only=True, tag="steer"):
    """Give the next proposal a sentence."""

    text: str


class WritePage(Command, frozen=True, kw_only=True, tag="write_page"):
    """Put a page in the place of the agent's notebook."""

    text: str
    page: int | None = None
    """The page that it was made from, so that no other's work is lost; none for whichever is."""


class AddIdea(Command, frozen=True, kw_only=True, tag="add_idea"):
    """Put an idea into the backlog: behind people's others, and before the agents'."""

    text: str


class MoveIdea(Command, frozen=True, kw_only=True, tag="move_idea"):
    """Put a waiting idea at another place."""

    idea: int
    place: int
    """From 1, which comes next."""


class DropIdea(Command, frozen=True, kw_only=True, tag="drop_idea"):
    """Take an idea out of the backlog."""

    idea: int
    reason: str = ""


class Freeze(Command, frozen=True, kw_only=True, tag="freeze"):
    """Keep agents from changing a constant, a function or a class."""

    name: str


class Thaw(Command, frozen=True, kw_only=True, tag="thaw"):
    """Let them change it again."""

    name: str


class Stop(Command, frozen=True, kw_only=True, tag="stop"):
    """End the lab after the run in flight, or `now`; the run is then taken up again later."""

    now: bool = False


AnyCommand = (
    Ping
    | Pause
    | Resume
    | Approve
    | Reject
    | SendBack
    | Amend
    | SetApproval
    | Permit
    | Kill
    | Skip
    | Undo
    | Promote
    | Try
    | Steer
    | Stop
    | WritePage
    | AddIdea
    | MoveIdea
    | DropIdea
    | Freeze
    | Thaw
)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The lab's answer."""

    ok: bool
    changed: bool
    detail: str


def done(detail: str) -> Reply:
    """Return the answer to a command that changed something."""
    return Reply(ok=True, changed=True, detail=detail)


def nothing(detail: str) -> Reply:
    """Return the answer to a command that asks for what is so already."""
    return Reply(ok=True, changed=False, detail=detail)


def refused(detail: str) -> Reply:
    """Return the answer to a command that can not be done."""
    return Reply(ok=False, changed=False, detail=detail)


_command_decoder = msgspec.json.Decoder(AnyCommand)
_reply_decoder = msgspec.json.Decoder(Reply)


def encode(message: AnyCommand | Reply) -> bytes:
    """Return the message as a line, with its end."""
    return msgspec.json.encode(message) + b"\n"


def decode_command(line: bytes) -> AnyCommand:
    """Return the command of a line, or raise `msgspec.DecodeError` where it is none."""
    return _command_decoder.decode(line)


def decode_reply(line: bytes) -> Reply:
    """Return the reply of a line, or raise `msgspec.DecodeError` where it is none."""
    return _reply_decoder.decode(line)
