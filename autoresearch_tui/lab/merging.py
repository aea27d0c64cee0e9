"""Three-way merges by lines, in which changes side by side are no conflict.

git takes them for one; but the constants of a `train.py` stand side by side, and most edits are of
constants. What changed is git's word all the same.
"""

import itertools
import re
from typing import NamedTuple

import pygit2

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class _Edit(NamedTuple):
    """Lines `start` to `end` of the base, counted from 0, that others take the place of."""

    start: int
    end: int
    new: tuple[str, ...]

    @property
    def is_insertion(self) -> bool:
        """Whether it takes no line away."""
        return self.start == self.end


def merge_lines(base: str, ours: str, theirs: str) -> str | None:
    """Return `ours` with what `theirs` changed since `base`.

    None where both changed the same lines in different ways, or where one inserted lines right at
    what the other changed, so that nobody knows their order.
    """
    edits = sorted({*_edits(base, ours), *_edits(base, theirs)})
    if any(_collide(before, after) for before, after in itertools.pairwise(edits)):
        return None
    lines, merged, at = _LINE.findall(base), list[str](), 0
    for edit in edits:
        merged += [*lines[at : edit.start], *edit.new]
        at = edit.end
    return "".join([*merged, *lines[at:]])


def _collide(before: _Edit, after: _Edit) -> bool:
    if before.is_insertion or after.is_insertion:
        return after.start <= before.end
    return after.start < before.end


def _edits(old: str, new: str) -> list[_Edit]:
    # A patch reads from these bytes without holding them: they have to outlive it.
    before, after = old.encode(), new.encode()
    patch = pygit2.Patch.create_from(before, after, context_lines=0)
    lines = _LINE.findall(new)
    edits: list[_Edit] = []
    for hunk in patch.hunks:
        # Of no lines at all, git names the line before them.
        start = hunk.old_start - (1 if hunk.old_lines else 0)
        first = hunk.new_start - (1 if hunk.new_lines else 0)
        replacement = tuple(lines[first : first + hunk.new_lines])
        edits.append(_Edit(start, start + hunk.old_lines, replacement))
    return edits
