"""What all tests share: short socket paths, and a repository whose experiments take 0.1 s."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from tests.workshop import STANDIN, Workshop


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the user's keys and settings out, and sockets where their paths are short."""
    runtime = tempfile.mkdtemp(prefix="ar-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "AUTORESEARCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    yield
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Return a repository with one commit: the stand-ins of train.py and prepare.py."""
    root = tmp_path / "repository"
    root.mkdir()
    for name in ("train.py", "prepare.py"):
        shutil.copyfile(STANDIN / name, root / name)
    (root / "program.md").write_text("Make val_bpb small.\n")
    (root / ".gitignore").write_text("__pycache__/\nrows/\n")
    git = pygit2.init_repository(str(root))
    git.config["user.name"] = "A Person"
    git.config["user.email"] = "person@example.com"
    git.index.add_all()
    git.index.write()
    author = git.default_signature
    git.create_commit("HEAD", author, author, "begin", git.index.write_tree(), [])
    return Workshop(root)
