"""A person's own editor, on a copy that nobody else can read or change."""

import contextlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from types import FrameType

COMMON = ("nano", "vim", "vi")
"""What is taken where neither `VISUAL` nor `EDITOR` names one."""


class EditorError(Exception):
    """Nothing could be edited; the message says why and what to do."""


class Draft:
    """A private copy of a file, for a person to change."""

    def __init__(self, name: str, text: str) -> None:
        """Write `text` to a file called `name` in a folder of its own.

        Raises:
            EditorError: there is no room for it.
        """
        self.before = text
        try:
            self.path = Path(tempfile.mkdtemp(prefix="autoresearch-")) / name
            # Byte for byte: line ends of another system are the file's own.
            self.path.write_bytes(text.encode())
        except OSError as error:
            raise EditorError(f"No copy could be made to edit: {error.strerror}.") from error

    def text(self) -> str:
        """Return what it holds now.

        Raises:
            EditorError: it can not be read, or is no text.
        """
        try:
            return self.path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise EditorError(f"{self.path} can not be read back: {error}.") from error

    def discard(self) -> None:
        """Remove it, and its folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def command(environ: Mapping[str, str]) -> list[str]:
    """Return the editor of `VISUAL` or `EDITOR`, with its options, or a common one.

    Raises:
        EditorError: there is none.
    """
    for name in ("VISUAL", "EDITOR"):
        try:
            if words := shlex.split(environ.get(name, "")):
                return words
        except ValueError as error:
            raise EditorError(f"{name} can not be read as a command: {error}.") from error
    path = environ.get("PATH")
    for name in COMMON:
        if found := shutil.which(name, path=path):
            return [found]
    raise EditorError("No editor was found: set EDITOR, for example EDITOR=nano.")


def run(path: Path, environ: Mapping[str, str]) -> None:
    """Have the person edit a file in this terminal, and wait until the editor ends.

    Raises:
        EditorError: there is no editor, or it failed.
    """
    words = command(environ)
    try:
        with _deaf_to_interrupts():
            code = subprocess.call([*words, str(path)])
    except OSError as error:
        raise EditorError(f"{words[0]} can not be started: {error.strerror or error}.") from error
    if code:
        raise EditorError(f"{words[0]} ended with {code}, so nothing is taken from it.")


@contextlib.contextmanager
def _deaf_to_interrupts() -> Generator[None]:
    """Leave the keys that interrupt to the editor, which shares the terminal with this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ignore(_number: int, _frame: FrameType | None) -> None:
        """Do nothing: unlike an ignored signal, a handled one is whole again in the editor."""

    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.signal(number, ignore) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
