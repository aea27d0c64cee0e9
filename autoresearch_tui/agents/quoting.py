"""How words of others enter a prompt: bounded, on one line or between marks they can not close.

What a training run printed is data, and so is what it may have put into a reason for its failure.
Titles, notes and ideas are of agents and people; they keep to their place as well.
"""

import re

OUTPUT_CHARACTERS = 4_000
"""Of what a run printed, its end."""

_MARKS = re.compile(r"<(?=[\s/]*(?:training_output|notebook|train\.py|diff)\b)", re.IGNORECASE)


def unmarked(text: str) -> str:
    """Return a text in which nothing looks like a mark of the prompt."""
    return _MARKS.sub("(", text)


def one_line(text: str, limit: int) -> str:
    """Return a text without marks and line ends, `limit` characters at most."""
    # What is far behind the limit is not worth looking at.
    line = unmarked(" ".join(text[: 8 * limit].split()))
    return line if len(line) <= limit else f"{line[: max(0, limit - 3)]}..."


def reason(text: str, limit: int) -> str:
    """Return why a run failed, which may be the run's own words, as marked data on one line."""
    inside = unmarked(" ".join(text[: 8 * limit].split())).replace("[", "(").replace("]", ")")
    return f"[{inside[:limit]}]"


def output(text: str) -> str:
    """Return the end of a run's output as marked data, which can not close its own mark."""
    tail = text[-OUTPUT_CHARACTERS:] or "(nothing)"
    return f"<training_output>\n{unmarked(tail)}\n</training_output>"


def head(text: str, limit: int) -> str:
    """Return the beginning of a text, and how much of it is left out."""
    return text if len(text) <= limit else f"{text[:limit]}\n... ({len(text) - limit} more)"
