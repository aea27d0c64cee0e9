"""Repositories that do not know our contract, and labs of this process on them."""

import asyncio
import os
import sys
from pathlib import Path

import pygit2

from autoresearch_tui.lab import daemon, launcher
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.settings import LimitSettings, RunSettings, Settings
from tests.workshop import ScriptedAgent, WatchedLab, Workshop

UPSTREAM = Path(__file__).parent / "upstream"


def begin(root: Path, files: dict[str, str]) -> Workshop:
    """Return a repository with these files in its one commit."""
    root.mkdir()
    git = pygit2.init_repository(str(root))
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git.index.add_all()
    git.index.write()
    author = pygit2.Signature("A Person", "person@example.com")
    git.create_commit("HEAD", author, author, "begin", git.index.write_tree(), [])
    return Workshop(root)


def run_settings(**changed: object) -> RunSettings:
    """Return how the tests' scripts are run: by this interpreter, for a second at most."""
    values = {"command": f"{sys.executable} train.py", "budget_s": 0.1, "limit_s": 20.0}
    return RunSettings(**{**values, **changed})  # pyright: ignore[reportArgumentType]


def lab(
    workshop: Workshop, agent: ScriptedAgent, run: RunSettings, experiments: int, folder: str = ""
) -> WatchedLab:
    """Return a lab made as the launcher and the daemon make it, in this process."""
    settings = Settings(run=run, limits=LimitSettings(max_experiments=experiments))
    handed = launcher.hand_over(workshop.root / folder, workshop.session, settings)
    lock = os.open(os.devnull, os.O_RDONLY)
    tools = daemon.make_tools(workshop.session, handed, agent, lock)
    made = WatchedLab(tools, workshop.state(), Journal(workshop.session.journal))
    made.happened = asyncio.Event()
    daemon.record_start(made, tools, handed.launch, None)
    return made
