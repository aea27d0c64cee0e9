"""What all tests share: short socket paths, and a repository whose experiments take 0.1 s."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workshop import Workshop


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the user's keys and settings out, and sockets where their paths are short."""
    runtime = tempfile.mkdtemp(prefix="ar-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setenv("XDG_STATE_HOME", f"{runtime}/state")
    # The screen's colours follow the terminal.
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "AUTORESEARCH_DATA", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    yield
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Return a repository with one commit: the stand-ins of train.py and prepare.py."""
    return Workshop.begun(tmp_path / "repository")
