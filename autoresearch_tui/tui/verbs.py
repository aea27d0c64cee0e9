"""The verbs: everything a person can have done, whatever screen is on top.

A verb is one row here and one method `action_<id>` of the app (`actions`, `approving`). The row
makes its key, its line in the palette, its name in `[tui.keys]` and its place in the help;
`command` is what does the same on the command line. A test over this table holds it together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from textual.binding import Binding

from autoresearch_tui.record.state import Experiment
from autoresearch_tui.tui.night import Night


def _always(_night: Night) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One verb; `id` names its action, its binding, and its key in the settings."""

    id: str
    key: str
    """One key, or several with commas, in Textual's names."""
    name: str
    tooltip: str
    command: str = ""
    """The subcommand, with its options, that does the same; empty for what only the screen does."""
    is_shown: bool = True
    """Whether the footer names it where there is room."""
    means_something: Callable[[Night], bool] = _always
    """Whether it does anything now; it is offered only then."""

    @property
    def binding(self) -> Binding:
        """The verb as a binding of the app."""
        return Binding(
            self.key, self.id, self.name, show=self.is_shown, tooltip=self.tooltip, id=self.id
        )


def skippable(night: Night) -> Experiment | None:
    """Return the experiment that comes next, or the one in flight where nothing is in line yet."""
    latest = night.state.ahead or night.state.current
    return None if latest is None or latest.parent is None else latest


def _somebody_waits(night: Night) -> bool:
    return night.awaiting is not None


def _somebody_asks(night: Night) -> bool:
    return night.asked is not None


def _something_runs(night: Night) -> bool:
    current = night.state.current
    run = current.last_run if current else None
    return run is not None and run.ended_at is None and night.lively


def _has_earlier_keep(night: Night) -> bool:
    best = night.state.best
    return best is not None and best.parent is not None


VERBS = (
    Verb(
        id="approve",
        key="a",
        name="approve",
        tooltip="Let the waiting experiment run.",
        command="approve",
        means_something=_somebody_waits,
    ),
    Verb(
        id="reject",
        key="r",
        name="reject",
        tooltip="Refuse the waiting experiment.",
        command="reject",
        means_something=_somebody_waits,
    ),
    Verb(
        id="allow",
        key="l",
        name="allow",
        tooltip="Let an agent do what it asks for, this once.",
        command="allow",
        means_something=_somebody_asks,
    ),
    Verb(
        id="refuse",
        key="f",
        name="refuse",
        tooltip="Refuse what an agent asks for.",
        command="refuse",
        means_something=_somebody_asks,
    ),
    Verb(
        id="edit",
        key="e",
        name="edit",
        tooltip="Change the waiting experiment in your editor.",
        command="edit",
        is_shown=False,
        means_something=_somebody_waits,
    ),
    Verb(
        id="send_back",
        key="b",
        name="send back",
        tooltip="Refuse the waiting experiment, and tell the agent what to do instead.",
        command="send-back",
        is_shown=False,
        means_something=_somebody_waits,
    ),
    Verb(
        id="approve_all",
        key="A",
        name="approve all",
        tooltip="Let every edit run unasked from here on; pressed again: ask again.",
        command="approve --all",
        is_shown=False,
    ),
    Verb(
        id="pause",
        key="p",
        name="pause",
        tooltip="Start nothing new after this run; pressed again: go on.",
        command="pause",
    ),
    Verb(
        id="steer",
        key="s",
        name="steer",
        tooltip="Tell the agent something for its next proposal.",
        command="steer",
    ),
    Verb(
        id="memory",
        key="g",
        name="notes, ideas",
        tooltip="Read and edit the agents' page of notes and the backlog of ideas.",
        command="note",
        is_shown=False,
    ),
    Verb(
        id="program",
        key="i",
        name="program.md",
        tooltip="Read and edit program.md, your instructions to the agent.",
        command="program",
        is_shown=False,
    ),
    Verb(
        id="detach",
        key="q",
        name="leave",
        tooltip="Close the screen; the lab goes on.",
    ),
    Verb(
        id="kill",
        key="k",
        name="kill run",
        tooltip="End the run in flight. Asks first.",
        command="kill",
        means_something=_something_runs,
    ),
    Verb(
        id="stop",
        key="x,S",
        name="stop lab",
        tooltip="End the session. Asks first.",
        command="stop",
    ),
    Verb(
        id="pause_now",
        key="P",
        name="pause now",
        tooltip="End the run and pause; it begins anew when the session goes on.",
        command="pause --now",
        is_shown=False,
    ),
    Verb(
        id="skip",
        key="n",
        name="skip",
        tooltip="Pass over the experiment that comes next; it does not count.",
        command="skip",
        is_shown=False,
        means_something=lambda night: skippable(night) is not None,
    ),
    Verb(
        id="undo",
        key="u",
        name="undo keep",
        tooltip="Go back to the keep before the best. Asks first.",
        command="undo",
        is_shown=False,
        means_something=_has_earlier_keep,
    ),
    Verb(
        id="promote",
        key="w",
        name="promote",
        tooltip="Write the best train.py into your work tree. Asks first.",
        command="promote",
        is_shown=False,
        means_something=lambda night: night.state.incumbent is not None,
    ),
    Verb(
        id="copy",
        key="y",
        name="copy",
        tooltip="Copy what the focused pane holds, to the terminal's clipboard and to a file.",
        is_shown=False,
    ),
    Verb(
        id="sessions",
        key="t",
        name="other nights",
        tooltip="Go to another session of this repository, live or past.",
        command="attach",
        is_shown=False,
    ),
    Verb(
        id="commands",
        key="colon",
        name="commands",
        tooltip="Find any of these by its name; change the theme.",
        is_shown=False,
    ),
    Verb(
        id="help",
        key="question_mark",
        name="help",
        tooltip="Explain the focused pane and the keys.",
    ),
)
"""In the order in which the footer gives them room."""

BY_ID = {verb.id: verb for verb in VERBS}
