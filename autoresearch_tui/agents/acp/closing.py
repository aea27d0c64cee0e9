"""How an agent ends its answer: a title, a hypothesis and what it expects, each on its line.

Beside these it may name ideas of the backlog: the one that it tried, those that should come first,
and new ones for later.

Agents wrap such lines in marks, quotes, lists and fences, put other words before them, or leave
them out. Whatever can be told from the text is taken; the rest is left empty.
"""

import math
import re
from dataclasses import dataclass

TITLE_CHARACTERS = 100
HYPOTHESIS_CHARACTERS = 4_000
NOTES_CHARACTERS = 4_000
SAID_CHARACTERS = 64_000
"""Of an answer, its end; what comes before is no closing."""

_LINE = re.compile(
    r"^[\s>*_#`\"'{,-]{0,12}"
    r"(title|hypothesis|expected[ _-]?change|took[ _-]?idea|ideas[ _-]?first|later)"
    r"[\s*_`\"']{0,6}[:=](.*)$",
    re.IGNORECASE,
)
_NOTES = re.compile(r"<notes>(.*?)</notes>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"[-+\u2212]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_MARKS = " \t*_`\"',"


@dataclass(frozen=True, slots=True)
class Closing:
    """What an agent says of its edit; empty or none where it does not."""

    title: str = ""
    hypothesis: str = ""
    expected_change: float | None = None
    took_idea: int | None = None
    ideas: tuple[str, ...] = ()
    ideas_first: tuple[int, ...] = ()


def read(said: str) -> Closing:
    """Return what the end of an answer says; of several titles the last one counts."""
    title, expected = "", None
    hypothesis: list[str] = []
    took: list[int] = []
    first: list[int] = []
    later: list[str] = []
    inside = ""
    for line in said[-SAID_CHARACTERS:].splitlines():
        match = _LINE.match(line)
        if match is None:
            if inside == "hypothesis" and line.strip(_MARKS + "}"):
                hypothesis.append(line.strip(_MARKS))
            else:
                inside = ""
            continue
        inside = match[1].lower()
        value = match[2].strip(_MARKS + "}")
        if inside == "title":
            title = value or title
        elif inside == "hypothesis":
            hypothesis = [value] if value else []
        elif inside == "later":
            later.append(value)
        elif inside.startswith("took"):
            took = _whole(value)
        elif inside.startswith("ideas"):
            first = _whole(value)
        else:
            expected = _number(value)
    title = " ".join(title.split())
    if len(title) > TITLE_CHARACTERS:
        title = f"{title[: TITLE_CHARACTERS - 3]}..."
    return Closing(
        title=title,
        hypothesis=" ".join(hypothesis)[:HYPOTHESIS_CHARACTERS],
        expected_change=expected,
        took_idea=took[0] if took else None,
        ideas=tuple(filter(None, later)),
        ideas_first=tuple(first),
    )


def notes(said: str) -> str | None:
    """Return the page of notes that an answer holds, the last one; none where there is none."""
    pages = _NOTES.findall(said[-SAID_CHARACTERS:])
    return pages[-1].strip()[:NOTES_CHARACTERS] if pages else None


def first_sentence(said: str) -> str:
    """Return the first sentence of an answer, as half a line."""
    text = " ".join(said.split())
    return _SENTENCE.split(text, 1)[0][:TITLE_CHARACTERS].strip(_MARKS + "#")


def _whole(text: str) -> list[int]:
    return [int(digits) for digits in _WHOLE.findall(text)]


def _number(text: str) -> float | None:
    match = _NUMBER.search(text)
    if match is None:
        return None
    value = float(match[0].replace("\u2212", "-"))
    return value if math.isfinite(value) else None
