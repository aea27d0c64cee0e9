"""The tools that a language model may call: their arguments, and how it is told of them."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from anthropic.types import ToolParam


class ReadTrain(msgspec.Struct, frozen=True):
    """Asks for the file as it stands."""


class EditTrain(msgspec.Struct, frozen=True):
    """Replaces one piece of it."""

    old_text: str
    new_text: str


class WriteTrain(msgspec.Struct, frozen=True):
    """Writes it anew."""

    text: str


class ShowExperiment(msgspec.Struct, frozen=True):
    """Asks for all about one experiment."""

    number: int


class QueryHistory(msgspec.Struct, frozen=True):
    """Searches the experiments."""

    status: str | None = None
    text: str | None = None
    constant: str | None = None


class WriteNotebook(msgspec.Struct, frozen=True):
    """Replaces the page of notes."""

    text: str


class Submit(msgspec.Struct, frozen=True):
    """Hands the file in."""

    title: str
    hypothesis: str
    expected_change: float | None = None
    took_idea: int | None = None
    ideas: list[str] = []
    ideas_first: list[int] = []


TOOLS: dict[str, type[msgspec.Struct]] = {
    "read_train": ReadTrain,
    "edit_train": EditTrain,
    "write_train": WriteTrain,
    "show_experiment": ShowExperiment,
    "query_history": QueryHistory,
    "write_notebook": WriteNotebook,
    "submit": Submit,
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
        "description": "Return the diff, the result, the loss curve as numbers and the end of the "
        "output of a past experiment.",
        "input_schema": _schema(
            {"number": {"type": "integer", "description": "Its number; 0 is the baseline."}},
            "number",
        ),
    },
    {
        "name": "query_history",
        "description": "Search the night's experiments; all filters that you give must hold. "
        "Returns the latest 20 that do, a line each.",
        "input_schema": _schema(
            {
                "status": _text("keep, discard, crash, timeout, invalid, ..."),
                "text": _text("What the title, hypothesis or verdict contains."),
                "constant": _text("A name on a line that the edit changed, such as MATRIX_LR."),
            }
        ),
    },
    {
        "name": "write_notebook",
        "description": "Replace your page of notes, which your later proposals are given: what "
        "was learned, what to try. 4,000 characters at most.",
        "input_schema": _schema({"text": _text("The whole new page.")}, "text"),
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
