"""What a person froze of a training script, and whether an edit of an agent touches it.

Frozen are names (`DEPTH`, `class Attention`, `Block.forward`) that the settings or a command give,
lines with the comment `# frozen`, and what stands between the comments `# frozen` and
`# end frozen`. The syntax tree is compared: comments, docstrings and formatting are free.
"""

import ast
import difflib
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

SHOWN_CHARACTERS = 80

_MARK = re.compile(r"#\s*frozen\s*(?:$|[:;,.(])", re.IGNORECASE)
_END = re.compile(r"#\s*end\s+frozen\b", re.IGNORECASE)
_KEYWORD = re.compile(r"^(?:(?:async\s+)?def|class)\s+|\(\)$")
_SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
}  # fmt: skip
_BODIES = {"body", "orelse", "finalbody", "handlers", "cases"}
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)


@dataclass(frozen=True, slots=True)
class _Binding:
    """One statement that gives a name its meaning."""

    name: str
    """With its class, as `Block.forward`."""
    path: str
    """The conditions under which it stands."""
    node: ast.stmt
    first: int
    """Lines from 1; of a function or a class those of its head alone."""
    last: int
    whole_last: int

    def code(self) -> str:
        """Return the statement, normalised, behind its conditions."""
        match self.node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self.path + ast.unparse(_without_docstrings(self.node))
            case node if _is_compound(node):
                return self.path + _head_code(node)
            case node:
                return self.path + ast.unparse(node)


@dataclass(frozen=True, slots=True)
class _Script:
    bindings: list[_Binding]
    blocks: list[tuple[int, int]]
    """The first and the last line of what stands between two marks."""
    lines: list[int]
    """Those that are marked themselves."""
    contents: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    """The words of each block."""

    def code(self, name: str) -> list[str]:
        return [each.code() for each in self.bindings if each.name == name]

    def marked(self) -> Iterator[str]:
        """Yield the names that the comments freeze."""
        for each in self.bindings:
            in_block = any(a <= each.first and each.whole_last <= b for a, b in self.blocks)
            if in_block or any(each.first <= line <= each.last for line in self.lines):
                yield each.name


def bare(name: str) -> str:
    """Return a name without `class`, `def` and brackets."""
    return _KEYWORD.sub("", " ".join(name.split()))


def names(train: str, named: Iterable[str]) -> list[str]:
    """Return all names that are frozen in a script: those given, and those that its comments mark.

    Of a script that does not parse, those given alone.
    """
    given = [bare(name) for name in named]
    try:
        marked = list(_read(train).marked()) if _may_be_marked(train) else []
    except _UNREADABLE:
        marked = []
    return list(dict.fromkeys([*given, *marked]))


def nearest(train: str, name: str) -> str | None:
    """Return what to say of a name that a script does not have; none where it has it."""
    try:
        known = list(dict.fromkeys(each.name for each in _read(train).bindings))
    except _UNREADABLE:
        known = []
    if bare(name) in known:
        return None
    close = difflib.get_close_matches(bare(name), known, n=1)
    return f"there is no {bare(name)} in it" + (f"; did you mean {close[0]}?" if close else "")


def violation(before: str, after: str, named: Sequence[str]) -> str | None:
    """Return in a sentence what frozen thing an edit changes; none where it changes none.

    What can not be compared may change anything: it is one as well, where something is frozen.
    """
    if not named and not _may_be_marked(before):
        return None
    try:
        old, new = _read(before), _read(after)
    except _UNREADABLE as error:
        return f"It can not be compared with what the human froze: {type(error).__name__}, {error}."
    kept = Counter(new.contents)
    for block, words in zip(old.blocks, old.contents, strict=True):
        if not kept[words]:
            return (
                f"The block of lines {block[0]} to {block[1]}, between `# frozen` and "
                "`# end frozen`, is frozen by the human: it must stay as it is."
            )
        kept[words] -= 1
    for name in names(before, named):
        was, becomes = old.code(name), new.code(name)
        if was != becomes:
            changed = [at for at, code in enumerate(was) if code not in becomes]
            of_name = [each for each in old.bindings if each.name == name]
            return _sentence(name, [of_name[at] for at in changed] or of_name)
    return None


def _may_be_marked(train: str) -> bool:
    """Return whether it is worth looking for marks."""
    return "frozen" in train.lower()


def _sentence(name: str, changed: list[_Binding]) -> str:
    said = f"{name} is frozen by the human"
    if not changed:
        return f"{said}, and the incumbent does not have it: do not add it."
    code = ast.unparse(changed[0].node)
    if "\n" in code or len(code) > SHOWN_CHARACTERS:
        return f"{said}: it must stay as it is."
    return f"{said}: `{code}` must stay, where it stands, and alone."


@lru_cache(maxsize=4)
def _read(train: str) -> _Script:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(train)
    marked = _may_be_marked(train)
    tokens = list(tokenize.generate_tokens(io.StringIO(train).readline)) if marked else []
    blocks: list[tuple[int, int]] = []
    lines: list[int] = []
    opened: int | None = None
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        line, alone = token.start[0], not token.line[: token.start[1]].strip()
        if alone and opened is not None and _END.match(token.string):
            blocks.append((opened + 1, line - 1))
            opened = None
        elif alone and opened is None and _MARK.match(token.string):
            opened = line
        elif not alone and _MARK.match(token.string):
            lines.append(line)
    if opened is not None:
        blocks.append((opened + 1, len(train.splitlines())))
    words = [
        tuple(t.string for t in tokens if t.type not in _SILENT and a <= t.start[0] <= b)
        for a, b in blocks
    ]
    return _Script(list(_bindings(tree.body, "", "")), blocks, lines, words)


def _bindings(body: list[ast.stmt], owner: str, path: str) -> Iterator[_Binding]:
    """Yield what gives each name of a module or a class its meaning, wherever that stands."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _definition(statement, owner, path)
            continue
        compound = _is_compound(statement)
        last = statement.lineno if compound else (statement.end_lineno or statement.lineno)
        for name in _bound(statement, deep=not compound):
            yield _Binding(owner + name, path, statement, statement.lineno, last, last)
        if compound:
            head = _head_code(statement)
            for part, value in ast.iter_fields(statement):
                if part in _BODIES:
                    below = [*_statements(value)]
                    yield from _bindings(below, owner, f"{path}{head} {part}: ")


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, owner: str, path: str
) -> Iterator[_Binding]:
    last = max(node.lineno, node.body[0].lineno - 1)
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    end = node.end_lineno or last
    yield _Binding(owner + node.name, path, node, first, last, end)
    if isinstance(node, ast.ClassDef):
        yield from _bindings(node.body, f"{owner}{node.name}.", path)
        return
    # A function may set a variable of the module.
    declared = {n for each in ast.walk(node) if isinstance(each, ast.Global) for n in each.names}
    for each in ast.walk(node):
        if isinstance(each, ast.stmt) and not hasattr(each, "body"):
            for name in declared.intersection(_bound(each, deep=True)):
                yield _Binding(name, f"{path}{node.name}: ", each, first, first, end)


def _without_docstrings(node: ast.AST) -> ast.AST:
    """Return a definition without the strings that stand alone in it."""
    copied = ast.parse(ast.unparse(node))
    for each in ast.walk(copied):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            kept = [line for line in each.body if not _is_text(line)]
            each.body = kept or [ast.Pass()]
    return copied


def _is_text(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case _:
            return False


def _is_compound(statement: ast.stmt) -> bool:
    """Return whether a statement has others in it."""
    return hasattr(statement, "body") or hasattr(statement, "cases")


def _head_code(statement: ast.stmt) -> str:
    """Return the first line of a compound statement: what it asks, goes through or opens."""
    return ast.unparse(statement).split("\n", 1)[0]


def _statements(value: object) -> Iterator[ast.stmt]:
    items: list[object] = list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for item in items:
        if isinstance(item, ast.stmt):
            yield item
        elif isinstance(item, ast.ExceptHandler | ast.match_case):
            yield from item.body


def _bound(statement: ast.stmt, *, deep: bool) -> set[str]:
    """Return the names that a statement sets or deletes; those of its head where not `deep`."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(each.asname or each.name).split(".")[0] for each in statement.names}
    parts: list[ast.AST] = [statement]
    if not deep:
        parts = []
        for child in ast.iter_child_nodes(statement):
            if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                parts.append(child)
    return {
        each.id
        for part in parts
        for each in ast.walk(part)
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)
    }
