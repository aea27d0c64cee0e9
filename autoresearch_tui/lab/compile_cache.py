"""What a session keeps of compilers' work, without becoming a way for one run to speak to the next.

A run compiles into a folder that begins as a copy of what the session keeps. When it asks for its
clock, what is new there is copied back: it has seen no training row yet. What it writes later is
removed before the next run may look there. The evaluator uses none of it.

The folder is the same for all runs of a session, of which one trains at a time: compilers write
absolute paths into what they keep, such as those of a kernel's files and of its measured settings.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from autoresearch_tui.session import Session

LIMIT_BYTES = 1 << 30
FILES_MOST = 50_000
DEPTH_MOST = 12
COPY_BYTES = 1 << 20
PARTIAL = ".partial"


def environment(folder: Path) -> dict[str, str]:
    """Return what makes compilers keep their work in a folder."""
    return {
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "CUDA_CACHE_PATH": str(folder / "cuda"),
    }


def open_place(session: Session) -> Path:
    """Return where runs compile, made where it is not there yet.

    A sandbox that waits for its run holds on to the folder, so that it is never replaced; but a run
    without a sandbox may have put a file there, or a link to what is not ours to clear.
    """
    place = session.compiling
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    return place


def fill(session: Session) -> None:
    """Give the next run what the session has, and nothing of what the last one left.

    No process of that one may live any more.

    Raises:
        OSError: the folder can not be cleared or filled.
    """
    place, kept = open_place(session), _kept(session)
    _clear(place)
    if kept.is_dir():
        ignored = shutil.ignore_patterns(f"*{PARTIAL}")
        shutil.copytree(kept, place, ignore=ignored, dirs_exist_ok=True)


def harvest(session: Session) -> int:
    """Keep what the run at work compiled; return how many files were new.

    The run lives and may change its folder meanwhile, so that no link is followed, neither in
    place of the folder nor below it, and what can not be read is passed over.
    """
    kept = _kept(session)
    left_bytes = LIMIT_BYTES - _size(kept)
    count = 0
    for name, source in _regular_files(session.compiling):
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


def _clear(folder: Path) -> None:
    """Remove what is in a folder, also what its maker closed; the folder itself stays."""
    for place, names, _ in os.walk(folder):
        for name in names:
            inside = Path(place, name)
            if not inside.is_symlink():
                inside.chmod(stat.S_IRWXU)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _kept(session: Session) -> Path:
    return session.folder / "cache"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _regular_files(place: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files below a folder, each with a descriptor that is open until the next one."""
    with contextlib.suppress(OSError):
        seen = 0
        for folder, folders, files, descriptor in os.fwalk(place):
            below = Path(folder).relative_to(place)
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
