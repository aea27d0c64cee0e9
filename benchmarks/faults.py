"""Faults that a soak draws from: each is done to a living night from outside, as life does it.

A fault that ended the lab says so; whoever runs the soak starts the next one, as a system unit
would.
"""

import contextlib
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import psutil

from autoresearch_tui.control import client, messages
from autoresearch_tui.session import Session
from benchmarks.aftermath import lab_pid

FIND_LIMIT_S = 3.0
STOPPED_MOST_S = 4.0
ANSWER_LIMIT_S = 10.0
DEATH_LIMIT_S = 40.0
VIEWER_PATIENCE_S = 30.0
LOOK_PAUSE_S = 0.02


class NotDone(Exception):
    """A fault found nothing to be done to; it does not count."""


def watch(root: Path, tag: str) -> "pexpect.spawn[bytes]":
    """Start a screen that watches a session, on a terminal of its own."""
    return pexpect.spawn(
        sys.executable,
        ["-m", "autoresearch_tui", "attach", "--tag", tag],
        dimensions=(45, 160),
        env={**os.environ, "TERM": "xterm-256color"},  # pyright: ignore[reportArgumentType]
        cwd=str(root),
        timeout=VIEWER_PATIENCE_S,
    )


def hang_up(viewer: "pexpect.spawn[bytes]") -> None:
    """Take a viewer's terminal away, as a link that breaks does."""
    # Its own `close` would send signals besides.
    terminal: Any = viewer
    terminal.ptyproc.fileobj.close()


def await_end(process: psutil.Process) -> None:
    """Wait for a process to end, whether or not anybody takes note of it.

    Raises:
        RuntimeError: it does not.
    """
    until = time.monotonic() + DEATH_LIMIT_S
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > until:
                raise RuntimeError(f"process {process.pid} did not end in {DEATH_LIMIT_S:g} s")
            time.sleep(LOOK_PAUSE_S)


class Faults:
    """What can be done to the night of a session."""

    def __init__(self, root: Path, session: Session, chance: random.Random) -> None:
        """Draw from `chance` when and how; viewers run in the repository at `root`."""
        self._root = root
        self._session = session
        self._chance = chance
        self._viewers: list[pexpect.spawn[bytes]] = []
        self.fatal: dict[str, Callable[[], None]] = {
            "lab killed": self._kill_lab,
            "lab and supervisors killed": self._kill_all,
            "lab killed while it wrote": self._tear,
            "lab killed, git lock left": self._leave_lock,
            "lab terminated": self._terminate_lab,
        }
        """Those that end the lab; it is gone when they return."""
        if sys.platform == "linux":
            self.fatal["disk full"] = self._fill_disk
        self.harmless: dict[str, Callable[[], None]] = {
            "training process killed": lambda: self._job("train.py").kill(),
            "evaluator killed": lambda: self._job("evaluate").kill(),
            "supervisor killed": self._kill_supervisor,
            "lab stopped for seconds": self._stop_lab,
            "socket removed": self._remove_socket,
            "viewer that nobody reads": self._stall_viewer,
            "viewer hung up": self._hang_up_viewer,
            "viewer killed": self._kill_viewer,
        }
        """Those that the lab lives through."""

    @property
    def viewers(self) -> list[int]:
        """The processes of the viewers that were started."""
        return [viewer.pid for viewer in self._viewers if viewer.pid is not None]

    def clear(self) -> None:
        """End the viewers."""
        for viewer in self._viewers:
            viewer.close(force=True)
        self._viewers.clear()

    def _lab(self) -> psutil.Process:
        pid = lab_pid(self._session)
        if pid is None:
            raise NotDone
        try:
            return psutil.Process(pid)
        except psutil.NoSuchProcess as error:
            raise NotDone from error

    def _job(self, word: str) -> psutil.Process:
        """Return the process of a job, as soon as there is one whose command has this word."""
        lab, until = self._lab(), time.monotonic() + FIND_LIMIT_S
        while time.monotonic() < until:
            for process in lab.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if any(each.endswith(word) for each in process.cmdline()):
                        return process
            time.sleep(LOOK_PAUSE_S)
        raise NotDone

    def _kill_lab(self) -> None:
        lab = self._lab()
        lab.kill()
        await_end(lab)

    def _kill_all(self) -> None:
        lab = self._lab()
        lab.suspend()
        victims = [lab, *lab.children()]
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        await_end(lab)

    def _tear(self) -> None:
        """Kill the lab, and leave what a write leaves that was never finished."""
        self._kill_lab()
        line = b'{"kind":"judged","at":1700000000.0,"v":1,"experiment":0,"status":"keep"'
        with self._session.journal.open("ab") as journal:
            journal.write(line[: self._chance.randrange(1, len(line))])

    def _leave_lock(self) -> None:
        self._kill_lab()
        heads = self._root / ".git" / "refs" / "heads" / "autoresearch"
        heads.mkdir(parents=True, exist_ok=True)
        (heads / f"{self._session.tag}.lock").touch()

    def _terminate_lab(self) -> None:
        lab = self._lab()
        lab.terminate()
        await_end(lab)

    def _fill_disk(self) -> None:
        """Have no file of the lab grow beyond a size, which its journal meets soon."""
        lab = self._lab()
        size = self._session.journal.stat().st_size + self._chance.randrange(2048)
        _, hard = resource.prlimit(lab.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(lab.pid, resource.RLIMIT_FSIZE, (size, hard))
        await_end(lab)

    def _kill_supervisor(self) -> None:
        supervisor = self._job("train.py").parent()
        if supervisor is None or supervisor.pid == self._lab().pid:
            raise NotDone
        supervisor.kill()

    def _stop_lab(self) -> None:
        lab = self._lab()
        lab.send_signal(signal.SIGSTOP)
        time.sleep(self._chance.uniform(0.5, STOPPED_MOST_S))
        lab.send_signal(signal.SIGCONT)

    def _remove_socket(self) -> None:
        """Remove the socket; a lab is to listen again by itself."""
        self._lab()
        self._session.socket.unlink(missing_ok=True)
        until = time.monotonic() + ANSWER_LIMIT_S
        while True:
            try:
                client.send(self._session.socket, messages.Ping(by="soak"))
            except client.LabUnreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_PAUSE_S)
            else:
                return

    def _viewer(self) -> "pexpect.spawn[bytes]":
        """Return a screen that watches the night and was read up to its first frame."""
        self._lab()
        self.clear()
        viewer = watch(self._root, self._session.tag)
        self._viewers.append(viewer)
        viewer.expect("Experiments")
        return viewer

    def _stall_viewer(self) -> None:
        """Read no more of what a viewer writes, until the next one takes its place."""
        self._viewer()

    def _hang_up_viewer(self) -> None:
        hang_up(self._viewer())

    def _kill_viewer(self) -> None:
        self._viewer().kill(signal.SIGKILL)
