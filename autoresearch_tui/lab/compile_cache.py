"""What a session keeps of compilers' work, without becoming a way for one run to speak to the next.

A run compiles into a folder of its own, which begins as a copy of the session's. When it asks for
its clock, what is new there is copied back: it has seen no training row yet. What it writes later
stays its own and is removed with it. The evaluator uses none of it.
"""

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from autoresearch_tui.session import Session

LIMIT_BYTES = 1 << 30
FILES_MOST = 50_000
DEPTH_MOST = 12
COPY_BYTES = 1 << 20
PARTIAL = ".partial"
GROUP = "__grp__*.json"
"""Where Triton notes which files a kernel consists of."""


def fill(session: Session, folder: Path) -> None:
    """Give a run what the session has, as files of its own."""
    kept = _kept(session)
    if kept.is_dir():
        shutil.copytree(
            kept, folder, ignore=shutil.ignore_patterns(f"*{PARTIAL}"), dirs_exist_ok=True
        )
        for group in folder.rglob(GROUP):
            _point_to_neighbours(group)


def harvest(session: Session, run: Path, *inside: str) -> int:
    """Keep what a run compiled, from the folder `inside` it; return how many files were new.

    The run lives and may change its folder meanwhile, so that no link is followed, neither in
    place of the folder nor below it, and what can not be read is passed over.
    """
    kept = _kept(session)
    left_bytes = LIMIT_BYTES - _size(kept)
    count = 0
    for name, source in _regular_files(run, inside):
        target = kept / name
        if target.exists():
            continue
        size = os.fstat(source).st_size
        if size > left_bytes:
            continue
        with contextlib.suppress(OSError):
            _copy(source, size, target)
            left_bytes -= size
            count += 1
    return count


def _point_to_neighbours(group: Path) -> None:
    """Have a group of Triton's name the files beside it.

    It names them by absolute paths, those of the run that compiled them. That folder is gone by
    now, and the kernel would be compiled again; or it is there and closed to this run, and the
    kernel could not be loaded.
    """
    try:
        found = cast("object", json.loads(group.read_bytes()))
        children = cast("dict[str, dict[str, str]]", found)["child_paths"]
        beside = {str(name): str(group.parent / Path(name).name) for name in children}
    except (OSError, ValueError, KeyError, TypeError):
        # A run wrote it, and so it may be anything; without it the kernel is compiled again.
        group.unlink(missing_ok=True)
        return
    group.write_text(json.dumps({"child_paths": beside}))


def _kept(session: Session) -> Path:
    return session.folder / "cache"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _regular_files(run: Path, inside: tuple[str, ...]) -> Iterator[tuple[Path, int]]:
    """Yield the files below a folder, each with a descriptor that is open until the next one."""
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
        place = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, place)
        for part in inside[:-1]:
            place = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            opened.callback(os.close, place)
        seen = 0
        for folder, folders, files, descriptor in os.fwalk(inside[-1], dir_fd=place):
            below = Path(folder).relative_to(inside[-1])
            if len(below.parts) >= DEPTH_MOST:
                folders.clear()
            for name in files:
                seen += 1
                if seen > FILES_MOST:
                    return
                with contextlib.suppress(OSError):
                    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                    source = os.open(name, flags, dir_fd=descriptor)
                    try:
                        if stat.S_ISREG(os.fstat(source).st_mode):
                            yield below / name, source
                    finally:
                        os.close(source)


def _copy(source: int, size: int, target: Path) -> None:
    """Copy the first `size` bytes; the name appears when they are all there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + PARTIAL)
    with partial.open("wb") as out:
        while size > 0 and (piece := os.read(source, min(size, COPY_BYTES))):
            out.write(piece)
            size -= len(piece)
    # Compilers keep libraries here, which are mapped for execution.
    partial.chmod(os.fstat(source).st_mode & 0o777)
    partial.replace(target)
