"""What a run can reach: a command prefix that confines whatever is started behind it.

Two sandboxes are known, and `docs/sandbox.md` says what each one stops: bubblewrap, a program that
gives a process its own view of the file system and no network, and Landlock, by which the kernel
takes rights away. Which of them works here is found out by running something in it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal

from autoresearch_tui.executors import landlock
from autoresearch_tui.executors.base import Confinement

PROBE_LIMIT_S = 20.0
TEMPORARY = Path("/tmp")
SOCKETS = (Path("/run"), Path("/var/run"))
"""Where services listen: a socket can be connected to even where nothing can be written."""
DRIVERS_AMONG_SOCKETS = (Path("/run/opengl-driver"), Path("/run/nvidia/driver"))
"""Where some distributions keep the GPU's libraries."""
SIGNAL_EXIT_CODE = 128
_OPEN_GPU = "import ctypes; assert ctypes.CDLL('libcuda.so.1').cuInit(0) == 0, 'cuInit failed'"
_AGAIN_IN_A_CHILD = (
    "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
)
OPEN_GPU = (sys.executable, "-c", f"{_OPEN_GPU}; {_AGAIN_IN_A_CHILD}", "-c", _OPEN_GPU)
"""Opens the GPU, and once more from a child, as the processes do that compile for it."""
UNCONFINED = (
    "Runs are not confined: neither bubblewrap nor Landlock works here. An edited train.py could "
    "read the validation rows, write anywhere and use the network. Install the package bubblewrap, "
    "and where Ubuntu restricts user namespaces allow them to bwrap in AppArmor: docs/sandbox.md "
    "shows how. `--sandbox off` says that this is meant."
)


class SandboxError(Exception):
    """A sandbox was required, and none works; the message says why."""


class Level(StrEnum):
    """How far a run is confined."""

    BWRAP = "bwrap"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True)
class Sandbox:
    """One way to confine commands."""

    level: Level
    note: str = ""
    """What the user should know of this level; empty where there is nothing."""

    @property
    def signal_exit_code(self) -> int | None:
        """The exit code above which a command was ended by a signal, where it is told like that."""
        return SIGNAL_EXIT_CODE if self.level is Level.BWRAP else None

    def prefix(self, confinement: Confinement | None) -> tuple[str, ...]:
        """Return what to put before a command so that it runs confined; empty where nothing is.

        The command keeps its descriptors and its working directory, which has to be readable, and
        finds `TMPDIR` set.
        """
        if confinement is None:
            return ()
        match self.level:
            case Level.BWRAP:
                return tuple(_bwrap(confinement))
            case Level.LANDLOCK:
                return tuple(_landlock(confinement))
            case Level.NONE:
                return ()


NO_SANDBOX = Sandbox(Level.NONE)


def choose(
    choice: Literal["auto", "require", "off"], probe: Callable[[Sandbox], str] | None = None
) -> Sandbox:
    """Return the best sandbox that works here.

    Args:
        choice: `auto` takes what there is, `require` refuses to go without, `off` wants none.
        probe: returns why a sandbox does not work, or an empty string; by default it is tried.

    Raises:
        SandboxError: one is required, and none works.
    """
    if choice == "off":
        return NO_SANDBOX
    reasons: list[str] = []
    for level in (Level.BWRAP, Level.LANDLOCK):
        found = Sandbox(level)
        reason = (probe or try_out)(found)
        if not reason:
            return found
        reasons.append(f"{level}: {reason}")
    if choice == "require":
        raise SandboxError(
            f"A sandbox is required, and none works here ({'; '.join(reasons)}). Install "
            "bubblewrap, or see docs/sandbox.md; `--sandbox auto` goes on without."
        )
    return Sandbox(Level.NONE, f"{UNCONFINED} ({'; '.join(reasons)})")


def try_out(sandbox: Sandbox) -> str:
    """Return why a sandbox does not work here; empty if it does.

    A command is run in it that must be able to write its own folder and not to read a hidden file.
    """
    if sys.platform != "linux":
        return "it needs Linux"
    if sandbox.level is Level.BWRAP and shutil.which("bwrap") is None:
        return "there is no program bwrap"
    with tempfile.TemporaryDirectory(prefix="autoresearch-") as name:
        folder = Path(name)
        own, hidden = folder / "own", folder / "hidden"
        own.mkdir()
        hidden.write_text("hidden")
        confinement = Confinement(writable=(own,), hidden=(hidden,), temporary=own)
        script = 'test -z "$(cat "$1" 2>&-)" && : > "$2"'
        command = ("sh", "-c", script, "sh", str(hidden), str(own / "written"))
        if said := _try(sandbox, confinement, command, own):
            return said
        if not (own / "written").exists():
            return "a command did not run in it as it should"
        if not gpus() or _try(NO_SANDBOX, confinement, OPEN_GPU, own):
            return ""  # no GPU that works at all
        for shares in (False, True):
            shared = replace(confinement, shares_gpu_memory=shares)
            if said := _try(sandbox, shared, OPEN_GPU, own):
                return f"the GPU can not be opened in it ({said})"
    return ""


def gpus() -> list[Path]:
    """Return the devices by which NVIDIA's driver is spoken to."""
    return sorted(Path("/dev").glob("nvidia*"))


def _try(sandbox: Sandbox, confinement: Confinement, command: tuple[str, ...], folder: Path) -> str:
    """Return what went wrong with a command in a sandbox; empty where nothing did."""
    try:
        done = subprocess.run(
            [*sandbox.prefix(confinement), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            timeout=PROBE_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return said or f"a command ended with exit code {done.returncode}"


class _Access(IntEnum):
    """What holds for all below a path, unless a longer one says otherwise."""

    HIDDEN = 0
    READABLE = 1
    WRITABLE = 2


def _accesses(confinement: Confinement) -> dict[Path, _Access]:
    """Return what holds for each path, without links, the outer ones first."""
    found = dict.fromkeys(map(_real, confinement.hidden), _Access.HIDDEN)
    found |= dict.fromkeys(map(_real, confinement.readable), _Access.READABLE)
    found |= dict.fromkeys(map(_real, confinement.writable), _Access.WRITABLE)
    return {path: found[path] for path in sorted(found) if path.exists()}


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _bwrap(confinement: Confinement) -> Iterator[str]:
    # A signal for the run's process group must not end bwrap, which would kill the run with it.
    yield from (_program("env"), "--ignore-signal=TERM", _program("bwrap"), "--die-with-parent")
    # Whoever starts a night as root must not give that power to the runs.
    yield from ("--cap-drop", "ALL", "--unshare-uts", "--unshare-cgroup-try", "--unshare-net")
    yield from ("--ro-bind", "/", "/", "--dev", "/dev")
    for device in gpus():
        yield from ("--dev-bind-try", str(device), str(device))
    if confinement.shares_gpu_memory:
        # PyTorch counts the users of shared GPU memory in files there, and CUDA writes to the
        # process's own folder in /proc.
        yield from ("--bind", "/dev/shm", "/dev/shm", "--bind", "/proc", "/proc")
    else:
        yield from ("--unshare-pid", "--unshare-ipc", "--proc", "/proc")
    yield from ("--ro-bind", "/proc/sys", "/proc/sys")
    if confinement.temporary is None:
        yield from ("--tmpfs", str(TEMPORARY))
    else:
        yield from ("--bind", str(_real(confinement.temporary)), str(TEMPORARY))
    yield from ("--setenv", "TMPDIR", str(TEMPORARY))
    yield from _mounts(confinement)
    yield from ("--", _program("env"), "--default-signal=TERM")


def _mounts(confinement: Confinement) -> Iterator[str]:
    """Yield the arguments that hide and open paths, the outer ones first."""
    readable = dict.fromkeys(
        map(_real, (*DRIVERS_AMONG_SOCKETS, Path(sys.prefix), Path(sys.base_prefix))),
        _Access.READABLE,
    )
    accesses = {
        **dict.fromkeys((path for path in SOCKETS if not path.is_symlink()), _Access.HIDDEN),
        **readable,
        **_accesses(confinement),
    }
    # The job's own place for temporary files covers whatever else lies there.
    around: dict[Path, _Access | None] = {Path("/"): _Access.READABLE, TEMPORARY: None}
    emptied: list[str] = []
    for path in sorted(accesses):
        access = accesses[path]
        outer = next(around[parent] for parent in path.parents if parent in around)
        if not path.exists() or access is outer or path in around:
            continue
        around[path] = access
        place = str(path)
        match access:
            case _Access.WRITABLE:
                yield from ("--bind", place, place)
            case _Access.READABLE:
                yield from ("--ro-bind", place, place)
            case _Access.HIDDEN if path.is_dir():
                yield from ("--tmpfs", place)
                emptied.append(place)
            case _Access.HIDDEN:
                yield from ("--ro-bind", os.devnull, place)
    for place in emptied:
        yield from ("--remount-ro", place)


def _program(name: str) -> str:
    """Return where a program is; its name where it is not found, for the error to name it."""
    return shutil.which(name) or name


def _landlock(confinement: Confinement) -> Iterator[str]:
    accesses = _accesses(confinement)
    temporary = confinement.temporary
    rules = {
        "hidden": [str(path) for path in accesses if accesses[path] is _Access.HIDDEN],
        "readable": [str(path) for path in accesses if accesses[path] is _Access.READABLE],
        "writable": [str(path) for path in accesses if accesses[path] is _Access.WRITABLE],
        "gpus": [str(device) for device in gpus()],
        "temporary": None if temporary is None else str(_real(temporary)),
    }
    yield from (sys.executable, "-I", str(Path(landlock.__file__)), json.dumps(rules), "--")
