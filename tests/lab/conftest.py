"""A night that kept some edits, to begin with."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.workshop import ScriptedAgent, Workshop


@pytest.fixture(scope="session")
def night_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository whose session kept #0, #1 and #2."""
    workshop = Workshop.begun(tmp_path_factory.mktemp("before") / "repository")
    lab = workshop.lab(ScriptedAgent(0.03, 0.02), max_experiments=3)
    asyncio.run(lab.run())
    assert lab.state.incumbent == 2
    return workshop.root


@pytest.fixture
def kept(night_before: Path, tmp_path: Path) -> Workshop:
    """Return a copy of that repository."""
    shutil.copytree(night_before, tmp_path / "repository")
    return Workshop(tmp_path / "repository")
