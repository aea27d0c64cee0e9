"""When two versions of a script train alike: the normal form of a file, and what an edit touches.

Comments, docstrings, formatting and the names of local variables say nothing of how a script
trains, and neither do the last digits of a number. Both functions read the syntax tree and run
nothing.
"""

import ast
import hashlib
import itertools
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

DIGITS = 3
"""Significant digits of a fraction; what differs beyond them is lost in the noise of a run."""
DIGEST_CHARACTERS = 16
TOUCHED_MOST = 12
NAME_CHARACTERS = 40
VALUE_CHARACTERS = 16
LARGEST_FOLDED = 2.0**64
REST = "module code"
"""What an edit touches that has no name: imports, and statements at the top level."""

_LOOK_AT_NAMES = frozenset({"locals", "vars", "eval", "exec"})
"""A function that calls one of them may use its variables by their names."""
_NEWLINE = re.compile(r"\r\n|\r|\n")
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@lru_cache(maxsize=8)
def tree_digest(train: str) -> str:
    """Return a digest that is equal for files which train alike; empty where it does not parse."""
    try:
        tree = _parse(train)
        top = {name for name, _ in _units(tree.body)}
        for function in _outermost_functions(tree):
            _rename_locals(function, top)
        normal = ast.dump(_Normal().visit(tree))
    except _UNREADABLE:
        return ""
    return hashlib.sha256(normal.encode("utf-8", "replace")).hexdigest()[:DIGEST_CHARACTERS]


def touched(before: str, after: str) -> list[str]:
    """Return what an edit changes, `TOUCHED_MOST` names at most: variables of the module first.

    A variable comes with both values where they are short: `DEPTH: 8 -> 9`.
    """
    try:
        old, new = _named(before), _named(after)
        names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
        # Whole lines are compared first: writing code anew is what takes time here.
        pairs = [(name, _codes(old.get(name)), _codes(new.get(name))) for name in names]
    except _UNREADABLE:
        return []
    values: list[str] = []
    others: list[str] = []
    for name, was, becomes in pairs:
        if was == becomes:
            continue
        change = None if name.endswith(REST) else _moved(was, becomes)
        (others if change is None else values).append(name[:NAME_CHARACTERS] + (change or ""))
    return [*values, *others][:TOUCHED_MOST]


def _parse(train: str) -> ast.Module:
    with warnings.catch_warnings():
        # Whether a script is in good style is not the question.
        warnings.simplefilter("ignore")
        return ast.parse(train)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A named piece of a script; two whose lines are equal are equal."""

    lines: tuple[str, ...]
    node: ast.AST = field(compare=False)


def _named(train: str) -> dict[str, list[_Unit]]:
    """Return each name's pieces in the order of the file."""
    found: dict[str, list[_Unit]] = {}
    lines = _NEWLINE.split(train)
    for name, node in _units(_parse(train).body):
        if isinstance(node, ast.stmt | ast.expr) and node.lineno:
            text = tuple(lines[node.lineno - 1 : node.end_lineno])
        else:
            text = (ast.unparse(node),)
        found.setdefault(name, []).append(_Unit(text, node))
    return found


def _codes(units: list[_Unit] | None) -> list[str]:
    """Return the code of pieces, normalised but for numbers."""
    bare = _WithoutTexts()
    return [ast.unparse(bare.visit(unit.node)) for unit in units or ()]


def _units(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yield the named pieces of a module: variables by their values, functions, methods."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield f"{owner}{name}", statement
            case ast.ClassDef(name=name, body=inner):
                yield from _units(inner, f"{owner}{name}.")
                yield f"{owner}{name}", _head(statement)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                yield f"{owner}{name}", value
            case ast.If(body=then, orelse=otherwise, test=test):
                yield owner + REST, test
                yield from _units([*then, *otherwise], owner)
            case ast.With(body=inner):
                yield from _units(inner, owner)
            case ast.Try(body=inner, handlers=handlers, orelse=otherwise, finalbody=last):
                caught = [each for handler in handlers for each in handler.body]
                yield from _units([*inner, *caught, *otherwise, *last], owner)
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case _:
                yield owner + REST, statement


def _head(statement: ast.ClassDef) -> ast.ClassDef:
    """Return a class without its body, which is told by its own names."""
    return ast.ClassDef(
        name=statement.name,
        bases=statement.bases,
        keywords=statement.keywords,
        body=[],
        decorator_list=statement.decorator_list,
        lineno=0,
        col_offset=0,
    )


def _moved(was: list[str], becomes: list[str]) -> str | None:
    """Return how the one value of a variable changes that does, where it is shown."""
    if len(was) != len(becomes):
        return None
    pairs = [(a, b) for a, b in zip(was, becomes, strict=True) if a != b]
    (a, b), *_ = pairs
    short = "\n" not in a + b and max(len(a), len(b)) <= VALUE_CHARACTERS
    return f": {a} -> {b}" if short and len(pairs) == 1 else None


class _WithoutTexts(ast.NodeTransformer):
    """Takes away strings that stand alone, as docstrings do."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop what is only a string."""
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Leave no body empty."""
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = node.body or [ast.Pass()]
        return node


class _Normal(_WithoutTexts):
    """Writes numbers one way, the last digits of fractions left out."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Round a fraction."""
        if isinstance(node.value, float):
            return ast.Constant(rounded(node.value))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Make a negative number one."""
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return self.visit(ast.Constant(-value))
            case _:
                return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Work out products and powers of whole numbers."""
        folded = self.generic_visit(node)
        match folded:
            case ast.BinOp(
                left=ast.Constant(value=int() as left),
                op=ast.Mult() | ast.Pow() as op,
                right=ast.Constant(value=int() as right),
            ) if max(abs(left), abs(right)) < LARGEST_FOLDED:
                value = _product(left, right) if isinstance(op, ast.Mult) else _power(left, right)
                return folded if value is None else ast.Constant(value)
            case _:
                return folded


def _product(left: int, right: int) -> int:
    return left * right


def _power(base: int, exponent: int) -> int | None:
    small = 0 <= exponent <= 64 and abs(base) <= 1 << 16
    return base**exponent if small else None


def rounded(value: float) -> str:
    """Return a fraction to `DIGITS` digits; next to one, as 0.9995 is, those of the distance."""
    size = abs(value)
    if not math.isfinite(value) or size == 1:
        return f"{value}"
    if 0.5 < size < 1.5:
        sign = "-" if value < 0 else ""
        return f"{sign}1{size - 1:+.{DIGITS}g}"
    return f"{value:.{DIGITS}g}."


def _outermost_functions(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _rename_locals(function: ast.AST, taken: set[str]) -> None:
    """Give a function's local variables names by the order in which they stand there.

    Parameters keep theirs, by which a caller may pass them; so does what `taken` names.
    """
    nodes = list(ast.walk(function))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    if any(name.id in _LOOK_AT_NAMES for name in names):
        return
    kept = set(taken) | {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Global | ast.Nonlocal):
            kept.update(node.names)
    stored = {name.id for name in names if isinstance(name.ctx, ast.Store)} - kept
    count = itertools.count()
    renamed: dict[str, str] = {}
    for name in names:
        if name.id in stored:
            if name.id not in renamed:
                renamed[name.id] = f"local {next(count)}"
            name.id = renamed[name.id]
