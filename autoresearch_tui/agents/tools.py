"""A language model's desk: one file, the night's past and a notebook, for one experiment."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from autoresearch_tui.agents import edits, history
from autoresearch_tui.agents.base import Context, Proposal
from autoresearch_tui.agents.edits import EditError
from autoresearch_tui.agents.toolbox import (
    TOOLS,
    EditTrain,
    QueryHistory,
    ShowExperiment,
    Submit,
    WriteNotebook,
    WriteTrain,
)
from autoresearch_tui.record.vocabulary import Usage

TITLE_CHARACTERS = 100
HYPOTHESIS_CHARACTERS = 4_000
NOTEBOOK_CHARACTERS = 4_000
FILE_CHARACTERS = 1_000_000
"""Of a file anew; a script is a thirtieth of it."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a model submitted, beside the file itself."""

    title: str
    hypothesis: str
    expected_change: float | None
    took_idea: int | None = None
    ideas: tuple[str, ...] = ()
    ideas_first: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tool call gives back to the model."""

    text: str
    is_error: bool = False


class Desk:
    """The file that one proposal edits, and the past that it may look up."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._repair = context.repair_of
        self.text = self._repair.train if self._repair else context.train
        """`train.py` as edited so far; at first the incumbent's, or the edit to be mended."""
        self.notebook: str | None = None
        """The new page of notes, if one was written."""
        self.submission: Submission | None = None
        self.failed_submits = 0

    def call(self, name: str, arguments: object, say: Callable[[str], None]) -> Reply:
        """Do what a model asks for, and tell `say` in a line what that was.

        Whatever is wrong with the call becomes a reply that the model can act on.
        """
        if name not in TOOLS:
            say(f"{name[:TITLE_CHARACTERS]}: no such tool")
            known = ", ".join(TOOLS)
            return Reply(f"There is no tool {name[:TITLE_CHARACTERS]!r}. There are: {known}.", True)
        try:
            # Models often write numbers as strings.
            call = msgspec.convert(arguments, TOOLS[name], strict=False)
        except msgspec.ValidationError as error:
            say(f"{name}: malformed arguments")
            return Reply(f"The arguments of {name} are malformed: {error}. Call it again.", True)
        try:
            reply, line = self._do(call)
        except EditError as error:
            say(f"{name}: {str(error).splitlines()[0]}")
            return Reply(str(error), True)
        say(f"{name}  {line}".rstrip())
        return Reply(reply)

    def _do(self, call: msgspec.Struct) -> tuple[str, str]:
        """Return the reply to the model and the rest of the line to show."""
        match call:
            case EditTrain(old_text=old, new_text=new):
                before, self.text = self.text, edits.replace(self.text, old, new)
                return "Done.", edits.summary(before, self.text)
            case WriteTrain(text=text):
                return "Done.", self.write(text)
            case ShowExperiment(number=number):
                return self._show(number), f"#{number}"
            case QueryHistory(status=status, text=text, constant=constant):
                asked = " ".join(filter(None, (status, text, constant)))
                return history.query(self._context, status, text, constant), asked[:100]
            case WriteNotebook(text=text):
                return self.note(text), f"{len(text)} characters"
            case Submit():
                return "Submitted.", self.submit(call).title
            case _:
                return self.text, f"{self.text.count(chr(10))} lines"

    def write(self, text: str) -> str:
        """Take a whole file anew, and return what that changes on one line.

        Raises:
            EditError: it is too long to be a script.
        """
        if len(text) > FILE_CHARACTERS:
            raise EditError(
                f"train.py may have {FILE_CHARACTERS} characters; that has {len(text)}."
            )
        before, self.text = self.text, text if text.endswith("\n") else f"{text}\n"
        return edits.summary(before, self.text)

    def note(self, text: str) -> str:
        """Take a new page of notes.

        Raises:
            EditError: it is longer than a page.
        """
        if len(text) > NOTEBOOK_CHARACTERS:
            raise EditError(
                f"The page has room for {NOTEBOOK_CHARACTERS} characters; yours has {len(text)}. "
                "Leave out what matters least."
            )
        self.notebook = text
        return "Noted."

    def _show(self, number: int) -> str:
        experiment = self._context.state.experiments.get(number)
        if experiment is None:
            known = max(self._context.state.experiments, default=0)
            raise EditError(f"There is no experiment {number}; they go from 0 to {known}.")
        return history.look(self._context, experiment)

    def submit(self, call: Submit) -> Submission:
        """Hand the file in.

        Raises:
            EditError: it can not run, or changes nothing.
        """
        try:
            edits.check(self.text, self._context.train)
            if self._repair:
                edits.check(self.text, self._repair.train)
        except EditError:
            self.failed_submits += 1
            raise
        title = " ".join(call.title.split()) or "An edit without a title"
        if self._repair:
            title = f"repair of #{self._repair.experiment}: {title}"
        if len(title) > TITLE_CHARACTERS:
            title = f"{title[: TITLE_CHARACTERS - 3]}..."
        expected = call.expected_change
        if expected is not None and not math.isfinite(expected):
            expected = None
        hypothesis = call.hypothesis.strip()[:HYPOTHESIS_CHARACTERS]
        self.submission = Submission(
            title, hypothesis, expected, call.took_idea, tuple(call.ideas), tuple(call.ideas_first)
        )
        return self.submission

    def proposal(self, submission: Submission, usage: Usage) -> Proposal:
        """Return what was submitted as the lab takes it."""
        return Proposal(
            train=self.text,
            title=submission.title,
            hypothesis=submission.hypothesis,
            expected_change=submission.expected_change,
            usage=usage,
            notebook=self.notebook,
            took_idea=submission.took_idea,
            ideas=list(submission.ideas),
            ideas_first=list(submission.ideas_first),
            repairs=self._repair.experiment if self._repair else None,
        )
