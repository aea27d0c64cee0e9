"""The screen in a real terminal: what it shows, what it writes, how it ends."""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType

import pexpect
import pyte
import pytest

from autoresearch_tui.tui.terminal import HUNG_UP
from tests.tui.nights import Ending, MadeNight, make_night

PROGRAM = """
import sys
from pathlib import Path
from autoresearch_tui.session import Session
from autoresearch_tui.tui import terminal
terminal.prepare()
from autoresearch_tui.tui import app
print(app.run(Session(Path(sys.argv[1]))))
"""
PATIENCE_S = 20.0
IDLE_S = 2.5
"""Longer than all intervals at which the screen looks at anything."""
ROOT = Path(__file__).parents[2]


class Terminal:
    """A cockpit on a pseudo-terminal, and the screen that a person would see there."""

    def __init__(self, made: MadeNight, columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        # The size is the terminal's, whatever these say.
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TEXTUAL") and name not in ("COLUMNS", "LINES")
        }
        environment |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "SSH_TTY": "/dev/pts/9"}
        environment["PYTHONUTF8"] = "1"
        self.child = pexpect.spawn(
            sys.executable,
            ["-c", PROGRAM, str(made.session.folder)],
            dimensions=(lines, columns),
            env=environment,  # pyright: ignore[reportArgumentType]
            cwd=str(ROOT),
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.child.close(force=True)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float) -> bytes:
        """Take what the cockpit writes within `seconds`."""
        data = b""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                part = self.child.read_nonblocking(65_536, timeout=left)
            except pexpect.TIMEOUT:
                break
            except pexpect.EOF:
                break
            self._stream.feed(part)
            data += part
        return data

    def wait_for(self, *words: str) -> None:
        """Read on until all words are on the screen."""
        end = time.monotonic() + PATIENCE_S
        while not all(word in self.text for word in words):
            assert time.monotonic() < end, f"{words} did not appear:\n{self.text}"
            self.read(0.1)


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
def test_all_panes_show_and_idle_writes_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    made = make_night(tmp_path, Ending.PAUSED)
    with Terminal(made, *size) as terminal:
        terminal.wait_for("1 Reasoning", "2 Diff", "3 Machine", "4 History", "5 Experiments")
        terminal.wait_for("paused", "24 done", "p resume")
        terminal.read(1.0)
        assert terminal.read(IDLE_S) == b""
        terminal.child.send("q")
        terminal.wait_for("The lab of session nov23 goes on without this screen.")
        terminal.child.wait()
        assert terminal.child.exitstatus == 0


def test_a_hang_up_ends_the_screen(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED)
    with Terminal(made, 80, 24) as terminal:
        terminal.wait_for("24 done")
        terminal.child.kill(signal.SIGHUP)
        terminal.child.wait()
        assert terminal.child.signalstatus == signal.SIGHUP


def test_a_resize_is_followed(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED)
    with Terminal(made, 20, 5) as terminal:
        terminal.wait_for("Make this")
        terminal.screen.resize(24, 80)
        terminal.child.setwinsize(24, 80)
        terminal.wait_for("5 Experiments", "24 done")


def test_without_a_terminal_for_its_input_it_says_what_to_do() -> None:
    command = f'"{sys.executable}" -m autoresearch_tui attach </dev/null'
    child = pexpect.spawn("/bin/sh", ["-c", command], cwd=str(ROOT), encoding="utf-8")
    child.expect("autoresearch run --headless", timeout=PATIENCE_S)
    child.close(force=True)


class Foreign:
    """A cockpit whose terminal is not its controlling one: no signal tells of a hang-up."""

    def __init__(self, made: MadeNight, columns: int, lines: int) -> None:
        self.terminal, theirs = os.openpty()
        self._name = os.ttyname(theirs)
        self.resize(columns, lines)
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(made.session.folder)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=ROOT,
            env=environment,
        )
        os.close(theirs)

    def __enter__(self) -> "Foreign":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, words: bytes) -> None:
        data = b""
        while words not in data:
            assert select.select([self.terminal], [], [], PATIENCE_S)[0], f"{words!r} in vain"
            data += os.read(self.terminal, 65_536)

    def stall(self) -> None:
        """Fill the terminal with what nobody reads."""
        theirs = os.open(self._name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(theirs, b"." * 4096)
        os.close(theirs)

    def hang_up(self) -> int:
        """Return the exit code of the process, which ends by itself."""
        os.close(self.terminal)
        return self.process.wait(timeout=PATIENCE_S)


def test_a_terminal_that_goes_without_a_signal_ends_the_screen(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED)
    with Foreign(made, 80, 24) as screen:
        screen.read_until(b"24 done")
        shutil.rmtree(made.session.folder)
        screen.read_until(b"lab dead")
        assert screen.hang_up() == HUNG_UP


def test_a_terminal_that_stalls_and_then_goes_ends_the_screen(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED)
    with Foreign(made, 80, 24) as screen:
        screen.read_until(b"24 done")
        screen.stall()
        for lines in range(25, 60):
            # More screens than its queue of writes holds, none of which gets through.
            screen.resize(80, lines)
            screen.process.send_signal(signal.SIGWINCH)
        os.write(screen.terminal, b"q")
        assert screen.hang_up() == HUNG_UP
