"""Looks at a repository and says how it trains: `autoresearch init` writes it into a file.

Only files are read, and nothing is run. What is looked for is what upstream and its forks have: a
script that prints its metric at the beginning of a line, a time budget as a constant, an
environment made by uv or venv.
"""

import ast
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoresearch_tui.lab import foreign
from autoresearch_tui.lab.launcher import CONTRACT, PREPARE_FILE
from autoresearch_tui.lab.repository import TRAIN_FILE
from autoresearch_tui.record.vocabulary import Direction
from autoresearch_tui.session import SessionError
from autoresearch_tui.settings import FILE_NAME

HIGHER_IS_BETTER = re.compile(
    r"(^|_)(acc|accuracy|auc|auroc|bleu|f1|map|precision|psnr|recall|reward|score|ssim)(_|$|\d)"
)
LOWER_IS_BETTER = re.compile(
    r"(^|_)(bpb|bpc|bits|cer|error|fid|loss|mae|mse|nll|perplexity|ppl|regret|rmse|wer)(_|$)"
)
HELD_OUT = re.compile(r"(^|_)(val|valid|validation|eval|test|dev|heldout)(_|$)")
BUDGET_NAMES = re.compile(
    r"(TIME|TRAIN\w*|WALL\w*)_?(BUDGET|LIMIT|SECONDS)\w*|(MAX|BUDGET)_SECONDS"
)
SCRIPT_NAMES = (TRAIN_FILE, "main.py", "run.py")
FILE_LIMIT_BYTES = 1 << 20
_LABEL = re.compile(r"(?:^|\n)\s*([A-Za-z][\w.]*)\s*[:=]\s*$")
_WHOLE = re.compile(r"(?:^|\n)\s*([A-Za-z][\w.]*)\s*[:=]\s*(?:%|\{)")


@dataclass(frozen=True)
class Line:
    """One setting that was found, and why."""

    key: str
    value: str | float
    why: str


@dataclass(frozen=True)
class _Script:
    """One Python file at the top of the repository."""

    name: str
    tree: ast.Module


def look(folder: Path) -> list[Line]:
    """Return the settings by which a repository trains; none where it keeps our contract.

    Raises:
        SessionError: nothing there can be told to train; the message says what to write by hand.
    """
    scripts = list(_scripts(folder))
    if keeps_contract(scripts):
        return []
    metric, printed_by = _metric(folder, scripts)
    edit = _edited(scripts, printed_by)
    command, why = _command(folder, edit)
    direction = _direction(metric)
    better = "less" if direction is Direction.LOWER else "more"
    return [
        Line("command", command, why),
        Line(
            "metric",
            metric,
            f"{printed_by} prints lines that begin with `{metric}:`; the last one of a run counts.",
        ),
        Line("direction", direction.value, f"Of {metric} {better} is better."),
        Line("edit", edit, "The one file that agents edit."),
        _budget(scripts, edit),
    ]


def as_toml(lines: list[Line]) -> str:
    """Return the file that holds the settings, each with its reason above it."""
    parts = [
        "# Written by `autoresearch init`, which looked at this folder. Change what it got wrong.",
        "",
        "[run]",
    ]
    for line in lines:
        value = line.value if isinstance(line.value, str) else f"{line.value:g}"
        parts.append(f"# {line.why}")
        # What is a string in JSON is one in TOML.
        written = json.dumps(value) if isinstance(line.value, str) else value
        parts.append(f"{line.key} = {written}")
    return "\n".join(parts) + "\n"


def init(folder: Path) -> list[str]:
    """Write `autoresearch.toml`, and return what to tell the person, a line each.

    Raises:
        SessionError: there is one already, or nothing that trains; nothing was written.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise SessionError(f"{path} is there already; nothing was changed.")
    lines = look(folder)
    if not lines:
        return [
            f"{TRAIN_FILE} offers build_model() and main(), and {PREPARE_FILE} lies beside it.",
            "It is trained and measured as docs/contract.md says; no settings are needed.",
            "Begin with: autoresearch run",
        ]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(as_toml(lines))
    except OSError as error:
        raise SessionError(f"{path} can not be written ({error.strerror}).") from error
    told = [f"{line.key:<10} {line.value!s:<28} {line.why}" for line in lines]
    if not (folder / "program.md").is_file():
        told.append("There is no program.md: write into one what the agents should look for.")
    return [
        *told,
        f"Written to {path}. Results of such runs are reported by the script, not measured.",
        "Begin with: autoresearch run",
    ]


def keeps_contract(scripts: list[_Script]) -> bool:
    """Return whether `train.py` and `prepare.py` are made for this lab."""
    train = next((script for script in scripts if script.name == TRAIN_FILE), None)
    if train is None or all(script.name != PREPARE_FILE for script in scripts):
        return False
    functions = {node.name for node in train.tree.body if isinstance(node, ast.FunctionDef)}
    return functions.issuperset(CONTRACT)


def _scripts(folder: Path) -> Iterator[_Script]:
    """Yield the Python files that parse, the likely training scripts first."""
    names = sorted(
        (path.name for path in folder.glob("*.py")),
        key=lambda name: (
            SCRIPT_NAMES.index(name) if name in SCRIPT_NAMES else len(SCRIPT_NAMES),
            "train" not in name,
            name,
        ),
    )
    for name in names:
        path = folder / name
        if path.is_file() and path.stat().st_size <= FILE_LIMIT_BYTES:
            try:
                yield _Script(name, ast.parse(path.read_bytes()))
            except (SyntaxError, ValueError, OSError):
                continue


def _metric(folder: Path, scripts: list[_Script]) -> tuple[str, str]:
    """Return the metric that is printed, and by which file."""
    found = [(name, script.name) for script in scripts for name in _printed(script.tree)]
    known = [(name, by) for name, by in found if _rank(name) > 0]
    if known:
        # The first of the best: a training script comes before what it imports.
        return max(known, key=lambda pair: _rank(pair[0]))
    others = ", ".join(dict.fromkeys(name for name, _ in found))
    saw = f"They print {others}. " if others else ""
    raise SessionError(
        f"No Python file in {folder} prints a metric that is known, at the beginning of a line "
        f"and before a colon, as `val_bpb: 0.9979`. {saw}Write {FILE_NAME} by hand: [run] with "
        'command = "python train.py", metric = "the word before the number", '
        'direction = "lower" or "higher", edit = "train.py" and budget = 300.'
    )


def _rank(name: str) -> int:
    """Return how likely a printed name is the one to judge by; 0 for one that is none."""
    low = name.lower()
    if low == "val_bpb":
        return 9
    if not (HIGHER_IS_BETTER.search(low) or LOWER_IS_BETTER.search(low)):
        return 0
    if HELD_OUT.search(low):
        return 3
    return 1 if low.startswith("train") else 2


def _direction(metric: str) -> Direction:
    low = metric.lower()
    if LOWER_IS_BETTER.search(low) or not HIGHER_IS_BETTER.search(low):
        return Direction.LOWER
    return Direction.HIGHER


def _printed(tree: ast.Module) -> Iterator[str]:
    """Yield the words before a number in whatever a script prints."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        for argument in call.args:
            for text in ast.walk(argument):
                if isinstance(text, ast.JoinedStr) and text.values:
                    first = text.values[0]
                    yield from _labels(first, _LABEL) if len(text.values) > 1 else ()
                elif isinstance(text, ast.Constant):
                    # print("accuracy:", value), "accuracy: %f" and "accuracy: {}"
                    yield from _labels(text, _WHOLE)
                    yield from _labels(text, _LABEL) if len(call.args) > 1 else ()


def _labels(node: ast.expr, pattern: re.Pattern[str]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from (match[1] for match in pattern.finditer(node.value))


def _edited(scripts: list[_Script], printed_by: str) -> str:
    """Return the script to run and to edit: the conventional one, or who prints the metric."""
    names = [script.name for script in scripts]
    return TRAIN_FILE if TRAIN_FILE in names else printed_by


def _command(folder: Path, script: str) -> tuple[str, str]:
    """Return how the script is run, and why so."""
    if (folder / ".venv" / "bin" / "python").exists():
        return f".venv/bin/python {script}", "The folder has a virtual environment."
    if (folder / "uv.lock").is_file() or _names_uv(folder):
        return (
            f"uv run {script}",
            "The project is run by uv. Runs have no network: do `uv sync` once before.",
        )
    python = "python" if shutil.which("python") else "python3"
    return f"{python} {script}", "There is no environment in the folder: the one of your shell."


def _names_uv(folder: Path) -> bool:
    """Return whether a project without a lock file is one for uv, which has to be there."""
    return (folder / "pyproject.toml").is_file() and shutil.which("uv") is not None


def _budget(scripts: list[_Script], edit: str) -> Line:
    """Return how long a run trains, by the constant that says so."""
    for script in scripts:
        for name, value in _constants(script.tree):
            if BUDGET_NAMES.fullmatch(name) and 0 < value < float("inf"):
                why = f"Seconds of training: {script.name} has {name} = {value:g}."
                if script.name == edit:
                    why += " An agent could move it: better keep it in another file."
                return Line("budget", value, why)
    return Line(
        "budget",
        foreign.BUDGET_S,
        "Seconds of training; no constant says it. A run is ended after twice that and a minute.",
    )


def _constants(tree: ast.Module) -> Iterator[tuple[str, float]]:
    """Yield the numbers that a module gives names to."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.BinOp):
            value = _product(value)
        number = value.value if isinstance(value, ast.Constant) else None
        if isinstance(number, int | float):
            yield from ((name.id, float(number)) for name in targets if isinstance(name, ast.Name))


def _product(node: ast.BinOp) -> ast.expr:
    """Return `5 * 60` as one number, and anything else as it is."""
    sides = node.left, node.right
    if isinstance(node.op, ast.Mult) and all(isinstance(side, ast.Constant) for side in sides):
        left, right = (side.value for side in sides if isinstance(side, ast.Constant))
        if isinstance(left, int | float) and isinstance(right, int | float):
            return ast.Constant(left * right)
    return node
