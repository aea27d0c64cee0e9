"""karpathy/autoresearch's own layout, with a stand-in for its training, runs as it is."""

import os
import subprocess
import sys
from pathlib import Path

from autoresearch_tui import session as sessions
from autoresearch_tui.record.vocabulary import Standing, Status
from autoresearch_tui.session import LabLife
from tests.foreign.workbench import UPSTREAM, begin
from tests.test_nights import Night
from tests.workshop import processes_below, wait_until


def test_ten_experiments_of_upstreams_own_layout(tmp_path: Path) -> None:
    names = ("train.py", "prepare.py", "program.md", "pyproject.toml")
    files = {name: (UPSTREAM / name).read_text() for name in names}
    ignored = (UPSTREAM / "gitignore").read_text()
    night = Night(begin(tmp_path / "upstream", {**files, ".gitignore": ignored}).root)
    # Its data lies in the user's cache, and its environment in the folder.
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run([sys.executable, "prepare.py"], cwd=night.root, env=environment, check=True)
    (night.root / ".venv" / "bin").mkdir(parents=True)
    (night.root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    cached = sorted(home.rglob("*"))
    assert night.done("init", **environment).returncode == 0
    before = night.tree()

    run = ("run", "--headless", "--agent", "tpe", "--max-experiments")
    first = night.done(*run, "4", **environment)
    assert first.returncode == 0, first.stderr
    # The session is gone on with by the files that it began with.
    for name in ("train.py", "prepare.py"):
        (night.root / name).write_text("raise SystemExit('edited in the morning')\n")
    done = night.done(*run, "10", **environment)
    assert done.returncode == 0, done.stderr
    for name in ("train.py", "prepare.py"):
        (night.root / name).write_text(files[name])

    state = night.state()
    assert state.judged_count == 10
    assert {each.status for each in state.experiments.values()} <= {Status.KEEP, Status.DISCARD}
    assert all(each.standing is Standing.REPORTED for each in state.experiments.values())
    figures = [each.runs[-1] for each in state.experiments.values()]
    assert all(run.steps > 0 and run.tokens > 0 and run.trained_s > 0 for run in figures)
    assert min(each.val_bpb or 9 for each in state.experiments.values()) == state.best.val_bpb  # pyright: ignore
    assert f"{state.best.val_bpb:.6f} val_bpb (reported by the script)" in done.stdout  # pyright: ignore
    rows = night.session.results.read_text().splitlines()
    assert len(rows) == 11
    assert {row.split("\t")[3] for row in rows[1:]} <= {"keep", "discard"}
    assert " reported\n" in night.git(
        "log", "-1", "--format=%(trailers)", f"autoresearch/{state.tag}"
    )
    # The user's tree and home are as they were.
    assert night.tree() == before
    assert night.git("status", "--porcelain") == "?? autoresearch.toml\n"
    assert sorted(home.rglob("*")) == cached
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")
    wait_until(lambda: not processes_below(night.root), "the end of every process")


def test_without_settings_the_way_to_them_is_named(tmp_path: Path) -> None:
    night = Night(begin(tmp_path / "upstream", {"train.py": "print('val_bpb: 1.0')\n"}).root)
    done = night.done("run", "--headless", "--agent", "tpe")
    assert done.returncode == 1
    assert "`autoresearch init` writes" in done.stderr
