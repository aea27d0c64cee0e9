"""A person reads the agent's notebook, and writes in it."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import Session, SessionError

EDITORS = ("VISUAL", "EDITOR")
DEFAULT_EDITOR = "vi"


def page(session: Session, state: SessionState) -> str:
    """Return the notebook's page; empty where there is none."""
    if not state.page:
        return ""
    try:
        return session.page(state.page).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SessionError(f"{session.page(state.page)} can not be read: {error}.") from error


def edited(text: str, environ: Mapping[str, str]) -> str:
    """Return a text as a person leaves it in their editor.

    Raises:
        SessionError: there is no editor, or it ended in trouble.
    """
    chosen = next((environ[name] for name in EDITORS if environ.get(name)), DEFAULT_EDITOR)
    path = keep(text)
    try:
        ended = subprocess.run([*shlex.split(chosen), str(path)], check=False)
        if ended.returncode:
            raise SessionError(f"{chosen} ended with {ended.returncode}; nothing was changed.")
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise SessionError(
            f"The editor {chosen!r} can not be run: {error}. Name another one in EDITOR."
        ) from error
    finally:
        path.unlink(missing_ok=True)


def given(name: str) -> str:
    """Return the text of a file, or of the standard input for `-`.

    Raises:
        SessionError: it can not be read.
    """
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"{name} can not be read: {error}.") from error


def keep(text: str) -> Path:
    """Write a text into a temporary file that stays, and return its path."""
    descriptor, name = tempfile.mkstemp(prefix="autoresearch-note-", suffix=".md")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
