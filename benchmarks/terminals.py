"""A program on a pseudo-terminal, and what it costs there: bytes, processor time, memory."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60.0
MIB = 1 << 20
READ_BYTES = 65_536
ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",  # what kind of terminal is this?
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # does it take a frame as a whole?
    b"\x1b[6n": b"\x1b[1;1R",  # where is the cursor?
    b"\x1b]11;?": b"\x1b]11;rgb:1212/1212/1212\x1b\\",  # which background?
}
"""Questions that programs put to a terminal, and what one of 256 colours says."""


class Silent(Exception):
    """What was awaited did not appear in time."""


class Terminal:
    """One program on a terminal of its own, which reads all that the program writes."""

    def __init__(self, argv: Sequence[str], columns: int, lines: int, folder: Path) -> None:
        """Start a program in `folder`; its environment is that of an SSH link, in 256 colours."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        # An installed package has its bytecode; without, each start would compile all of it.
        unwanted = ("COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "TMUX", "PYTHONDONTWRITEBYTECODE")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TEXTUAL") and name not in unwanted
        }
        environment |= {
            "TERM": "xterm-256color",
            "SSH_TTY": "/dev/pts/9",
            "PYTHONUTF8": "1",
            "XDG_STATE_HOME": str(folder / ".state"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        self._terminal = ours
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._known = psutil.Process(self.process.pid)

    def __enter__(self) -> "Terminal":
        """Go on with the program running."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program and what it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._terminal)

    def read(self, seconds: float) -> bytes:
        """Return what the program writes within `seconds`."""
        parts: list[bytes] = []
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            parts.append(self._read_once(left))
        return b"".join(parts)

    def read_until(self, words: bytes, patience_s: float = PATIENCE_S) -> bytes:
        """Return what the program writes until `words` are in it.

        Raises:
            Silent: they did not come in time.
        """
        data = b""
        until = time.perf_counter() + patience_s
        while words not in data:
            left = until - time.perf_counter()
            if left <= 0:
                raise Silent(f"{words!r} did not appear within {patience_s:g} s: {data[-2000:]!r}")
            data += self._read_once(left)
        return data

    def _read_once(self, patience_s: float) -> bytes:
        if not select.select([self._terminal], [], [], patience_s)[0]:
            return b""
        try:
            data = os.read(self._terminal, READ_BYTES)
        except OSError as error:
            raise Silent(f"The program ended with {self.process.wait()}.") from error
        for question, answer in ANSWERS.items():
            if question in data:
                self.send(answer)
        return data

    def send(self, keys: bytes) -> None:
        """Type something."""
        os.write(self._terminal, keys)

    @property
    def cpu_s(self) -> float:
        """The processor time that the program and its children took so far."""
        times = [each.cpu_times() for each in self._all()]
        return sum(each.user + each.system for each in times)

    @property
    def rss_mb(self) -> float:
        """The memory that the program and its children hold."""
        return sum(each.memory_info().rss for each in self._all()) / MIB

    def _all(self) -> list[psutil.Process]:
        return [self._known, *self._known.children(recursive=True)]


def cockpit(repository: Path, columns: int, lines: int, *arguments: str) -> Terminal:
    """Open a repository's session on a terminal, as a person would."""
    command = [sys.executable, "-m", "autoresearch_tui", "attach", *arguments]
    return Terminal(command, columns, lines, repository)
