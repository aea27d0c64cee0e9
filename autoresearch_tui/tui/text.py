"""Text for terminal cells: made safe, wrapped, cropped, and numbers in words."""

import math
import re

from rich.cells import cell_len, set_cell_size

TAB = "    "
_ESCAPE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system commands
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # device control and other strings
    r"|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]"  # control sequences
)

Span = tuple[str, str]
"""Some text, and the names of its styles, separated by spaces."""
Line = tuple[Span, ...]
"""One row of a widget."""


def clean(text: str) -> str:
    """Return text from outside without anything that would steer the terminal.

    Line ends stay; tabs become spaces; escape sequences, control, direction and other invisible
    characters go.
    """
    if text.replace("\n", "").isprintable():
        return text
    text = _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\t", TAB)
    return "".join(char for char in text if char == "\n" or char.isprintable())


def one_line(text: str) -> str:
    """Return text from outside on a single line."""
    return " ".join(clean(text).split())


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(line: Line, width: int) -> Line:
    """Return the line cropped to `width` cells, where cropped ending in an ellipsis."""
    room = width
    kept: list[Span] = []
    for index, (text, style) in enumerate(line):
        size = cell_len(text)
        if size < room or (size == room and index == len(line) - 1):
            kept.append((text, style))
            room -= size
            continue
        if room == size and not width_of(line[index + 1 :]):
            kept.append((text, style))
        elif room:
            kept.append((set_cell_size(text, room - 1) + "…", style))
        break
    return tuple(kept)


def both_ends(left: Line, right: Line, width: int) -> Line:
    """Return a line with `left` at its start, cropped if need be, and `right` at its end."""
    room = max(0, width - width_of(right))
    cropped = fit(left, max(0, room - 1))
    return (*cropped, (" " * (room - width_of(cropped)), ""), *right)


def pad(text: str, width: int) -> str:
    """Return the text left-aligned in exactly `width` cells."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…"[: max(0, width)]
    return set_cell_size(text, width)


def wrap(text: str, width: int) -> list[str]:
    """Return the text broken into lines of at most `width` cells, between words where it can be."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_wrap_paragraph(paragraph.rstrip(), max(1, width)))
    return lines


def _wrap_paragraph(text: str, width: int) -> list[str]:
    if cell_len(text) <= width:
        return [text]
    indent = " " * min(len(text) - len(text.lstrip()), width // 2)
    lines: list[str] = []
    line = indent
    for word in text.split():
        joined = line + word if line == indent else f"{line} {word}"
        if cell_len(joined) <= width:
            line = joined
            continue
        if line != indent:
            lines.append(line)
        line = indent + word
        while cell_len(line) > width:
            head = set_cell_size(line, width)
            # A wide character on the edge is left for the next line.
            head = head if line.startswith(head) else head[:-1]
            lines.append(head)
            line = indent + line[max(len(head), len(indent) + 1) :]
    if line != indent:
        lines.append(line)
    return lines


def bpb(value: float | None) -> str:
    """Return bits per byte with the six decimals that verdicts are made on."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.6f}"


def milli(change: float | None) -> str:
    """Return a change of bits per byte in thousandths, with its sign."""
    return "-" if change is None or not math.isfinite(change) else f"{change * 1000:+.1f}"


def clock(seconds: float) -> str:
    """Return a time as `m:ss`, or `h:mm:ss` from an hour on."""
    whole = max(0, math.ceil(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


def gibibytes(mebibytes: float) -> str:
    """Return memory in GiB with one decimal."""
    return f"{mebibytes / 1024:.1f}"
