"""Keys that a person gives to bindings: `[tui.keys]` names bindings by their ids.

All bindings of the package are found by the classes that have them, so a new pane or screen is part
of this by itself. A key that would do two things at once is refused before the screen opens.
"""

import difflib
import string
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys
from textual.screen import ModalScreen, Screen

PACKAGE = "autoresearch_tui."
MODIFIERS = ("ctrl+", "shift+", "alt+")


def name_of(char: str) -> str:
    """Return what Textual calls the key of a printable character."""
    if char.isalnum():
        return char
    words = unicodedata.name(char).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(words, words)


NAMED_KEYS = (
    frozenset(key.value for key in Keys)
    | frozenset(name_of(char) for char in string.punctuation)
    | {"space", "tab", "enter", "escape"}
)


class KeysError(Exception):
    """A key can not be given as a person wants it; the message says which, and why."""


@dataclass(frozen=True)
class Place:
    """A class that has bindings of its own."""

    owner: type[DOMNode]
    bindings: tuple[Binding, ...]

    def meets(self, other: "Place") -> bool:
        """Return whether keys of both places can be pressed at the same moment."""
        one, two = self.owner, other.owner
        if issubclass(one, two) or issubclass(two, one):
            return True
        # A question to the person takes all keys; two screens, or two panes, never share them.
        if _is_modal(one) or _is_modal(two):
            return False
        if issubclass(one, Screen) and issubclass(two, Screen):
            return False
        return issubclass(one, (App, Screen)) or issubclass(two, (App, Screen))


def _is_modal(owner: type[DOMNode]) -> bool:
    return issubclass(owner, ModalScreen)


def places() -> list[Place]:
    """Return all classes of the package that are loaded and have bindings, the app's first."""
    return [
        Place(owner, tuple(_bindings(owner)))
        for owner in sorted(
            _ours(DOMNode), key=lambda each: (not issubclass(each, App), each.__qualname__)
        )
        if "BINDINGS" in vars(owner)
    ]


def _ours(base: type[DOMNode]) -> set[type[DOMNode]]:
    found: set[type[DOMNode]] = set()
    for child in base.__subclasses__():
        if child.__module__.startswith(PACKAGE):
            found.add(child)
        found |= _ours(child)
    return found


def _bindings(owner: type[DOMNode]) -> Iterator[Binding]:
    declared: list[BindingType] = vars(owner)["BINDINGS"]
    yield from Binding.make_bindings(declared)


def ids() -> dict[str, Binding]:
    """Return all bindings that can be given another key, by their ids."""
    return {each.id: each for place in places() for each in place.bindings if each.id}


def keymap(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the keymap of a person's wishes: binding ids and keys, several with commas.

    Raises:
        KeysError: an id or a key is unknown, or a key would do two things.
    """
    known = ids()
    chosen: dict[str, str] = {}
    for name, keys in wanted.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            nearest = f"; did you mean {close[0]}" if close else ""
            raise KeysError(
                f"[tui.keys] gives a key to {name}, which nothing is called{nearest}. "
                "The help (?) names everything that has a key."
            )
        chosen[name] = ",".join(_key(name, key) for key in _split(keys))
    _refuse_clashes(chosen)
    return chosen


def _split(keys: str) -> list[str]:
    """Return the keys of a list with commas; a comma alone is a key."""
    return ["comma"] if keys.strip() == "," else [key.strip() or key for key in keys.split(",")]


def _key(name: str, key: str) -> str:
    bare = key
    while bare.startswith(MODIFIERS):
        bare = bare.partition("+")[2]
    if len(bare) == 1 and bare.isprintable():
        return key[: -len(bare)] + name_of(bare)
    if bare in NAMED_KEYS or key in NAMED_KEYS:
        return key
    raise KeysError(
        f"[tui.keys] gives {name} the key {key!r}, which is none: write a letter, a digit or a "
        "sign as it is, or a name such as f5, space, pageup or ctrl+t."
    )


def _refuse_clashes(chosen: Mapping[str, str]) -> None:
    everywhere = places()
    for place in everywhere:
        for moved in place.bindings:
            for key in filter(None, chosen.get(moved.id or "", "").split(",")):
                for other in everywhere:
                    if place.meets(other) and (taken := _holder(other, key, moved, chosen)):
                        raise KeysError(
                            f"[tui.keys] gives {moved.id} the key {key}, which is {taken}'s "
                            f"already. Give {taken} another one too, or choose a free key."
                        )


def _holder(place: Place, key: str, moved: Binding, chosen: Mapping[str, str]) -> str | None:
    """Return what else has the key in a place, once all wishes are granted."""
    for each in place.bindings:
        keys = chosen.get(each.id or "", each.key).split(",")
        if each.id != moved.id and key in keys:
            return each.id or each.description
    return None
