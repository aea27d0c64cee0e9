"""What an agent may do, where it asks: read its folder, and edit `train.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from acp.schema import FileEditToolCallContent, PermissionOption, ToolCallUpdate

from autoresearch_tui.agents.acp.folder import EDITED, Folder

READING = frozenset({"read", "search"})
WRITING = frozenset({"edit", "delete", "move"})
DEPTH = 4
"""How deep a tool's own input is looked into for the paths that it names."""


class Permissions(StrEnum):
    """How requests for permission are answered."""

    TRAIN = "train"
    """Reading the folder and editing `train.py` are allowed, all else is refused."""
    ASK = "ask"
    """The same, but a person is asked about all else that is no write."""
    NONE = "none"
    """All is refused; what needs no permission still works."""


@dataclass(slots=True)
class Call:
    """What is known of a tool call of an agent."""

    title: str = ""
    kind: str | None = None
    paths: frozenset[str] = frozenset()
    has_edit: bool = False
    given: Any = None
    """What the tool is given, in the agent's own form."""

    def __str__(self) -> str:
        """Return it in a few words."""
        kind = self.kind or "tool"
        says_it = self.title.lower().startswith(kind)
        return self.title if says_it else f"{kind}  {self.title}".rstrip()

    def learn(self, update: ToolCallUpdate) -> None:
        """Add what an update tells."""
        self.title = " ".join((update.title or "").split()) or self.title
        self.kind = update.kind or self.kind
        self.given = update.raw_input or self.given
        named = set(_paths(update.raw_input, DEPTH))
        named |= {location.path for location in update.locations or []}
        for content in update.content or []:
            if isinstance(content, FileEditToolCallContent):
                named.add(content.path)
                self.has_edit = True
        self.paths |= named


def objection(call: Call, folder: Folder, permissions: Permissions) -> str | None:
    """Return why a tool call is refused, as a sentence; none where it is allowed."""
    if permissions is Permissions.NONE:
        return "No tool that asks for permission is allowed here."
    kind = call.kind or ("edit" if call.has_edit else None)
    places = [folder.place(path) for path in call.paths]
    if kind == "edit":
        if places and all(place == folder.train for place in places):
            return None
        return f"Only {EDITED} may be edited."
    if kind in READING:
        if None not in places and (places or kind == "search"):
            return None
        return "Only the files of this folder may be read."
    if kind == "think":
        return None
    return f"Only reading this folder and editing {EDITED} are allowed here."


def is_for_a_person(call: Call, permissions: Permissions) -> bool:
    """Return whether a person may allow what was refused: never a write, whatever they say.

    What names a file and does not say what it does with it counts as one.
    """
    may_write = call.has_edit or call.kind in WRITING
    may_write = may_write or (call.kind in {None, "other"} and bool(call.paths))
    return permissions is Permissions.ASK and not may_write


def answer(options: Sequence[PermissionOption], *, allow: bool) -> str | None:
    """Return which option to choose; none where the request has to be cancelled.

    What is allowed is allowed this once: for ever would be more than was looked at.
    """
    kinds = ("allow_once",) if allow else ("reject_once", "reject_always")
    for kind in kinds:
        for option in options:
            if option.kind == kind:
                return option.option_id
    return None


def _paths(value: Any, depth: int) -> Iterator[str]:
    """Yield what a tool's input names as a file: each agent has names of its own for that."""
    if depth == 0:
        return
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _paths(one, depth - 1)
    elif isinstance(value, dict):
        for key, one in cast("dict[str, Any]", value).items():
            word = str(key).lower()
            if isinstance(one, str) and ("path" in word or word in {"file", "filename"}):
                yield one
            elif word == "changes" and isinstance(one, dict):
                yield from map(str, cast("dict[str, Any]", one))
            else:
                yield from _paths(one, depth - 1)
