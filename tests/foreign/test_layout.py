"""`autoresearch init` says how a repository trains, from its files alone."""

from pathlib import Path

import pytest

from autoresearch_tui import settings
from autoresearch_tui.lab import layout
from autoresearch_tui.record.vocabulary import Direction
from autoresearch_tui.session import SessionError
from tests.foreign.workbench import UPSTREAM
from tests.workshop import STANDIN


def written(folder: Path) -> settings.RunSettings:
    """Return what `init` writes, as the lab reads it."""
    layout.init(folder)
    return settings.load(folder, {}, {}).run


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    for name in ("train.py", "prepare.py", "pyproject.toml"):
        (tmp_path / name).write_bytes((UPSTREAM / name).read_bytes())
    return tmp_path


def programs(folder: Path, *names: str) -> str:
    """Return a PATH on which there are these programs and no others."""
    folder.mkdir()
    for name in names:
        (folder / name).touch(mode=0o755)
    return str(folder)


def test_upstreams_layout(upstream: Path) -> None:
    (upstream / "uv.lock").touch()
    found = written(upstream)
    assert found.command == "uv run train.py"
    assert (found.metric, found.direction) == ("val_bpb", Direction.LOWER)
    assert (found.edit, found.budget_s) == ("train.py", 0.1)


def test_the_environment_in_the_folder_comes_first(upstream: Path) -> None:
    (upstream / "uv.lock").touch()
    (upstream / ".venv" / "bin").mkdir(parents=True)
    (upstream / ".venv" / "bin" / "python").touch(mode=0o755)
    assert written(upstream).command == ".venv/bin/python train.py"


@pytest.mark.parametrize(
    ("there", "command"),
    [
        (("uv", "python"), "uv run train.py"),
        (("python",), "python train.py"),
        (("python3",), "python3 train.py"),
    ],
)
def test_a_project_without_a_lock_is_run_by_what_is_there(
    upstream: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], command: str
) -> None:
    monkeypatch.setenv("PATH", programs(upstream / "bin", *there))
    assert written(upstream).command == command


@pytest.mark.parametrize(
    ("script", "source", "metric", "direction"),
    [
        ("main.py", 'print(f"val_loss: {loss:.4f}")', "val_loss", Direction.LOWER),
        ("train_gpt.py", 'print("accuracy:", right / total)', "accuracy", Direction.HIGHER),
        ("go.py", 'print("test_acc = %.3f" % 0.5)', "test_acc", Direction.HIGHER),
        ("go.py", 'log.info("eval_ppl: {}".format(1.0))', "eval_ppl", Direction.LOWER),
        ("go.py", 'out.write(f"\\nreward: {r}\\n")', "reward", Direction.HIGHER),
        # Held out counts more than what was trained on, and val_bpb more than anything.
        (
            "go.py",
            'print(f"train_loss: {1}")\nprint(f"val_accuracy: {2}")',
            "val_accuracy",
            Direction.HIGHER,
        ),
        ("go.py", 'print(f"val_loss: {1}")\nprint(f"val_bpb: {2}")', "val_bpb", Direction.LOWER),
    ],
)
def test_forks_with_other_scripts_and_metrics(
    tmp_path: Path, script: str, source: str, metric: str, direction: Direction
) -> None:
    (tmp_path / script).write_text(f"MAX_SECONDS = 2 * 60\n{source}\n")
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "zz_plot.py").write_text('print(f"width: {3}")\n')
    found = written(tmp_path)
    assert (found.metric, found.direction) == (metric, direction)
    assert found.edit == script
    assert found.command is not None
    assert found.command.endswith(f" {script}")
    assert found.budget_s == 120


def test_a_metric_printed_beside_the_script_leaves_train_py_the_one_to_run(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import report\n")
    (tmp_path / "report.py").write_text('print(f"val_bpb: {1}")\n')
    found = written(tmp_path)
    assert found.edit == "train.py"
    assert found.budget_s == 300


def test_a_repository_that_keeps_the_contract_needs_no_command(tmp_path: Path) -> None:
    for name in ("train.py", "prepare.py"):
        (tmp_path / name).write_bytes((STANDIN / name).read_bytes())
    assert any("docs/contract.md" in line for line in layout.init(tmp_path))
    assert not (tmp_path / settings.FILE_NAME).exists()


def test_a_file_that_is_there_is_left_alone(upstream: Path) -> None:
    (upstream / settings.FILE_NAME).write_text("# mine\n")
    with pytest.raises(SessionError, match="nothing was changed"):
        layout.init(upstream)
    assert (upstream / settings.FILE_NAME).read_text() == "# mine\n"


def test_where_nothing_is_known_it_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "go.py").write_text('print(f"width: {3}")\n')
    with pytest.raises(SessionError, match=r"They print width\. .*\[run\]"):
        layout.init(tmp_path)
    assert not (tmp_path / settings.FILE_NAME).exists()
