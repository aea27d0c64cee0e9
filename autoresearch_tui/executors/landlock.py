"""Takes rights away from itself by Landlock, and becomes the command that follows.

    python -I landlock.py RULES -- COMMAND...

RULES is a JSON object: `hidden`, `readable`, `writable` and `gpus` (devices) are lists of paths
without links, `temporary` the folder that `TMPDIR` is to lead to (or null). Run by path in an
interpreter of its own, with the standard library alone.

Landlock can only allow, and what is allowed below a folder can not be taken back further down. So
what is hidden is left out by allowing all that lies beside the way to it.
"""

import ctypes
import json
import os
import signal
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

# linux/landlock.h; the numbers of the system calls are the same on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITIES = 64
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
CHANGE_FOLDER = sum(1 << bit for bit in range(4, 13))  # remove and make entries of every kind
TCP = 1 << 0 | 1 << 1  # bind and connect
ABSTRACT_SOCKETS_AND_SIGNALS = 1 << 0 | 1 << 1
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | CHANGE_FOLDER | REFER | TRUNCATE | IOCTL_DEVICE
# A right that the kernel learnt with a later version must not be asked of an earlier one.
RIGHTS_SINCE = ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEVICE))
TCP_SINCE, SCOPES_SINCE = 4, 6
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "shm")

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Return which Landlock the kernel has.

    Raises:
        OSError: it has none.
    """
    return _system_call(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)


def restrict(
    *, hidden: list[str], readable: list[str], writable: list[str], gpus: list[str]
) -> None:
    """Give up, for this process and all that it starts, what the rules do not allow.

    Raises:
        OSError: the kernel has no Landlock, or it is not enabled.
    """
    abi = version()
    handled = WRITE & ~sum(right for since, right in RIGHTS_SINCE if abi < since)
    tcp = TCP if abi >= TCP_SINCE else 0
    scopes = ABSTRACT_SOCKETS_AND_SIGNALS if abi >= SCOPES_SINCE else 0
    attributes = struct.pack("QQQ", handled, tcp, scopes)
    known_bytes = 24 if abi >= SCOPES_SINCE else 16 if abi >= TCP_SINCE else 8
    ruleset = _system_call(CREATE_RULESET, attributes, known_bytes, 0)

    def allow(path: str, rights: int) -> None:
        try:
            place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return  # It is gone, or nobody may look at it: nothing to allow.
        mode = os.fstat(place).st_mode
        if not stat.S_ISLNK(mode):
            rights &= handled if stat.S_ISDIR(mode) else handled & FILE_RIGHTS
            beneath = struct.pack("=Qi", rights, place)
            _system_call(ADD_RULE, ruleset, RULE_PATH_BENEATH, beneath, 0)
        os.close(place)

    # Names alone: without them Python finds no module in a folder that holds something hidden.
    allow("/", READ_DIR)
    for path in beside(hidden):
        allow(path, READ)
    for folder in readable:
        for path in beside(hidden, folder):
            allow(path, READ)
    devices = [*(f"/dev/{name}" for name in DEVICES), *gpus]
    for path in [*writable, *devices, f"/proc/{os.getpid()}"]:
        allow(path, WRITE)
    if gpus:
        # CUDA writes to the own folder there of each process that opens it, and those of processes
        # to come can not be named.
        allow("/proc", READ | WRITE_FILE | TRUNCATE)
    # A night that root started must not give root's power to its runs.
    for capability in range(CAPABILITIES):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _system_call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def beside(hidden: list[str], folder: str = "/") -> Iterator[str]:
    """Yield paths below which, together, everything of a folder lies but what is hidden.

    Links are left out: what they point to has a place of its own.
    """
    barred = set(hidden)
    on_the_way = {parent for path in hidden for parent in map(str, Path(path).parents)}
    if folder not in on_the_way:
        yield folder
        return
    waiting = [folder] if folder not in barred else []
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.path in barred or entry.is_symlink():
                continue
            if entry.path in on_the_way:
                waiting.append(entry.path)
            else:
                yield entry.path


def _system_call(*arguments: int | bytes | None) -> int:
    result = _libc.syscall(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return int(result)


def main() -> None:
    """Restrict this process as the first argument says, and become the rest."""
    rules = json.loads(sys.argv[1])
    command = sys.argv[3:]
    temporary = rules.pop("temporary")
    if temporary is not None:
        # By the open folder: sockets in TMPDIR may not have long names, and Python makes some.
        folder = os.open(temporary, os.O_PATH | os.O_DIRECTORY)
        os.set_inheritable(folder, True)
        os.environ["TMPDIR"] = f"/proc/{os.getpid()}/fd/{folder}"
    try:
        restrict(**rules)
        # Python ignores these, and what it becomes would inherit that.
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
