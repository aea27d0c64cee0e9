"""What can be freed of the sessions of a repository, and freeing it.

Facts, diffs, code, proposals, verdicts, thoughts and git's objects are never touched, nor is
anything of an experiment without a verdict but what its next run makes anew. Where a lab lives,
only what has a verdict is looked at.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from autoresearch_tui import session as sessions
from autoresearch_tui.lab import stages
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.session import LabLife, Session, SessionError, SessionLock
from autoresearch_tui.settings import RetentionSettings

SECONDS_PER_DAY = 86_400.0
EVALUATION = "evaluation"
"""The folder of an experiment in which its weights are scored."""
TEMPORARY = ("*.tmp", ".*.tmp")


class Kind(StrEnum):
    """Why something is not needed any more."""

    WEIGHTS = "weights of what is not the best"
    SCRATCH = "what runs left behind"
    CACHE = "compiled kernels of a session without a lab"
    OUTPUTS = "old outputs and step losses of what was not kept"
    TEMPORARY = "half-written files"


@dataclass(frozen=True)
class Waste:
    """One file or folder that can go."""

    path: Path
    kind: Kind
    size_bytes: int
    """On the disk; files of more than one name count nothing here, they stay elsewhere."""


def waste(session: Session, policy: RetentionSettings, now: float) -> list[Waste]:
    """Return what of a session can be freed."""
    state = fold(JournalReader(session.journal).read())
    has_lab = sessions.lab_life(session) in (LabLife.ALIVE, LabLife.SILENT)
    return list(_waste(session, state, policy, now, has_lab=has_lab))


def free(session: Session, policy: RetentionSettings, now: float) -> list[Waste]:
    """Remove what of a session can be freed, and return what is gone.

    A session without a lab is held meanwhile, so that none begins to use it.
    """
    try:
        lock = SessionLock(session)
    except SessionError:
        lock = None
    try:
        state = fold(JournalReader(session.journal).read())
        found = _waste(session, state, policy, now, has_lab=lock is None)
        return [each for each in found if _remove(each.path)]
    finally:
        if lock is not None:
            lock.release()


def _waste(
    session: Session, state: SessionState, policy: RetentionSettings, now: float, *, has_lab: bool
) -> Iterator[Waste]:
    old = now - policy.outputs_days * SECONDS_PER_DAY
    for experiment in state.experiments.values():
        for path, kind in _of_experiment(session, state, experiment, old, has_lab=has_lab):
            yield from _found(path, kind)
    if has_lab:
        return
    for path in (session.folder / "cache", session.compiling):
        yield from _found(path, Kind.CACHE)
    for pattern in TEMPORARY:
        for path in sorted(session.folder.glob(pattern)):
            yield from _found(path, Kind.TEMPORARY)


def _of_experiment(
    session: Session, state: SessionState, experiment: Experiment, old: float, *, has_lab: bool
) -> Iterator[tuple[Path, Kind]]:
    number = experiment.number
    run, evaluation = session.run_folder(number), session.experiment(number) / EVALUATION
    in_run = _inside(run)
    if experiment.judged_at is None:
        if not has_lab:
            # A run begins in a folder that is made afresh; weights may wait for their evaluation.
            yield from ((path, Kind.SCRATCH) for path in in_run if path.name == stages.SCRATCH)
        return
    if number != state.incumbent:
        yield evaluation, Kind.WEIGHTS
    else:
        for path in _inside(evaluation):
            if path.name in (stages.SCRATCH, *stages.MODEL_PLACES):
                yield path, Kind.SCRATCH
    is_old = experiment.status is not Status.KEEP and experiment.judged_at < old
    for path in in_run:
        if path.name == stages.WEIGHTS:
            yield path, Kind.WEIGHTS
        elif path != session.metrics(number):
            yield path, Kind.SCRATCH
        elif is_old:
            yield path, Kind.OUTPUTS
    if is_old:
        yield session.output(number), Kind.OUTPUTS
        yield session.experiment(number) / "evaluation.log", Kind.OUTPUTS


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing of what a link leads to."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(folder.iterdir())


def _found(path: Path, kind: Kind) -> Iterator[Waste]:
    if path.is_symlink() or path.exists():
        yield Waste(path, kind, size_bytes(path))


def size_bytes(path: Path) -> int:
    """Return what removing a file or a folder frees, no link followed."""
    total = 0
    with contextlib.suppress(OSError):
        total = _blocks_bytes(path.lstat())
    if path.is_symlink() or not path.is_dir():
        return total
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                total += _blocks_bytes((Path(folder) / name).lstat())
    return total


def _blocks_bytes(found: os.stat_result) -> int:
    linked_elsewhere = found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)
    return 0 if linked_elsewhere else found.st_blocks * 512


def _remove(path: Path) -> bool:
    """Remove a file, a link or a folder, and return whether it is gone."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return not path.is_symlink() and not path.exists()


def in_words(count_bytes: int) -> str:
    """Return a size as people say it: `0 B`, `12 KiB`, `1.5 GiB`."""
    value, units = float(count_bytes), ["TiB", "GiB", "MiB", "KiB", "B"]
    while value >= 1000 and len(units) > 1:
        value /= 1024
        units.pop()
    return f"{value:.1f} {units[-1]}" if 0 < value < 10 else f"{value:.0f} {units[-1]}"
