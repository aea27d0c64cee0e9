"""How constants of a script bind each other: which divide which others, and which need others.

Read off the comments (`a multiple of HEAD_WIDTH`, `divides WIDTH`) and off the code: where it takes
`WIDTH % HEADS` or `WIDTH // HEADS` of two whole constants, and the one divides the other now, an
edit that ends that would crash at once or leave channels unused. And `only with ROWS` (or `only
with ROWS or LINES`) in a comment says that a constant does nothing as long as those are 0, `False`
or empty.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoresearch_tui.agents.constants import Constant, Value

_MULTIPLE = re.compile(r"\b(?:multiple of|divisible by)\s+([A-Z][A-Z0-9_]*)")
_DIVISOR = re.compile(r"\b(?:divides|divisor of)\s+([A-Z][A-Z0-9_]*)")
_NEEDED = re.compile(r"\bonly with\s+([A-Z][A-Z0-9_]*(?:\s+or\s+[A-Z][A-Z0-9_]*)*)")


@dataclass(frozen=True, slots=True)
class Relation:
    """The value of one key is a multiple of the value of another."""

    multiple: str
    divisor: str

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Return whether it holds; what is no whole number is not bound by it."""
        multiple, divisor = values.get(self.multiple), values.get(self.divisor)
        if not isinstance(multiple, int) or not isinstance(divisor, int):
            return True
        return divisor != 0 and multiple % divisor == 0


def find(source: str, constants: Sequence[Constant]) -> list[Relation]:
    """Return the relations that hold at present among some constants of a script.

    Raises:
        SyntaxError: the script is no Python.
    """
    # Of one name, the last that counts on this device is the one that the code reads.
    whole = {
        each.name: each
        for each in constants
        if isinstance(each.value, int) and not isinstance(each.value, bool) and each.value > 1
    }
    pairs = {
        *((each.name, name) for each in whole.values() for name in _named(_MULTIPLE, each)),
        *((name, each.name) for each in whole.values() for name in _named(_DIVISOR, each)),
        *_taken(ast.parse(source)),
    }
    values = {each.key: each.value for each in whole.values()}
    related = [
        Relation(whole[multiple].key, whole[divisor].key)
        for multiple, divisor in sorted(pairs)
        if multiple != divisor and multiple in whole and divisor in whole
    ]
    return [relation for relation in related if relation.holds(values)]


def idle(constants: Sequence[Constant]) -> set[str]:
    """Return the keys of those that do nothing, since none of what they need is set.

    A name that is not among the constants may be set to anything, so nothing is said by it.
    """
    values = {each.name: each.value for each in constants}
    found: set[str] = set()
    for each in constants:
        if match := _NEEDED.search(each.meaning):
            needed = re.split(r"\s+or\s+", match[1])
            if not any(values.get(name, True) for name in needed):
                found.add(each.key)
    return found


def _named(pattern: re.Pattern[str], constant: Constant) -> list[str]:
    return pattern.findall(constant.meaning)


def _taken(tree: ast.Module) -> set[tuple[str, str]]:
    """Return the pairs of names that the code divides one by the other without a rest."""
    return {
        (node.left.id, node.right.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mod | ast.FloorDiv)
        and isinstance(node.left, ast.Name)
        and isinstance(node.right, ast.Name)
    }
