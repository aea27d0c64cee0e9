"""The tools that a language model works with: a desk with one file on it, for one experiment."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from autoresearch_tui.agents import edits, prompt
from autoresearch_tui.agents.base import Context
from autoresearch_tui.agents.edits import EditError

if TYPE_CHECKING:
    from anthropic.types import ToolParam

TITLE_CHARACTERS = 100
HYPOTHESIS_CHARACTERS = 4_000


class _ReadTrain(msgspec.Struct, frozen=True):
    pass


class _EditTrain(msgspec.Struct, frozen=True):
    old_text: str
    new_text: str


class _WriteTrain(msgspec.Struct, frozen=True):
    text: str


class _ShowExperiment(msgspec.Struct, frozen=True):
    number: int


class _Submit(msgspec.Struct, frozen=True):
    title: str
    hypothesis: str
    expected_change: float | None = None
    took_idea: int | None = None
    ideas: list[str] = []
    ideas_first: list[int] = []


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
        self.text = context.train
        """`train.py` as edited so far."""
        self.submission: Submission | None = None
        self.failed_submits = 0

    def call(self, name: str, arguments: object, say: Callable[[str], None]) -> Reply:
        """Do what a model asks for, and tell `say` in a line what that was.

        Whatever is wrong with the call becomes a reply that the model can act on.
        """
        if name not in _TOOLS:
            say(f"{name}: no such tool")
            return Reply(f"There is no tool {name!r}. There are: {', '.join(_TOOLS)}.", True)
        try:
            # Models often write numbers as strings.
            call = msgspec.convert(arguments, _TOOLS[name], strict=False)
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
            case _EditTrain(old_text=old, new_text=new):
                before, self.text = self.text, edits.replace(self.text, old, new)
                return "Done.", edits.summary(before, self.text)
            case _WriteTrain(text=text):
                before, self.text = self.text, text if text.endswith("\n") else f"{text}\n"
                return "Done.", edits.summary(before, self.text)
            case _ShowExperiment(number=number):
                return self._show(number), f"#{number}"
            case _Submit():
                return self._submit(call)
            case _:
                return self.text, f"{self.text.count(chr(10))} lines"

    def _show(self, number: int) -> str:
        experiment = self._context.state.experiments.get(number)
        if experiment is None:
            known = max(self._context.state.experiments, default=0)
            raise EditError(f"There is no experiment {number}; they go from 0 to {known}.")
        return prompt.experiment_text(self._context, experiment)

    def _submit(self, call: _Submit) -> tuple[str, str]:
        try:
            edits.check(self.text, self._context.train)
        except EditError:
            self.failed_submits += 1
            raise
        title = " ".join(call.title.split()) or "An edit without a title"
        if len(title) > TITLE_CHARACTERS:
            title = f"{title[: TITLE_CHARACTERS - 3]}..."
        expected = call.expected_change
        if expected is not None and not math.isfinite(expected):
            expected = None
        hypothesis = call.hypothesis.strip()[:HYPOTHESIS_CHARACTERS]
        self.submission = Submission(
            title, hypothesis, expected, call.took_idea, tuple(call.ideas), tuple(call.ideas_first)
        )
        return "Submitted.", title


_TOOLS: dict[str, type[msgspec.Struct]] = {
    "read_train": _ReadTrain,
    "edit_train": _EditTrain,
    "write_train": _WriteTrain,
    "show_experiment": _ShowExperiment,
    "submit": _Submit,
}


def _schema(properties: dict[str, object], *required: str) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _text(description: str) -> dict[str, object]:
    return {"type": "string", "description": description}


DEFINITIONS: list["ToolParam"] = [
    {
        "name": "read_train",
        "description": "Return train.py as you edited it so far.",
        "input_schema": _schema({}),
    },
    {
        "name": "edit_train",
        "description": "Replace one piece of train.py, which must match exactly and stand there "
        "once.",
        "input_schema": _schema(
            {
                "old_text": _text("The exact text to replace, indentation included."),
                "new_text": _text("The text to put there; empty to delete."),
            },
            "old_text",
            "new_text",
        ),
    },
    {
        "name": "write_train",
        "description": "Write the whole of train.py anew. For larger rewrites only.",
        "input_schema": _schema({"text": _text("The complete new file.")}, "text"),
    },
    {
        "name": "show_experiment",
        "description": "Return the diff, the result and the end of the output of a past "
        "experiment.",
        "input_schema": _schema(
            {"number": {"type": "integer", "description": "Its number; 0 is the baseline."}},
            "number",
        ),
    },
    {
        "name": "submit",
        "description": "Hand train.py in as this experiment. Call it once, last.",
        "input_schema": _schema(
            {
                "title": _text("The change in half a line, as a commit's subject."),
                "hypothesis": _text("Why it should help, in one to three sentences."),
                "expected_change": {
                    "type": "number",
                    "description": "The change of val_bpb that you expect; negative is better.",
                },
                "took_idea": {
                    "type": "integer",
                    "description": "The number of the backlog's idea that this edit tries.",
                },
                "ideas": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Up to three new ideas for the backlog, a sentence each.",
                },
                "ideas_first": {
                    "type": "array",
                    "items": {"type": "integer"},
                    "description": "Numbers of ideas that should come first, in this order.",
                },
            },
            "title",
            "hypothesis",
        ),
    },
]
"""The same tools as the model is told of them."""
