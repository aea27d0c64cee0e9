"""The screen in tmux, where most nights are watched: leaving, coming back, resizing, hanging up."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import psutil
import pygit2
import pytest

from autoresearch_tui.session import LabLife, lab_life
from tests.tui.nights import Ending, MadeNight, make_night

PATIENCE_S = 20.0
POLL_S = 0.05
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """A tmux server of our own, with one window in a repository."""

    def __init__(self, folder: Path, columns: int, lines: int, *command: str) -> None:
        self._socket = str(folder / "tmux")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TEXTUAL", "TMUX")) and name not in ("COLUMNS", "LINES")
        }
        self.environment |= {
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "SHELL": "/bin/sh",
            "TERM": "xterm-256color",
        }
        size = ("-x", str(columns), "-y", str(lines))
        started = ("new-session", "-d", *size, "-c", str(folder / "repository"), *command)
        self.do("-f", os.devnull, *started)

    def do(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", self._socket, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def wait_for(self, *words: str) -> str:
        end = time.monotonic() + PATIENCE_S
        while not all(word in (text := self.do("capture-pane", "-p")) for word in words):
            assert time.monotonic() < end, f"{words} did not appear:\n{text}"
            time.sleep(POLL_S)
        return text

    def client(self) -> "pexpect.spawn[str]":
        return pexpect.spawn(
            "tmux",
            ["-u", "-S", self._socket, "attach"],
            env=self.environment,  # pyright: ignore[reportArgumentType]
            dimensions=(24, 80),
            encoding="utf-8",
            codec_errors="replace",  # a client that leaves may have written half a character
            timeout=PATIENCE_S,
        )

    def end(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False)


@pytest.fixture
def made(tmp_path: Path) -> MadeNight:
    pygit2.init_repository(str(tmp_path / "repository"))
    return make_night(tmp_path / "repository" / ".git", Ending.PAUSED)


@pytest.fixture
def tmux(tmp_path: Path, made: MadeNight) -> Iterator[Tmux]:
    opened = Tmux(tmp_path, 80, 24, f"{sys.executable} -m autoresearch_tui attach; exec sh")
    try:
        yield opened
    finally:
        opened.end()


def test_a_screen_is_left_resized_and_closed(tmux: Tmux, made: MadeNight) -> None:
    tmux.wait_for("24 done", "5 Experiments", "paused")
    first = tmux.client()
    first.expect("24 done")
    # The multiplexer's own way to leave, and to come back from elsewhere.
    first.send("\x02d")
    first.expect(pexpect.EOF)
    again = tmux.client()
    again.expect("24 done")
    again.send("\x02d")
    again.expect(pexpect.EOF)
    for columns, lines, word in (
        (200, 60, "6 Loss"),
        (50, 15, "Make this terminal"),
        (80, 24, "5 E"),
    ):
        tmux.do("resize-window", "-x", str(columns), "-y", str(lines))
        tmux.wait_for(word)
    # Our way to leave: the lab is told nothing, and the shell is there again.
    tmux.do("send-keys", "q")
    tmux.wait_for("The lab of session nov23 goes on without this screen.")
    tmux.do("send-keys", "echo still-$((40 + 2))", "Enter")
    tmux.wait_for("still-42")
    assert lab_life(made.session) is LabLife.ALIVE


def test_a_window_that_is_closed_takes_its_screen_along(tmux: Tmux, made: MadeNight) -> None:
    tmux.wait_for("24 done")
    shell = psutil.Process(int(tmux.do("display-message", "-p", "#{pane_pid}")))
    watched = [shell, *shell.children(recursive=True)]
    assert any("attach" in each.cmdline() for each in watched)
    tmux.do("kill-session")
    assert not psutil.wait_procs(watched, timeout=PATIENCE_S)[1]
    assert lab_life(made.session) is LabLife.ALIVE


@pytest.mark.long
def test_a_replay_plays_and_is_left(tmp_path: Path, made: MadeNight) -> None:
    command = f"{sys.executable} -m autoresearch_tui replay --from 3 --speed 2; exec sh"
    tmux = Tmux(tmp_path, 100, 30, command)
    try:
        tmux.wait_for("REPLAY ▶ 2x", "#3 of 23")
        tmux.do("send-keys", "Space")
        tmux.wait_for("REPLAY ‖ 2x")
        tmux.do("send-keys", "+", "Right")
        tmux.wait_for("REPLAY ‖ 5x", "#4 of 23")
        tmux.do("send-keys", "q")
        tmux.wait_for("That was a replay of session nov23.")
    finally:
        tmux.end()
