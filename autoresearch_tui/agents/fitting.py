"""Makes a prompt fit a small context: what matters least is left out first, and marked."""

import ast
from collections.abc import Iterable

LEFT_OUT = "..."


def squeeze(text: str, limit: int) -> str:
    """Return a text's beginning and end, whole lines of them, in at most `limit` characters.

    Its beginning says what it is, and its end what is asked.
    """
    if len(text) <= limit:
        return text
    lines = text.split("\n")
    room = limit - len(LEFT_OUT) - 2
    head, tail = first_of(lines, room // 2), first_of(lines[::-1], room - room // 2)[::-1]
    if not head and not tail:
        # One line that is longer than all that there is place for.
        return text[: max(0, limit)]
    return "\n".join([*head, LEFT_OUT, *tail])[: max(0, limit)]


def first_of(lines: Iterable[str], room: int) -> list[str]:
    """Return the first lines that fit into so many characters, line ends included."""
    taken: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        taken.append(line)
    return taken


def excerpt(source: str, limit: int) -> str:
    """Return a script in at most `limit` characters: its constants first, then its outline.

    What is left over goes to whole lines from the top. Gaps are marked.
    """
    if len(source) <= limit:
        return source
    lines = source.split("\n")
    chosen: set[int] = set()
    gap = len(LEFT_OUT) + 1
    left = limit - gap
    wanted = [*_constants(source), *_outline(lines), *range(len(lines))]
    for at in wanted:
        cost = len(lines[at]) + 1 + (0 if at - 1 in chosen else gap)
        if at not in chosen and cost <= left:
            chosen.add(at)
            left -= cost
    return "\n".join(_with_gaps(lines, chosen))[: max(0, limit)]


def _constants(source: str) -> list[int]:
    """Return the lines that set constants, outside of functions and classes."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[int] = []
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        statement = waiting.pop(0)
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if name.isupper() and statement.lineno == statement.end_lineno:
                    found.append(statement.lineno - 1)
            case ast.If():
                found.append(statement.lineno - 1)
                waiting += [*statement.body, *statement.orelse]
            case _:
                pass
    return found


def _outline(lines: list[str]) -> list[int]:
    starts = ("def ", "class ", "async def ")
    return [at for at, line in enumerate(lines) if line.lstrip().startswith(starts)]


def _with_gaps(lines: list[str], chosen: set[int]) -> list[str]:
    shown: list[str] = []
    last = -1
    for at in sorted(chosen):
        if at != last + 1:
            shown.append(LEFT_OUT)
        shown.append(lines[at])
        last = at
    return shown if last == len(lines) - 1 else [*shown, LEFT_OUT]
