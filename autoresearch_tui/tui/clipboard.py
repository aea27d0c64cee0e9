"""Copying: a file that is always there, beside the terminal's clipboard, which may not be."""

import os
from pathlib import Path

FILE_NAME = "copied.txt"


def keep(folder: Path, text: str) -> Path:
    """Write what is copied to a file in `folder` that only its owner reads, and return it.

    Raises:
        OSError: it can not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    temporary.replace(path)
    return path


def told(path: Path) -> str:
    """Return a path as a person writes it, with `~` for their home."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
