"""Markdown as rows, line by line: what agents write of it, and nothing else.

Line ends stay where they are: an agent's lists of figures and its one-line thoughts are meant so.
Underlines stay too: in what is said of a program, they belong to names.
"""

import re

from rich.cells import cell_len

from autoresearch_tui.tui.code import coloured
from autoresearch_tui.tui.text import Line, Span

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})\s*(\w*)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,3}[.)])\s+(\S.*)")
_QUOTE = re.compile(r"\s{0,3}>\s?(.*)")
_RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*$")
_INLINE = re.compile(
    r"(?P<code>`+)(?P<in_code>[^`]+)(?P=code)"
    r"|\*\*(?=\S)(?P<in_strong>.+?)(?<=\S)\*\*"
    r"|(?<![\w*])\*(?=[^\s*])(?P<in_em>[^*]+?)(?<=\S)\*(?!\w)"
    r"|\[(?P<link>[^\]]+)\]\((?P<to>[^)\s]+)\)"
)
_PIECES = re.compile(r"\s+|\S+")
_PYTHON = ("", "py", "python", "python3")


def rows(text: str, width: int) -> list[Line]:
    """Return a text as rows of at most `width` cells."""
    drawn: list[Line] = []
    fence, language = "", ""
    code: list[str] = []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2]:
                drawn += _code(code, language, width)
                fence = ""
            else:
                code.append(line)
        elif mark:
            fence, language, code = mark[1], mark[2].lower(), []
        else:
            drawn += _line(line, width)
    return drawn + (_code(code, language, width) if fence else [])


def _line(line: str, width: int) -> list[Line]:
    if not line.strip():
        return [()]
    if _RULE.match(line):
        return [(("─" * width, "faint"),)]
    if heading := _HEADING.match(line):
        return folded(_inline(heading[1], "strong accent"), width)
    if item := _ITEM.match(line):
        indent = item[1][: width // 2]
        sign = "•" if len(item[2]) == 1 else item[2]
        return folded(_inline(item[3]), width, first=f"{indent}{sign} ", sign_style="accent")
    if quote := _QUOTE.match(line):
        return folded(_inline(quote[1], "muted"), width, first="│ ", sign_style="faint", again=True)
    indent = line[: len(line) - len(line.lstrip())][: width // 2]
    return folded(_inline(line.strip()), width, first=indent)


def _code(lines: list[str], language: str, width: int) -> list[Line]:
    """Return a block of code, cut at the width, with a line beside it."""
    source = "\n".join(lines)
    colours = coloured(source) if language in _PYTHON else [()] * len(lines)
    drawn: list[Line] = []
    for line, colouring in zip(lines, colours, strict=False):
        spans: list[Span] = []
        at = 0
        for start, end, style in colouring:
            spans += [(line[at:start], ""), (line[start:end], style)]
            at = end
        drawn.append((("▏ ", "faint"), *spans, (line[at:], "")))
    return [row for each in drawn for row in folded(list(each), width, whole=True)]


def _inline(text: str, base: str = "") -> list[Span]:
    spans: list[Span] = []
    at = 0
    for found in _INLINE.finditer(text):
        spans.append((text[at : found.start()], base))
        at = found.end()
        if found["code"]:
            spans.append((found["in_code"], f"{base} note".strip()))
        elif found["in_strong"]:
            spans += _inline(found["in_strong"], f"{base} strong".strip())
        elif found["in_em"]:
            spans += _inline(found["in_em"], f"{base} italic".strip())
        else:
            spans += [(found["link"], f"{base} note".strip()), (f" ({found['to']})", "muted")]
    return [span for span in (*spans, (text[at:], base)) if span[0]]


def folded(
    spans: list[Span],
    width: int,
    *,
    first: str = "",
    sign_style: str = "",
    again: bool = False,
    whole: bool = False,
) -> list[Line]:
    """Return spans in rows of at most `width` cells, broken between words where it can be.

    `first` stands before the first row, and `again` before all; else the others are indented so
    far. `whole` keeps all blanks.
    """
    before = cell_len(first)
    # A wide character has room in a row of its own at least.
    room = max(2, width - before)
    lines: list[list[Span]] = [[]]
    left = room
    for text, style in spans:
        for piece in _PIECES.findall(text):
            rest = piece
            blank = rest.isspace()
            if blank and not whole and (not lines[-1] or cell_len(rest) > left):
                if lines[-1]:
                    lines.append([])
                    left = room
                continue
            if cell_len(rest) > left and cell_len(rest) <= room and lines[-1] and not whole:
                lines.append([])
                left = room
            while cell_len(rest) > left:
                head = _head(rest, left)
                if head:
                    _append(lines[-1], head, style)
                rest = rest[len(head) :]
                lines.append([])
                left = room
            if rest:
                _append(lines[-1], rest, style)
                left -= cell_len(rest)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    other = first if again else " " * before
    return [
        (*(((first if not at else other), sign_style if not at or again else ""),)[: bool(before)],
         *line)
        for at, line in enumerate(lines)
    ]  # fmt: skip


def _append(line: list[Span], text: str, style: str) -> None:
    """Add text to a row, to its last span where the style is the same."""
    if line and line[-1][1] == style:
        line[-1] = (line[-1][0] + text, style)
    else:
        line.append((text, style))


def _head(text: str, cells: int) -> str:
    """Return what of a text fits into some cells."""
    if text.isascii():
        return text[:cells]
    used = 0
    for at, char in enumerate(text):
        used += cell_len(char)
        if used > cells:
            return text[:at]
    return text
