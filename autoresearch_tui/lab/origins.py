"""What the names of a script stand for, as dotted origins: after `import os as o`, `o` is `os`.

Names are followed through imports and plain assignments, wherever in the file those stand: `import
os as o`, `from os import environ`, `e = o.environ`. A name that is bound twice may stand for both.
Text that is put together as the script runs is not followed.
"""

import ast
from collections.abc import Iterator

from autoresearch_tui.lab import reach

ALIAS_ROUNDS = 8
"""How often assignments are followed: `a = os`, `b = a`, `c = b` takes three rounds."""


class Names:
    """What the names of one script may stand for."""

    def __init__(self, tree: ast.Module) -> None:
        """Read the imports and assignments of a script."""
        self._own = {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        self._origins: dict[str, set[str]] = {}
        self._trials = {"trial"}
        for node in ast.walk(tree):
            for name, origin in _imported_names(node):
                self._origins.setdefault(name, set()).add(origin)
        assignments = [found for node in ast.walk(tree) for found in _plain_assignments(node)]
        for _ in range(ALIAS_ROUNDS):
            before = sum(map(len, self._origins.values())) + len(self._trials)
            for name, value in assignments:
                self._follow(name, value)
            if sum(map(len, self._origins.values())) + len(self._trials) == before:
                break

    def _follow(self, name: str, value: ast.expr) -> None:
        found = self.origins(value)
        if self.is_trial(value) or reach.OPENS_TRIAL in found:
            self._trials.add(name)
        # What a call returned is an object of the script's own.
        if known := {origin for origin in found if "()" not in origin}:
            self._origins.setdefault(name, set()).update(known)

    def is_trial(self, node: ast.expr) -> bool:
        """Return whether an expression is a trial, by its name or by where it came from."""
        if isinstance(node, ast.Name):
            return node.id in self._trials
        return reach.OPENS_TRIAL in self.origins(node)

    def origins(self, node: ast.expr) -> set[str]:
        """Return what an expression may stand for; nothing for the script's own objects.

        A call's result is what was called with `()` behind it; builtins are `builtins.open`.
        """
        match node:
            case ast.Name(id=name):
                found = self._origins.get(name, set())
                if name in reach.BUILTINS and name not in self._own:
                    return found | {f"builtins.{name}"}
                return found
            case ast.Attribute(value=value, attr=attr):
                return {f"{origin}.{attr}" for origin in self.origins(value)}
            case ast.NamedExpr(value=value):
                return self.origins(value)
            case ast.Call(func=func, args=[value, ast.Constant(value=str() as attr), *_]) if (
                self.origins(func) & reach.GETTERS
            ):
                return {f"{origin}.{attr}" for origin in self.origins(value)}
            case ast.Call(func=func):
                return {f"{origin}()" for origin in self.origins(func)}
            case _:
                return set()


def _imported_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that an import binds, each with its origin."""
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    (alias.name if alias.asname else alias.name.partition(".")[0]),
                )
        case ast.ImportFrom(module=str() as module, names=names):
            for alias in names:
                yield alias.asname or alias.name, f"{module}.{alias.name}"
        case _:
            pass


def _plain_assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that are set to one expression, each with it."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                match target, value:
                    case ast.Name(id=name), _:
                        yield name, value
                    case ast.Tuple(elts=names), ast.Tuple(elts=values):
                        for each, its in zip(names, values, strict=False):
                            if isinstance(each, ast.Name):
                                yield each.id, its
                    case _:
                        pass
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            | ast.NamedExpr(target=ast.Name(id=name), value=value)
            | ast.withitem(context_expr=value, optional_vars=ast.Name(id=name))
        ):
            yield name, value
        case _:
            pass
