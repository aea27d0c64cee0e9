"""Lives of labs: real processes that run the daemon, some of them until a point at which they die.

A fork of a process that has loaded everything starts a lab in hundredths of a second; all else is
as it is when the launcher starts one. Death is SIGKILL, sent by the lab to itself at its point, so
that it comes between two given steps and nowhere else.
"""

import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from autoresearch_tui.lab import daemon, launcher, notebook, stages, verdicts
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.session import Session
from autoresearch_tui.settings import (
    AgentSettings,
    LimitSettings,
    Overlap,
    RunSettings,
    Settings,
)

DEATH_LIMIT_S = 60.0
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.lives", "numpy"])

STEPS: dict[str, tuple[Any, str]] = {
    "store": (ExperimentRepository, "store"),
    "reference": (ExperimentRepository, "reference_experiment"),
    "branch": (ExperimentRepository, "move_branch"),
    "files": (stages, "tidy"),
    "table": (notebook, "write_results"),
    "inputs": (stages, "hand_over_training"),
    "weights": (stages, "hand_over_evaluation"),
    "reconcile": (verdicts.Verdicts, "reconcile"),
}
"""What a lab does beside recording facts, by the name of a point."""


def quick(
    overlap: Overlap = "off", max_experiments: int | None = None, budget_s: float = 0.1
) -> Settings:
    """Return settings of experiments that take a few tenths of a second."""
    return Settings(
        run=RunSettings(budget_s=budget_s, overlap=overlap, sandbox="off"),
        agent=AgentSettings(kind="tpe"),
        limits=LimitSettings(max_experiments=max_experiments),
    )


def begin(root: Path, session: Session, settings: Settings, point: str = "") -> BaseProcess:
    """Start a lab; one with a point dies there."""
    handed = msgspec.json.encode(launcher.hand_over(root, session, settings))
    life = FORKS.Process(target=_live, args=(session.folder, handed, point, dict(os.environ)))
    life.start()
    return life


def die(life: BaseProcess) -> None:
    """Wait for the death of a lab, which came by SIGKILL."""
    life.join(DEATH_LIMIT_S)
    assert life.exitcode == -signal.SIGKILL, f"the lab ended with {life.exitcode}"


def end(life: BaseProcess) -> None:
    """Wait for a lab to end in order."""
    life.join(DEATH_LIMIT_S)
    assert life.exitcode == 0, f"the lab ended with {life.exitcode}"


def _live(folder: Path, handed: bytes, point: str, environment: dict[str, str]) -> None:
    os.setsid()
    os.chdir("/")
    os.environ.clear()
    os.environ.update(environment)
    with Session(folder).lab_log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.stdin = io.TextIOWrapper(io.BytesIO(handed))
    sys.argv = ["daemon", str(folder)]
    if point:
        _arm(*point.split())
    sys.exit(daemon.main())


def _arm(when: str, what: str) -> None:
    """Have this process die `before`, `after` or in the middle of (`torn`) what a point names."""
    if what in STEPS:
        owner, name = STEPS[what]
        setattr(owner, name, _dying(getattr(owner, name), when))
        return
    append = Journal.append

    def recording(journal: Journal, fact: KnownFact) -> None:
        if msgspec.json.decode(events.encode(fact))["kind"] != what:
            append(journal, fact)
        elif when == "torn":
            line = events.encode(fact)
            os.write(journal._writer._fd, line[: len(line) // 2])  # pyright: ignore[reportPrivateUsage]
            _die()
        else:
            _dying(append, when)(journal, fact)

    setattr(Journal, "append", recording)  # noqa: B010 - its first parameter has another name


def _dying(do: Callable[..., Any], when: str) -> Callable[..., Any]:
    def doing(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            _die()
        do(*arguments, **named)
        _die()

    return doing


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
