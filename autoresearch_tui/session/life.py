"""Who holds a session: its lab's lock, and the heart that is seen where no lock is."""

import fcntl
import os
import socket
import time
from enum import StrEnum

from autoresearch_tui.session.files import Session, SessionError, last_beat_at, read_lab_file

HEARTBEAT_INTERVAL_S = 0.5
HEARTBEAT_LOST_AFTER_S = 8.0
LOCK_PATIENCE_S = 1.0
LOCK_PAUSE_S = 0.02


class LabLife(StrEnum):
    """What is known of a session's lab."""

    ALIVE = "alive"
    SILENT = "silent"
    """It is there, and its heart does not beat: stopped, or its disk hangs."""
    DEAD = "dead"
    """It ended without saying so."""
    NONE = "none"
    """None was started, or the last one ended in order."""


class SessionLock:
    """Held by the one lab of a session; the system gives it up with the process."""

    def __init__(self, session: Session) -> None:
        """Take the lock.

        Where a lab of another host died, it takes some seconds to see that it did.

        Raises:
            SessionError: another lab holds it.
        """
        # Inheritable descriptors would let a surviving child keep the lock.
        self._fd = os.open(session.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        until = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                # Whoever looks whether a lab lives holds the lock for an instant.
                if time.monotonic() < until:
                    time.sleep(LOCK_PAUSE_S)
                    continue
                os.close(self._fd)
                raise SessionError(already_running(session)) from error
            else:
                break
        if _beats_elsewhere(session):
            os.close(self._fd)
            raise SessionError(already_running(session))

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._fd)


def already_running(session: Session) -> str:
    """Return what to tell who wants to run a session that is run already."""
    lab = read_lab_file(session)
    holder = f" by process {lab.pid} on {lab.host}" if lab else ""
    return (
        f"Session {session.tag} is already running{holder}. "
        f"Watch it with: autoresearch attach --tag {session.tag}"
    )


def _beats_elsewhere(session: Session) -> bool:
    """Return whether a lab of another host runs the session.

    Some network file systems lock files for each host alone. Hosts' clocks differ, so that only
    a heart that is seen to beat counts.
    """
    lab = read_lab_file(session)
    if lab is None or lab.host == socket.gethostname():
        return False
    before = last_beat_at(session)
    until = time.monotonic() + HEARTBEAT_LOST_AFTER_S
    while time.monotonic() < until:
        time.sleep(HEARTBEAT_INTERVAL_S / 4)
        if last_beat_at(session) not in (None, before):
            return True
    return False


def lab_life(session: Session, now: float | None = None) -> LabLife:
    """Return whether the session's lab lives: by its lock, and by its heart."""
    try:
        beat_at = session.lab_file.stat().st_mtime
    except OSError:
        return LabLife.NONE
    silent = (time.time() if now is None else now) - beat_at > HEARTBEAT_LOST_AFTER_S
    # Another host's lock may not be seen here; its heartbeat is.
    lab = read_lab_file(session)
    elsewhere = lab is not None and lab.host != socket.gethostname()
    if not _is_locked(session) and (silent or not elsewhere):
        return LabLife.DEAD
    return LabLife.SILENT if silent else LabLife.ALIVE


def _is_locked(session: Session) -> bool:
    try:
        fd = os.open(session.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
