"""Edits of `train.py` by search and replace, with errors that tell a model what to do."""

import ast
import difflib

CONTEXT_LINES = 3
"""Lines shown around the place that an edit probably meant."""
LINES_TOLD = 8
"""Of the places of what is not unique."""
QUOTED_CHARACTERS = 1_000
"""Of the lines shown; one may be as long as a file."""


class EditError(Exception):
    """An edit that can not be made; the message tells the model how to make it."""


def replace(text: str, old: str, new: str, name: str = "old_text") -> str:
    """Return the text with its one occurrence of `old` replaced.

    Args:
        text: the whole file.
        old: what is to be replaced.
        new: what comes into its place.
        name: what whoever edits calls `old`.

    Raises:
        EditError: `old` is empty, is not there, stands there more than once, or equals `new`.
    """
    if not old:
        raise EditError(f"{name} is empty. Give the exact lines that are to be replaced.")
    if old == new:
        raise EditError(f"{name} and what replaces it are the same, so nothing would change.")
    match text.count(old):
        case 1:
            return text.replace(old, new)
        case 0:
            raise EditError(
                f"{name} was not found: it must match to the last space. " + _nearest(text, old)
            )
        case count:
            lines = ", ".join(map(str, _lines(text, old)))
            more = ", ..." if count > LINES_TOLD else ""
            raise EditError(
                f"{name} stands there {count} times, at the lines {lines}{more}. "
                "Add the lines before or after it until it is unique."
            )


def check(text: str, original: str) -> None:
    """Make sure that an edited file can run at all.

    Raises:
        EditError: it does not parse, or nothing was changed.
    """
    if text == original:
        raise EditError("train.py is unchanged. Edit it before you submit.")
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" at line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise EditError(f"train.py does not parse{where}: {reason}. Repair it.") from None


def summary(before: str, after: str) -> str:
    """Return an edit on one line: the first line removed, the first one added, and the counts."""
    old, new = before.splitlines(), after.splitlines()
    removed: list[str] = []
    added: list[str] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if tag != "equal":
            removed += old[i1:i2]
            added += new[j1:j2]
    shown = [f"-{lines[0].strip()}" for lines in (removed,) if lines]
    shown += [f"+{lines[0].strip()}" for lines in (added,) if lines]
    count = f" ({len(removed)} lines for {len(added)})" if len(removed) + len(added) > 2 else ""
    return "  ".join(line[:60] for line in shown) + count


def _lines(text: str, part: str) -> list[int]:
    """Return the lines at which a part begins, the first ones."""
    lines: list[int] = []
    at = text.find(part)
    while at >= 0 and len(lines) < LINES_TOLD:
        lines.append(text.count("\n", 0, at) + 1)
        at = text.find(part, at + len(part))
    return lines


def _nearest(text: str, old: str) -> str:
    """Return where an edit's first telling line nearly stands, quoted with its surroundings."""
    lines = text.splitlines()
    sought = max(old.splitlines() or [old], key=lambda line: len(line.strip())).strip()
    stripped = [line.strip() for line in lines]
    close = difflib.get_close_matches(sought, stripped, n=1, cutoff=0.5)
    if not close:
        return "No line comes near it; call read_train and copy the text from there."
    at = stripped.index(close[0])
    around = lines[max(0, at - CONTEXT_LINES) : at + CONTEXT_LINES + 1]
    return (
        f"The nearest is line {at + 1}; this is what stands there:\n"
        + "\n".join(around)[:QUOTED_CHARACTERS]
    )
