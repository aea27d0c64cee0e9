"""The work tree around the edited file, as it stood when the session began (`pristine/tree/`).

A repository that does not know our contract trains with whatever lies in it. So that all runs of a
session train with the same, its files (tracked or not, but for what git ignores) are copied once,
and each run works in a copy of that copy. What git ignores, a virtual environment or prepared data,
is too large for that: a run reaches it by links to the work tree.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import msgspec
import pygit2
from pygit2.enums import FileMode, FileStatus

from autoresearch_tui.session import Session, SessionError
from autoresearch_tui.settings import FILE_NAME, RunSettings

LIMIT_BYTES = 1 << 30
FINGERPRINT_CHARACTERS = 16
OUTPUT_NAMES = frozenset(
    {"__pycache__", "checkpoints", "logs", "out", "outputs", "results.tsv", "runs", "tmp", "wandb"}
)
"""Ignored names that are mostly written to: a run makes its own."""
OUTPUT_SUFFIXES = (".log", ".pyc", ".tmp")
CACHE_SUFFIX = "_cache"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied (`pristine/tree.json`)."""

    command: str
    edit: str
    """The edited file's path in the tree."""
    folder: str
    """The path in the tree of the folder that the command works in."""
    fingerprint: str
    """Of the command and of all files but the edited one: what results depend on beside it."""
    files: dict[str, str]
    """SHA-256 by path."""
    links: dict[str, str]
    """Targets of symbolic links by path."""


def tree_folder(session: Session) -> Path:
    """Return where the copies lie."""
    return session.pristine / "tree"


def read(session: Session) -> Snapshot | None:
    """Return what a session has copied; none where it has nothing."""
    try:
        return msgspec.json.decode(_manifest(session).read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None


def take(session: Session, root: Path, settings: RunSettings) -> Snapshot:
    """Copy the work tree around `root`, the folder of `autoresearch.toml`, for a new session.

    Raises:
        SessionError: it is too large, or can not be read.
    """
    assert settings.command is not None
    tree, work_tree = tree_folder(session), work_tree_of(root)
    shutil.rmtree(tree, ignore_errors=True)
    # One that was made for a session that never began would guard other files.
    (session.folder / "seal.json").unlink(missing_ok=True)
    folder = root.resolve().relative_to(work_tree)
    edit = (folder / settings.edit).as_posix()
    paths = {*_paths(work_tree), edit} - {(folder / FILE_NAME).as_posix()}
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    try:
        _refuse_too_large(work_tree, paths)
        for path in sorted(paths):
            source, target = work_tree / path, tree / path
            if source.is_symlink():
                links[path] = str(source.readlink())
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
                files[path] = _digest(target)
    except OSError as error:
        raise SessionError(
            f"{error.filename or work_tree} can not be copied for the session's runs "
            f"({error.strerror}). If it is no part of the repository, add it to .gitignore."
        ) from error
    around = {path: digest for path, digest in files.items() if path != edit}
    seen = msgspec.json.encode([settings.command, sorted(around.items()), sorted(links.items())])
    taken = Snapshot(
        command=settings.command,
        edit=edit,
        folder=folder.as_posix(),
        fingerprint=hashlib.sha256(seen).hexdigest()[:FINGERPRINT_CHARACTERS],
        files=files,
        links=links,
    )
    temporary = _manifest(session).with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(taken))
    temporary.replace(_manifest(session))
    return taken


def digests(session: Session, snapshot: Snapshot) -> dict[str, str]:
    """Return the digests of all that runs are made from, by paths in `pristine/`."""
    tree = tree_folder(session).name
    found = {f"{tree}/{path}": digest for path, digest in snapshot.files.items()}
    return {**found, _manifest(session).name: _digest(_manifest(session))}


def lay_out(
    session: Session, snapshot: Snapshot, outside: Iterable[str], work_tree: Path, place: Path
) -> None:
    """Fill a run's folder: copies of what was copied, links to what lies `outside` of it.

    What the manifest does not name is left out, whoever put it there.

    Raises:
        OSError: it can not be written.
    """
    tree = tree_folder(session)
    place.mkdir(parents=True)
    for path in snapshot.files:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree / path, place / path)
    for path, target in snapshot.links.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).symlink_to(target)
    for path in outside:
        # Something of that name may have been in the tree when the session began.
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).symlink_to(work_tree / path)


def outside(root: Path) -> Iterator[str]:
    """Yield the paths in the work tree that runs reach by links.

    These are what git ignores, but for what looks like the output of runs, and repositories inside
    the repository.
    """
    git = _repository(root)
    for entry in _entries(git):
        if entry.mode == FileMode.COMMIT:
            yield str(entry.path)
    for path, status in git.status(untracked_files="all", ignored=True).items():
        nested = path.endswith("/") and status & FileStatus.WT_NEW
        if nested or (status & FileStatus.IGNORED and not _is_output(path)):
            yield path.rstrip("/")


def work_tree_of(root: Path) -> Path:
    """Return the top of the work tree around a folder."""
    return Path(_repository(root).workdir).resolve()


def _repository(root: Path) -> pygit2.Repository:
    found = pygit2.discover_repository(str(root))
    assert found is not None
    return pygit2.Repository(found)


def _entries(git: pygit2.Repository) -> Iterable[pygit2.IndexEntry]:
    return cast("Iterable[pygit2.IndexEntry]", git.index)


def _paths(work_tree: Path) -> Iterator[str]:
    git = _repository(work_tree)
    for entry in _entries(git):
        if entry.mode != FileMode.COMMIT:
            yield str(entry.path)
    for path, status in git.status(untracked_files="all").items():
        if status & FileStatus.WT_NEW and not path.endswith("/"):
            yield path


def _is_output(path: str) -> bool:
    parts = Path(path).parts
    return any(
        part in OUTPUT_NAMES or part.endswith(CACHE_SUFFIX) for part in parts
    ) or path.endswith(OUTPUT_SUFFIXES)


def _refuse_too_large(work_tree: Path, paths: set[str]) -> None:
    sizes = {path: (work_tree / path).lstat().st_size for path in paths if _exists(work_tree, path)}
    if sum(sizes.values()) > LIMIT_BYTES:
        largest = max(sizes, key=lambda path: sizes[path])
        raise SessionError(
            f"{work_tree} holds {sum(sizes.values()) / 2**30:.1f} GiB that git does not ignore, "
            f"{work_tree / largest} before all. Each run gets a copy of it: add what is data to "
            ".gitignore, and it is linked instead."
        )


def _exists(work_tree: Path, path: str) -> bool:
    return os.path.lexists(work_tree / path)


def _manifest(session: Session) -> Path:
    return session.pristine / "tree.json"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
