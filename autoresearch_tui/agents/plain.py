"""Edits as plain text, for models that are weak at tool calls or have a small context.

    TITLE: a larger learning rate
    WHY: training is still far from its end when the budget is.
    EXPECTED: -0.01
    <<<<<<< SEARCH
    MATRIX_LR = 0.04
    =======
    MATRIX_LR = 0.05
    >>>>>>> REPLACE

or, where a constant is all that changes, a line `SET MATRIX_LR = 0.05`. What surrounds the blocks
is read with tolerance; what they say is not: an edit is made as it is written, or not at all.
"""

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from autoresearch_tui.agents import edits
from autoresearch_tui.agents.edits import EditError

READ_CHARACTERS = 200_000
"""Of one answer; nobody writes more than that for an edit."""
WHOLE_FILE_SHARE = 0.5
"""A fenced block with at least so much of the file's lines may be the whole file anew."""


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of text and what comes into its place."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, taken apart."""

    title: str = ""
    hypothesis: str = ""
    expected_change: float | None = None
    notebook: str | None = None
    took_idea: int | None = None
    ideas: tuple[str, ...] = ()
    """For the backlog."""
    blocks: tuple[Block, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    """Names of constants and their new values, as written."""
    files: tuple[str, ...] = ()
    """Fenced blocks, one of which may be the file anew."""


_SEARCH = re.compile(
    r"^[ \t]*<{4,}[ \t]*(?:SEARCH|ORIGINAL|OLD|HEAD)?[ \t]*:?[ \t]*$", re.IGNORECASE
)
_MIDDLE = re.compile(r"^[ \t]*={4,}[ \t]*$")
_REPLACE = re.compile(r"^[ \t]*>{4,}[ \t]*(?:REPLACE|UPDATED|NEW)?[ \t]*$", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*[\w+.-]*[ \t]*$")
_FIELD = re.compile(
    r"^[ \t>*_#-]*(TITLE|WHY|HYPOTHESIS|EXPECTED(?:[ _]CHANGE)?|TOOK|LATER)"
    r"[ \t*_]*[:=][ \t*_]*(.*)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+\u2212]?\d*\.?\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]{1,9}")
_SETTING = re.compile(
    r"^[ \t>*`-]*(?:SET[ \t]+)?([A-Z][A-Z0-9_]{2,})[ \t]*(?:=|:=|->|to)[ \t]*(.+?)[ \t`]*$"
)
_NOTES = re.compile(r"<notes>(.*?)</notes>", re.IGNORECASE | re.DOTALL)


def parse(text: str) -> Reply:
    """Take an answer apart; whatever it is, this never fails."""
    text = text[:READ_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    notes = _NOTES.search(text)
    text = _NOTES.sub("", text)
    told: dict[str, str] = {}
    blocks: list[Block] = []
    files: list[str] = []
    ideas: list[str] = []
    settings: dict[str, str] = {}
    lines = iter(text.split("\n"))
    fence: list[str] | None = None
    for line in lines:
        if _SEARCH.match(line):
            old, new = _until(lines, _MIDDLE), _until(lines, _REPLACE)
            blocks.append(Block(old, new))
        elif _FENCE.match(line):
            if fence is not None:
                files.append("\n".join(fence))
            fence = [] if fence is None else None
        elif (found := _FIELD.match(line)) and found[1].upper() == "LATER":
            ideas.append(found[2].strip(" *_`"))
        elif found:
            told.setdefault(found[1].upper().split()[0].split("_")[0], found[2].strip(" *_`"))
        else:
            if fence is not None:
                fence.append(line)
            if found := _SETTING.match(line):
                settings[found[1]] = found[2]
    return Reply(
        title=told.get("TITLE", ""),
        hypothesis=told.get("WHY") or told.get("HYPOTHESIS", ""),
        expected_change=_number(told.get("EXPECTED", "")),
        notebook=notes[1].strip() if notes else None,
        took_idea=int(took[0]) if (took := _WHOLE.search(told.get("TOOK", ""))) else None,
        ideas=tuple(filter(None, ideas)),
        blocks=tuple(blocks),
        settings=tuple(settings.items()),
        files=tuple(files),
    )


def apply(reply: Reply, text: str) -> str:
    """Return `train.py` with the edits of an answer made.

    Search and replace counts first, then a whole file, then constants: models repeat in their
    explanations what they wrote in a block.

    Raises:
        EditError: there are none, or one can not be made.
    """
    if reply.blocks:
        for block in reply.blocks:
            text = _replace(text, block)
        return text
    for file in reply.files:
        if _is_whole_file(file, text):
            return file if file.endswith("\n") else f"{file}\n"
    known = {name: value for name, value in reply.settings if _assignment(text, name)}
    if not known:
        raise EditError(
            "There was no edit in your answer. Write a line such as SET NAME = value, with a "
            "constant of train.py, or a block with <<<<<<< SEARCH, ======= and >>>>>>> REPLACE."
        )
    before = text
    for name, value in known.items():
        text = _set(text, name, value)
    if text == before:
        raise EditError(f"{', '.join(known)} had that value already. Choose another one.")
    return text


def _until(lines: Iterator[str], end: re.Pattern[str]) -> str:
    taken: list[str] = []
    for line in lines:
        if end.match(line):
            break
        taken.append(line)
    while taken and _FENCE.match(taken[-1]):
        taken.pop()
    while taken and _FENCE.match(taken[0]):
        taken.pop(0)
    return "\n".join(taken)


def _number(text: str) -> float | None:
    found = _NUMBER.search(text)
    if found is None:
        return None
    value = float(found[0].replace("\u2212", "-"))
    return value if math.isfinite(value) else None


def _replace(text: str, block: Block) -> str:
    """Make one edit; blanks at the ends of lines, and empty lines around, may differ."""
    old = block.old.strip("\n")
    if old.strip() and old not in text:
        old = "\n".join(line.rstrip() for line in old.split("\n"))
        there = _lines_like(text, old)
        if len(there) == 1:
            old = there[0]
    return edits.replace(text, old, block.new.strip("\n"), "The SEARCH part")


def _lines_like(text: str, old: str) -> list[str]:
    """Return the runs of lines that differ from `old` in nothing but blanks at their ends."""
    lines, sought = text.split("\n"), old.split("\n")
    stripped = [line.rstrip() for line in lines]
    count = len(sought)
    starts = [at for at in range(len(lines) - count + 1) if stripped[at : at + count] == sought]
    return ["\n".join(lines[at : at + count]) for at in starts]


def _is_whole_file(block: str, text: str) -> bool:
    lines = block.count("\n") + 1
    return lines >= WHOLE_FILE_SHARE * (text.count("\n") + 1) and block.strip() != text.strip()


def _assignment(text: str, name: str) -> list[re.Match[str]]:
    pattern = rf"^([ \t]*{name}[ \t]*(?::[^=\n]+)?=[ \t]*)([^#\n]*?)([ \t]*(?:#[^\n]*)?)$"
    return list(re.finditer(pattern, text, re.MULTILINE))


def _set(text: str, name: str, written: str) -> str:
    """Give a constant another value, and leave its comment."""
    found = _assignment(text, name)
    if len(found) != 1:
        at = ", ".join(str(text.count("\n", 0, each.start()) + 1) for each in found)
        raise EditError(
            f"{name} is set at the lines {at}. Say which with a SEARCH block that holds more lines."
        )
    value = written.split("#", maxsplit=1)[0].strip().rstrip(".,;`")
    if not _is_expression(value, text):
        number = _NUMBER.match(value)
        if number is None:
            raise EditError(f"{value[:60]!r} is no value for {name}. Write a number.")
        value = number[0]
    head, _, comment = found[0].groups()
    return f"{text[: found[0].start()]}{head}{value}{comment}{text[found[0].end() :]}"


def _is_expression(value: str, text: str) -> bool:
    """Return whether a value can stand in the file; words of a sentence can not."""
    try:
        tree = ast.parse(value, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return all(re.search(rf"\b{name}\b", text) for name in names)
