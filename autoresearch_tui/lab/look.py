"""A look at an edit before it runs: what in it deserves a person's eye.

The look reads the syntax tree and runs nothing. It blocks nothing either: the evaluator and the
sandbox hold whatever an edit says. A mark tells a person where to read first, and code without a
mark is not thereby innocent.

`reach` says what is marked, `origins` what the names of a script stand for.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from autoresearch_tui.lab import reach
from autoresearch_tui.lab.origins import Names

SEEN_CHARS = 60
MOST_MARKS = 50
"""Of one edit; who reads that many has understood."""

CHANGES_TRIAL = "changes the trial, which is not the script's"

UNREADABLE = "came of reading it: it can not be looked at"
GUARD = "__name__ == '__main__'"

_RESULT = re.compile(r"val.?bpb|bits.per.byte", re.IGNORECASE)
_CAUSAL_ARGUMENT = 5
"""Where `is_causal` stands among the arguments of `scaled_dot_product_attention`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One place of a script that deserves an eye."""

    line: int
    """From 1."""
    seen: str
    """The code, normalised."""
    reason: str
    """What it does, as the rest of a sentence."""

    def __str__(self) -> str:
        """Say it in a sentence."""
        shown = " ".join(self.seen.split())
        if len(shown) > SEEN_CHARS:
            shown = shown[: SEEN_CHARS - 1] + "…"
        return f"Line {self.line}: `{shown}` {self.reason}."


def look(train: str) -> list[Mark]:
    """Return the marks of a script in the order of its lines; it never raises."""
    return list(_looked(train))


@lru_cache(maxsize=4)
def _looked(train: str) -> tuple[Mark, ...]:
    """Look once at an incumbent, however many edits are made to it."""
    try:
        with warnings.catch_warnings():
            # Whether a script is in good style is not the question.
            warnings.simplefilter("ignore")
            tree = ast.parse(train)
        eye = _Eye(tree)
        eye.visit(tree)
    except SyntaxError as error:
        return (Mark(error.lineno or 1, error.msg, "is no Python: it can not run"),)
    except (ValueError, RecursionError, MemoryError) as error:
        return (Mark(1, type(error).__name__, UNREADABLE),)
    return tuple(sorted(eye.marks, key=lambda mark: mark.line))


def new_marks(before: str, after: str) -> list[Mark]:
    """Return the marks that an edit adds, `MOST_MARKS` at most.

    What only moved to another line, or was only formatted anew, is not new. Of a script that can
    not be looked at nobody knows what is new in it, so that this is told each time.
    """
    known = Counter((mark.seen, mark.reason) for mark in look(before) if mark.reason != UNREADABLE)
    added: list[Mark] = []
    for mark in look(after):
        key = (mark.seen, mark.reason)
        if known[key]:
            known[key] -= 1
        else:
            added.append(mark)
    return added[:MOST_MARKS]


class _Eye(ast.NodeVisitor):
    """Walks a tree and marks; of nested expressions it marks the outermost."""

    def __init__(self, tree: ast.Module) -> None:
        self.marks: list[Mark] = []
        self._names = Names(tree)

    def _mark(self, node: ast.stmt | ast.expr, reason: str) -> None:
        self.marks.append(Mark(node.lineno, _text(node), reason))

    # -- statements

    def visit_Import(self, node: ast.Import) -> None:
        """Mark modules that a training run has no use for."""
        self._imported(node, [alias.name for alias in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Mark names that a training run has no use for, and those that are not named."""
        module = node.module or ""
        if any(alias.name == "*" for alias in node.names):
            self._mark(node, "hides which names it brings")
        self._imported(node, [module, *(f"{module}.{alias.name}" for alias in node.names)])

    def _imported(self, node: ast.stmt, origins: list[str]) -> None:
        # One sentence a statement and reason: `from os import kill, fork` needs no two.
        for reason in dict.fromkeys(filter(None, map(reach.reason, origins))):
            self._mark(node, reason)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Mark what runs when objects go, which may be after the clock."""
        if node.name == "__del__":
            self.marks.append(
                Mark(node.lineno, "def __del__", "runs when nothing asks for it, as at the exit")
            )
        self.generic_visit(node)

    def visit_Module(self, node: ast.Module) -> None:
        """Pass over the guard that every script has."""
        for statement in node.body:
            if isinstance(statement, ast.If) and _text(statement.test) == GUARD:
                for guarded in [*statement.body, *statement.orelse]:
                    self.visit(guarded)
            else:
                self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Pass over docstrings: they may name anything."""
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Mark what is set on somebody else's objects, with what it is set to."""
        self._set(node, node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Mark the same, and environments that grow in place."""
        self._set(node, [node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Mark the same where it is annotated."""
        self._set(node, [node.target])

    def visit_Delete(self, node: ast.Delete) -> None:
        """Mark what is taken away from somebody else's objects."""
        self._set(node, node.targets)

    def _set(
        self,
        node: ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete,
        targets: list[ast.expr],
    ) -> None:
        reasons = [
            reason
            for target in targets
            for part in _parts(target)
            if (reason := self._written(part, in_place=isinstance(node, ast.AugAssign)))
        ]
        for reason in dict.fromkeys(reasons):
            self._mark(node, reason)
        if reasons and not isinstance(node, ast.Delete):
            # What stands on the left was told; the value may have more to tell.
            if node.value is not None:
                self.visit(node.value)
            return
        self.generic_visit(node)

    def _written(self, target: ast.expr, *, in_place: bool) -> str | None:
        """Return why a person may want to know that this is written to."""
        if isinstance(target, ast.Name):
            # `environ |= {...}` changes what the name stands for; `environ = {}` does not.
            environment = reach.ENVIRONMENT in self._names.origins(target)
            return reach.SETS_ENVIRONMENT if in_place and environment else None
        if not isinstance(target, ast.Attribute | ast.Subscript):
            return None
        if isinstance(target, ast.Attribute) and self._names.is_trial(target.value):
            return CHANGES_TRIAL
        return self._written_on(target.value)

    def _written_on(self, owner: ast.expr) -> str | None:
        reasons = map(reach.written_reason, sorted(self._names.origins(owner)))
        return next(filter(None, reasons), None)

    def visit_For(self, node: ast.For) -> None:
        """Mark loops that write to somebody else's objects."""
        self._bound(node.target)
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        """Mark the same of `with`."""
        if node.optional_vars is not None:
            self._bound(node.optional_vars)
        self.generic_visit(node)

    def _bound(self, target: ast.expr) -> None:
        for part in _parts(target):
            if reason := self._written(part, in_place=False):
                self._mark(part, reason)

    # -- expressions

    def visit_Call(self, node: ast.Call) -> None:
        """Mark what is called, with its arguments."""
        reason = self._called(node)
        if reason is None:
            for part in ast.iter_child_nodes(node):
                # Dropout is what a model has that flag for.
                if not (_is_training(part) and "dropout" in _text(node.func)):
                    self.visit(part)
            return
        self._mark(node, reason)
        told = node.args[0] if self._names.origins(node.func) & reach.SETTERS else None
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if argument is not told and not isinstance(argument, ast.Constant):
                self.visit(argument)

    def _called(self, node: ast.Call) -> str | None:
        origins = self._names.origins(node.func)
        if origins & reach.SETTERS and node.args:
            if self._names.is_trial(node.args[0]):
                return CHANGES_TRIAL
            if written := self._written_on(node.args[0]):
                return written
        if (
            origins & reach.GETTERS
            and not _is_named(node)
            and any(map(reach.is_imported, self._names.origins(node.args[0])))
        ):
            return "hides which name of a module it takes"
        if origins & reach.PRINTERS and _RESULT.search(_text(node)):
            return "prints a result of its own, which nobody believes"
        if origins & reach.ENVIRONMENT_WRITERS:
            return reach.SETS_ENVIRONMENT
        if _is_not_causal(node):
            return "asks for attention that sees later tokens"
        if found := self._mentioned(node.func) or self._mentioned(node):
            return found
        return reach.METHODS.get(node.func.attr) if isinstance(node.func, ast.Attribute) else None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Mark what is reached for."""
        if reason := self._mentioned(node):
            self._mark(node, reason)
        elif self._names.origins(node.value) & {reach.FIXED}:
            # An attribute of prepare that is offered: the module itself is not handed on.
            return
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Mark names that were brought from elsewhere, and builtins."""
        if isinstance(node.ctx, ast.Load) and (reason := self._mentioned(node)):
            self._mark(node, reason)
        elif reach.FIXED in self._names.origins(node):
            self._mark(node, "hands on the module that measures")

    def _mentioned(self, node: ast.expr) -> str | None:
        """Return why a person may want to know that this is reached for."""
        for origin in sorted(self._names.origins(node)):
            if reason := reach.reason(origin):
                return reason
        if isinstance(node, ast.Attribute):
            if _is_training(node):
                return reach.TELLS_APART
            if node.attr in reach.INSIDES:
                return "reaches for the insides of Python"
            if self._names.is_trial(node.value) and (
                node.attr.startswith("_") or node.attr in reach.TRIAL_INSIDES
            ):
                return "reaches for the trial's own affairs"
        return None

    def visit_Constant(self, node: ast.Constant) -> None:
        """Mark text that names places which are not the script's."""
        if isinstance(node.value, str) and reach.PLACES.search(node.value):
            self._mark(node, "names a place that is not the script's")


def _parts(target: ast.expr) -> Iterator[ast.expr]:
    """Yield what an assignment's target is made of."""
    match target:
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _parts(element)
        case ast.Starred(value=value):
            yield from _parts(value)
        case _:
            yield target


def _is_named(node: ast.Call) -> bool:
    """Return whether the second argument is a text that stands there, or is missing."""
    return len(node.args) < 2 or isinstance(node.args[1], ast.Constant)


def _is_training(node: ast.AST) -> bool:
    """Return whether this asks a module for its mode."""
    value = node.value if isinstance(node, ast.keyword) else node
    return (
        isinstance(value, ast.Attribute)
        and value.attr == "training"
        and isinstance(value.ctx, ast.Load)
    )


def _is_not_causal(node: ast.Call) -> bool:
    """Return whether a call says in so many words that attention is not causal."""
    said = [keyword.value for keyword in node.keywords if keyword.arg in ("is_causal", "causal")]
    if isinstance(node.func, ast.Attribute | ast.Name) and (
        "scaled_dot_product_attention" in _text(node.func)
    ):
        said += node.args[_CAUSAL_ARGUMENT : _CAUSAL_ARGUMENT + 1]
    return any(isinstance(value, ast.Constant) and value.value is False for value in said)


def _text(node: ast.AST) -> str:
    """Return code as Python itself would write it."""
    try:
        return ast.unparse(node)
    except ValueError:
        # A whole number of thousands of digits has no decimal text.
        return type(node).__name__
