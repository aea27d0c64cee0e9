"""Checks the machine that a night runs on: logout, disk, memory, clock, power, sockets."""

import contextlib
import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from autoresearch_tui import session as sessions
from autoresearch_tui.lab import logind
from autoresearch_tui.lab.findings import Finding, fail, note, ok
from autoresearch_tui.session import Session, SessionError

NIGHT_EXPERIMENTS = 100
DISK_WANTED_GB = 5.0
FILES_WANTED = 20_000
MEMORY_WANTED_GB = 2.0
GB = 1e9
PROBE_LIMIT_S = 5.0
SOCKET_PATH_BYTES = 107
FIRST_SANE_YEAR = 2025


def examine(repository: Path) -> Iterator[Finding]:
    """Yield what a night from `repository` will meet on this machine."""
    yield from logind.examine(Path("/"), _login())
    yield disk(repository)
    yield memory(psutil.virtual_memory().available / GB)
    yield sockets(sessions.runtime_folder())
    yield clock(time.time(), _is_synchronised())
    yield from power()


def _login() -> logind.Login:
    cgroup = ""
    with contextlib.suppress(OSError):
        cgroup = Path("/proc/self/cgroup").read_text()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        user = str(os.getuid())
    return logind.Login(user=user, uid=os.getuid(), cgroup=cgroup)


def disk(repository: Path) -> Finding:
    """Return whether a night's files will fit, by what the last session's took."""
    try:
        free_gb = shutil.disk_usage(repository).free / GB
        files = os.statvfs(repository)
    except OSError as error:
        return fail("disk", f"{repository} can not be looked at: {error.strerror}")
    each_gb = _gb_of_an_experiment(repository)
    wanted_gb = max(DISK_WANTED_GB, NIGHT_EXPERIMENTS * each_gb)
    if free_gb < wanted_gb:
        sentence = f"{free_gb:.1f} GB are free; make room for {wanted_gb:.0f} GB before a night"
        return fail("disk", sentence)
    # Some file systems count no files, and say 0 of 0.
    if files.f_files and files.f_favail < FILES_WANTED:
        return fail(
            "disk", f"there is room for {files.f_favail} more files; a night wants {FILES_WANTED}"
        )
    return ok("disk", f"{free_gb:.0f} GB are free, and a night takes up to {wanted_gb:.0f}")


def _gb_of_an_experiment(repository: Path) -> float:
    """Return what an experiment of the last session left on the disk; 0 where there is none."""
    try:
        known = sessions.sessions(repository)
    except SessionError:
        return 0.0
    return _folder_gb(known[-1]) if known else 0.0


def _folder_gb(session: Session) -> float:
    experiments = list((session.folder / "experiments").glob("*"))
    total = 0
    for folder in experiments:
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                total += path.lstat().st_blocks * 512
    return total / GB / max(1, len(experiments))


def memory(available_gb: float) -> Finding:
    """Return whether there is memory for a lab and a run, in GB."""
    if available_gb < MEMORY_WANTED_GB:
        return note(
            "memory",
            f"{available_gb:.1f} GB are free; a run and its evaluation want {MEMORY_WANTED_GB:g} "
            "at least: end what else needs it",
        )
    return ok("memory", f"{available_gb:.0f} GB are free")


def sockets(folder: Path) -> Finding:
    """Return whether the lab can listen where its socket would be."""
    # A name as long as all of them.
    path = folder / ("x" * sessions.SOCKET_NAME_CHARS + ".sock")
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        return fail(
            "socket", f"{folder} is too long a path for a socket: set XDG_RUNTIME_DIR to a shorter"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        return fail("socket", f"{folder} can not be written to: set XDG_RUNTIME_DIR to your own")
    return ok("socket", f"commands reach the lab in {folder}")


def clock(now: float, synchronised: bool | None) -> Finding:
    """Return whether the time of day can be believed; `until` goes by it."""
    year = time.localtime(now).tm_year
    if year < FIRST_SANE_YEAR:
        return fail("clock", f"it shows the year {year}: set it, `--until` goes by it")
    if synchronised is False:
        return note("clock", "nothing keeps it right; have it kept with: timedatectl set-ntp true")
    return ok("clock", time.strftime("it is %Y-%m-%d %H:%M %Z", time.localtime(now)))


def _is_synchronised() -> bool | None:
    said = _said("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(said)


def power() -> Iterator[Finding]:
    """Yield what is to be said of a machine with a battery."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError):
        return
    if battery is None:
        return
    if battery.power_plugged is False:
        yield fail("power", f"it runs on its battery ({battery.percent:.0f} %): plug it in")
    else:
        yield note(
            "power",
            "with its lid closed it may sleep; prevent it with: systemd-inhibit "
            "--what=handle-lid-switch:sleep:idle autoresearch run --headless",
        )


def _said(*command: str) -> str:
    """Return what a program prints; nothing where it is not there, fails, or takes long."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=PROBE_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
