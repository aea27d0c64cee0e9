"""Unified diffs taken apart: rows with their numbers, who replaced whom, and which words differ."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_WORD = re.compile(r"[\w.]+|\s+|[^\w\s]")
ALIGNED_AT_MOST = 900
"""Blocks with more pairs of lines than this are paired in order: nobody reads them by lines."""
TOKENS_AT_MOST = 300
"""Longer lines are compared from both ends alone."""
ALIKE_FROM = 0.4
"""Which share of their words two lines have in common at least, where one replaced the other."""

Range = tuple[int, int]


class Row(NamedTuple):
    """One line of a diff."""

    sign: str
    """`-`, `+`, a space for context, `@` for the head of a hunk."""
    old: int
    """Its number in the old file; of a hunk's head, the first line's."""
    new: int
    text: str
    """The line; of a hunk's head, what the hunk lies in."""
    partner: str | None = None
    """The line that it replaced, or that replaced it."""


class Pair(NamedTuple):
    """One row of two files side by side; either may lack it."""

    left: Row | None
    right: Row | None


def parse(text: str) -> list[Row]:
    """Return the rows of a unified diff; of what is none, no rows."""
    rows: list[Row] = []
    removed: list[str] = []
    added: list[str] = []
    old = new = 0
    inside = False

    def flush() -> None:
        nonlocal old, new
        pairs = align(removed, added)
        to_new = {a: b for a, b in pairs if a is not None and b is not None}
        to_old = {b: a for a, b in to_new.items()}
        for at, line in enumerate(removed):
            rows.append(Row("-", old + at, new, line, added[to_new[at]] if at in to_new else None))
        for at, line in enumerate(added):
            partner = removed[to_old[at]] if at in to_old else None
            rows.append(Row("+", old + len(removed), new + at, line, partner))
        old, new = old + len(removed), new + len(added)
        removed.clear()
        added.clear()

    for line in text.split("\n"):
        if hunk := _HUNK.match(line):
            flush()
            old, new, inside = int(hunk[1]), int(hunk[2]), True
            rows.append(Row("@", old, new, hunk[3]))
        elif not inside or line.startswith("\\"):
            continue
        elif line.startswith("-"):
            if added:
                flush()
            removed.append(line[1:])
        elif line.startswith("+"):
            added.append(line[1:])
        elif line.startswith(" "):
            flush()
            rows.append(Row(" ", old, new, line[1:]))
            old, new = old + 1, new + 1
        else:
            # What comes after the hunks of one file is another file's head.
            flush()
            inside = False
    flush()
    return rows


def side_by_side(rows: Sequence[Row]) -> list[Pair]:
    """Return rows in two columns, each line beside the one that it replaced."""
    pairs: list[Pair] = []
    at = 0
    while at < len(rows):
        row = rows[at]
        if row.sign in "@ ":
            pairs.append(Pair(row, row))
            at += 1
            continue
        end = at
        while end < len(rows) and rows[end].sign == "-":
            end += 1
        removed, start = rows[at:end], end
        while end < len(rows) and rows[end].sign == "+":
            end += 1
        added, at = rows[start:end], end
        for left, right in align([each.text for each in removed], [each.text for each in added]):
            one = None if left is None else removed[left]
            other = None if right is None else added[right]
            pairs.append(Pair(one, other))
    return pairs


def align(removed: Sequence[str], added: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Return which removed line belongs to which added one, in the order of both.

    Lines are paired by the words that they share; of large blocks, and of those with as many lines
    as took their place, in order.
    """
    if len(removed) == len(added) or len(removed) * len(added) > ALIGNED_AT_MOST:
        shared = min(len(removed), len(added))
        pairs: list[tuple[int | None, int | None]] = [(at, at) for at in range(shared)]
        pairs += [(at, None) for at in range(shared, len(removed))]
        return pairs + [(None, at) for at in range(shared, len(added))]
    words = [Counter(_WORD.findall(line)) for line in added]
    alike = [[_alike(Counter(_WORD.findall(line)), each) for each in words] for line in removed]
    rows, columns = len(removed), len(added)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], alike[i][j] + best[i + 1][j + 1])
    pairs = []
    i = j = 0
    while i < rows or j < columns:
        both = i < rows and j < columns and alike[i][j] > 0
        if both and best[i][j] == alike[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif j == columns or (i < rows and best[i + 1][j] >= best[i][j + 1]):
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


def _alike(one: Counter[str], other: Counter[str]) -> float:
    """Return the share of words that two lines have in common; 0 where that says nothing."""
    shared = sum((one & other).values())
    total = one.total() + other.total()
    share = 2 * shared / total if total else 0.0
    return share if share >= ALIKE_FROM else 0.0


def differing(line: str, partner: str | None) -> list[Range]:
    """Return where a line differs from its partner, in whole words.

    Empty where there is no partner, where nothing differs, or where hardly anything is the same:
    then the line as a whole is what changed.
    """
    if partner is None or line == partner:
        return []
    mine, theirs = _WORD.findall(line), _WORD.findall(partner)
    if max(len(mine), len(theirs)) > TOKENS_AT_MOST:
        kept = _kept_at_both_ends(mine, theirs)
    else:
        blocks = SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks()
        kept = {at for block in blocks for at in range(block.a, block.a + block.size)}
    if not any(word.strip() for at, word in enumerate(mine) if at in kept):
        return []
    ranges: list[Range] = []
    place = 0
    for at, word in enumerate(mine):
        start, place = place, place + len(word)
        # A gap between two words that changed is part of the change.
        bridges = word.isspace() and at - 1 not in kept and at + 1 not in kept and ranges
        if at in kept and not (bridges and at + 1 < len(mine)):
            continue
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], place)
        else:
            ranges.append((start, place))
    return ranges


def _kept_at_both_ends(mine: list[str], theirs: list[str]) -> set[int]:
    room = min(len(mine), len(theirs))
    head = next((at for at in range(room) if mine[at] != theirs[at]), room)
    room -= head
    tail = next((at for at in range(room) if mine[-1 - at] != theirs[-1 - at]), room)
    return {*range(head), *range(len(mine) - tail, len(mine))}
