"""Rooms know each other as the architecture says, in a fresh interpreter too."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "textual", "rich", "optuna", "anthropic", "pygit2", "pyarrow", "tiktoken", "acp"}
LOADED = "import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"


def loaded_by(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("autoresearch_tui.record.fold", set[str]()),
        ("autoresearch_tui.stats", set[str]()),
        ("autoresearch_tui.control.client", set[str]()),
        ("autoresearch_tui.executors.local", set[str]()),
        ("autoresearch_tui.agents.catalogue", set[str]()),
        ("autoresearch_tui.report.summary", set[str]()),
        ("autoresearch_tui.headless", set[str]()),
        ("autoresearch_tui.cli", set[str]()),
        ("autoresearch_tui.lab.daemon", {"pygit2"}),
        ("autoresearch_tui.tui.app", {"textual", "rich"}),
    ],
)
def test_a_room_loads_no_more_than_it_needs(module: str, allowed: set[str]) -> None:
    assert loaded_by(module) <= allowed


def test_training_imports_nothing_of_the_lab() -> None:
    code = "import sys, prepare, train; print([n for n in sys.modules if 'autoresearch_tui' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
