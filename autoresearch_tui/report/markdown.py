"""Markdown that stays what it was meant to be, whatever text agents and runs put into it."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|#(?!\d)|(?<=:)//")
"""What would begin something; an underscore inside a word and the number of an experiment do not,
and a slash is escaped where it would make a link."""
_HTML = re.compile(r"<|&(?=[#\w])")
"""What would begin a tag or the name of a sign."""
_TICKS = re.compile(r"`+")
_FENCE_LEAST = 3


def inline(text: str, limit: int | None = None) -> str:
    """Return foreign text as one line that shows as it is, in a sentence, a heading or a cell.

    It is not for the start of a line. With `limit`, what is longer in characters is cut.
    """
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if limit is not None and len(line) > limit:
        line = line[: limit - 1] + "…"
    # HTML goes first: what stands for it holds nothing that is markup.
    line = _HTML.sub(lambda found: "&lt;" if found.group() == "<" else "&amp;", line)
    return _MARKUP.sub(lambda found: "\\" + found.group(), line)


def fenced(text: str, language: str = "") -> str:
    """Return a block of foreign text, line by line as it is."""
    lines = [
        "".join(
            char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}"
            for char in line
        )
        for line in re.split(r"\r\n|\n|\r", text)
    ]
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(_FENCE_LEAST, longest + 1)
    return "\n".join([fence + language, *lines, fence])


def code(text: str) -> str:
    """Return a command of our own, or a path, to be shown as it is typed."""
    line = "".join(char if char.isprintable() else " " for char in text)
    ticks = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{padding}{line}{padding}{ticks}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column whose name begins with a blank is set to the right.

    The cells are Markdown already.
    """
    lines = [
        "| " + " | ".join(column.strip() for column in columns) + " |",
        "|" + "|".join("---:" if column.startswith(" ") else "---" for column in columns) + "|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
