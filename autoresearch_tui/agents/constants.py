"""The values that a training script offers to be tuned, found and replaced where they stand.

A constant is a name in ALL_CAPS that the module itself (or an `if`, `else`, `try` or `with` of the
module) sets to a plain number: `0.04`, `-1`, `2**14` (a power of two whole numbers), to `True` or
`False`, or to one of two such as in `8 if CUDA else 4`. A string is one where its comment names the
choices: `# one of: relu, gelu`. Tuples and arithmetic are none. A replacement changes the bytes of
the value and no other, so comments and formatting stay as they are.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

Number = int | float
Value = int | float | str
"""Of a constant; a `bool` is an `int`."""

DEVICES = ("cpu", "mps", "cuda")

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_NEWLINE = re.compile(rb"\r\n|\r|\n")
_POWER = re.compile(r"(\d+)(\s*\*\*\s*)(\d+)")
_CHOICES = re.compile(r"\bone of:?\s+([^;.]+(?:\.\d[^;.]*)*)", re.IGNORECASE)
_LARGEST_EXPONENT = 64
"""Of `2**n`: what is larger is no quantity of a training script, and slow to compute."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One value of a script, and where it stands."""

    key: str
    """The name; from the second value of that name on with a count, as `DEPTH#2`."""
    name: str
    value: Value
    literal: str
    """The value as it is written."""
    meaning: str
    """The comment behind it, empty where there is none."""
    condition: str
    """What must hold for it to count, as `device == "cuda"`; empty for most."""
    line: int
    """From 1, as in a traceback."""
    start: int
    """The first byte of the value in the UTF-8 of the script."""
    end: int
    """The byte behind the value."""

    @property
    def choices(self) -> tuple[Value, ...]:
        """The values that the comment allows, as in `# one of: relu, gelu`; empty if any may be."""
        return stated_choices(self.meaning, self.value)


def find(source: str, device: str | None = None) -> list[Constant]:
    """Return the constants in the order in which they stand.

    With a `device` (`cpu`, `mps`, `cuda`), the values of branches that clearly belong to another
    one are left out. Constants that nothing in the script reads are left out too.

    Raises:
        SyntaxError: the script is no Python.
    """
    tree = _parse(source)
    data = source.encode()
    line_starts = [0, *(match.end() for match in _NEWLINE.finditer(data))]
    read = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    branches = _Branches(tree, device)
    counts: dict[str, int] = {}
    found: list[Constant] = []
    for name, node, tests in _values(tree.body, ()):
        value = value_of(node)
        start = line_starts[node.lineno - 1] + node.col_offset
        end = line_starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        if isinstance(value, str) and not stated_choices(_comment_behind(data, end), value):
            continue
        counts[name] = counts.get(name, 0) + 1
        dead = any(branches.holds(test) is (not wanted) for test, wanted in tests)
        if value is None or dead or name not in read:
            continue
        found.append(
            Constant(
                key=name if counts[name] == 1 else f"{name}#{counts[name]}",
                name=name,
                value=value,
                literal=data[start:end].decode(),
                meaning=_comment_behind(data, end),
                condition=" and ".join(_text(test, wanted) for test, wanted in tests),
                line=node.lineno,
                start=start,
                end=end,
            )
        )
    return found


def stated_choices(comment: str, value: Value) -> tuple[Value, ...]:
    """Return what a comment names after `one of:`, where the present value is among it."""
    match = _CHOICES.search(comment)
    if match is None:
        return ()
    words = [word.strip().strip("`'\"") for word in re.split(r",|\bor\b", match[1])]
    named: list[Value] = []
    for word in filter(None, words):
        try:
            named.append(word if isinstance(value, str) else _number(word))
        except ValueError:
            return ()
    return tuple(dict.fromkeys(named)) if value in named else ()


def _number(word: str) -> Number:
    try:
        return int(word)
    except ValueError:
        return float(word)


def rewrite(source: str, values: Mapping[str, Value]) -> str:
    """Return the script with other values, by key, each written as a person would write it.

    A whole number stays one: its new value must be an `int`. Powers stay powers where they can.

    Raises:
        KeyError: the script has no constant of that key.
        SyntaxError: the script is no Python.
    """
    constants = {constant.key: constant for constant in find(source)}
    data = source.encode()
    for constant in sorted((constants[key] for key in values), key=lambda c: -c.start):
        literal = spelled(values[constant.key], like=constant.literal)
        data = data[: constant.start] + literal.encode() + data[constant.end :]
    return data.decode()


def spelled(value: Value, like: str = "") -> str:
    """Return a value as a script has it, in the manner of another one."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        escaped = repr(value)[1:-1]
        return f'"{escaped}"' if like.startswith('"') and '"' not in escaped else repr(value)
    return format_number(value, like)


def format_number(value: Number, like: str = "") -> str:
    """Return the shortest exact spelling of a finite number, in the manner of another one."""
    if isinstance(value, int):
        if power := _POWER.fullmatch(like):
            base, operator, _ = power.groups()
            if exponent := _exponent(value, int(base)):
                return f"{base}{operator}{exponent}"
        return f"{value:_}" if "_" in like else str(value)
    exact = Decimal(repr(value))
    if not value:
        return repr(value)
    if -3 <= exact.adjusted() < 6 and "e" not in like.lower():
        return format(exact, "f")
    sign, (first, *rest), _ = exact.normalize().as_tuple()
    fraction = "." + "".join(map(str, rest)) if rest else ""
    return f"{'-' * sign}{first}{fraction}e{exact.adjusted()}"


def _exponent(value: int, base: int) -> int | None:
    """Return the positive `n` with `base**n == value`, if there is one."""
    if base < 2:
        return None
    exponent, power = 1, base
    while power < value:
        exponent, power = exponent + 1, power * base
    return exponent if power == value else None


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except ValueError as error:
        # A null byte is a ValueError in Python 3.11 and a SyntaxError later.
        raise SyntaxError(str(error)) from None


class _Branches:
    """Which way a script's own conditions go on a device, as far as that can be read off them."""

    def __init__(self, tree: ast.Module, device: str | None) -> None:
        self._device = device
        self._assigned: dict[str, ast.expr] = {
            target.id: statement.value
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }

    def holds(self, test: ast.expr, depth: int = 0) -> bool | None:
        """Return whether a condition holds; none where that is not plain."""
        if self._device is None or depth > 8:
            return None
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.holds(operand, depth + 1)
                return None if inner is None else not inner
            case ast.Name(id=name) if name in self._assigned:
                return self.holds(self._assigned[name], depth + 1)
            case _:
                return self._compares(test)

    def _compares(self, test: ast.expr) -> bool | None:
        """Return whether a plain comparison with, or question for, a device holds."""
        match test:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op], comparators=[right]):
                named = [name for name in map(_string, (left, right)) if name in DEVICES]
                equal = isinstance(op, ast.Eq)
            case ast.Call(func=ast.Attribute(attr="is_available", value=module)):
                named = [name for name in DEVICES if name in ast.unparse(module).split(".")]
                equal = True
            case _:
                return None
        return (named == [self._device]) is equal if len(named) == 1 else None


def _string(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


_Tests = tuple[tuple[ast.expr, bool], ...]
"""Conditions, each with whether it must hold."""


def _values(body: list[ast.stmt], tests: _Tests) -> Iterator[tuple[str, ast.expr, _Tests]]:
    """Yield the name, the value's node and its conditions for every constant below `body`."""
    for statement in body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if _NAME.fullmatch(name):
                for node, more in _alternatives(value):
                    yield name, node, tests + more
            case ast.If(test=test, body=then, orelse=otherwise):
                yield from _values(then, (*tests, (test, True)))
                yield from _values(otherwise, (*tests, (test, False)))
            case ast.Try(body=inner) | ast.With(body=inner):
                yield from _values(inner, tests)
            case _:
                pass


def _alternatives(value: ast.expr) -> Iterator[tuple[ast.expr, _Tests]]:
    match value:
        case ast.IfExp(test=test, body=then, orelse=otherwise):
            for node, more in _alternatives(then):
                yield node, ((test, True), *more)
            for node, more in _alternatives(otherwise):
                yield node, ((test, False), *more)
        case _ if value_of(value) is not None:
            yield value, ()
        case _:
            pass


def value_of(node: ast.expr) -> Value | None:
    """Return the plain value that an expression stands for; none where it is no such."""
    match node:
        case ast.Constant(value=bool() | str() as value):
            return value
        case ast.Constant(value=int() | float() as value):
            # An infinite number is written `1e999`; it is no quantity to tune.
            return value if abs(value) != float("inf") else None
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if (
            not isinstance(value, bool) and abs(value) != float("inf")
        ):
            return -value
        case ast.BinOp(
            left=ast.Constant(value=int() as base),
            op=ast.Pow(),
            right=ast.Constant(value=int() as exponent),
        ) if base > 1 and 0 < exponent <= _LARGEST_EXPONENT:
            return base**exponent
        case _:
            return None


def _text(test: ast.expr, wanted: bool) -> str:
    return ast.unparse(test) if wanted else f"not ({ast.unparse(test)})"


def _comment_behind(data: bytes, end: int) -> str:
    line_end = _NEWLINE.search(data, end)
    rest = data[end : line_end.start() if line_end else len(data)].decode()
    _, mark, comment = rest.partition("#")
    return comment.strip() if mark else ""
