"""Notices when what a score means was changed under the lab.

That is its `prepare.py` and validation data, or the files around the command of a repository that
trains in its own way.

At a session's first start a digest of each file is stored beside the journal. Later starts, and
each evaluation, compare. A file is read again only where the system says that it was written to.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from autoresearch_tui.lab import snapshot
from autoresearch_tui.lab.snapshot import Snapshot
from autoresearch_tui.session import Session

DATA_FILES = ("val.rows", "token_bytes.npy", "tokenizer.tiktoken", "meta.json")
NEW = "Begin another session with: autoresearch run --new"


class SealBroken(Exception):
    """A file is not what it was; the message says which one and how to get it back."""


class _State(msgspec.Struct, frozen=True):
    """What the system says of a file; it changes with every write."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "_State | None":
        try:
            found = path.lstat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class Seal:
    """The files that scores depend on, as they were when the session began."""

    def __init__(self, digests: Mapping[Path, str], remedy: Mapping[Path, str]) -> None:
        """Guard the files of `digests`, SHA-256 in hexadecimal; `remedy` ends the error's sentence.

        Raises:
            SealBroken: a file is not what its digest says.
        """
        self._digests = digests
        self._remedy = remedy
        self._states: dict[Path, _State | None] = {}
        self.check()

    def check(self) -> None:
        """Look whether all files are as they were.

        Raises:
            SealBroken: one is not.
        """
        for path, digest in self._digests.items():
            # Before the file is read: what is written meanwhile shows at the next look.
            state = _State.of(path)
            if state is not None and state == self._states.get(path):
                continue
            found = _digest(path)
            if found != digest:
                happened = "was changed" if found else "is gone or can not be read"
                raise SealBroken(
                    f"{path} {happened} after the session began, so that scores would mean "
                    f"something else. {self._remedy[path]}"
                )
            self._states[path] = state


NOTHING_SEALED = Seal({}, {})


def seal(session: Session, data_folder: Path) -> Seal:
    """Return the seal of a session's `prepare.py` and data, made at its first start.

    Raises:
        SealBroken: a file is not what it was at the session's first start.
        OSError: the seal can not be stored.
    """
    paths = {"prepare.py": session.prepare} | {name: data_folder / name for name in DATA_FILES}
    known = _stored(session, lambda: _digests(paths))
    again = (
        f"Remove {data_folder}, run `python prepare.py` as you did for this data set, and go on "
        f"with: autoresearch run --tag {session.tag}"
    )
    remedy = {path: NEW if name == "prepare.py" else again for name, path in paths.items()}
    return Seal({paths[name]: digest for name, digest in known.items() if name in paths}, remedy)


def seal_snapshot(session: Session, taken: Snapshot) -> Seal:
    """Return the seal of the files that a session's runs are made from.

    Raises:
        SealBroken: a file is not what it was when the session began.
        OSError: the seal can not be stored.
    """
    stored = _stored(session, lambda: snapshot.digests(session, taken))
    # By their names, since a repository may be moved.
    known = {session.pristine / name: digest for name, digest in stored.items()}
    return Seal(known, dict.fromkeys(known, NEW))


def _stored(session: Session, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return the digests that a session stored at its first start, which is now if it has none."""
    store = session.folder / "seal.json"
    try:
        return msgspec.json.decode(store.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        known = make()
        temporary = store.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.encode(known))
        temporary.replace(store)
        return known
    except msgspec.DecodeError as error:
        raise SealBroken(
            f"{store} can not be read ({error}), so that nothing shows whether the session's data "
            f"is what it was. {NEW}"
        ) from error


def _digests(paths: Mapping[str, Path]) -> dict[str, str]:
    found = {name: _digest(path) for name, path in paths.items()}
    return {name: digest for name, digest in found.items() if digest}


def _digest(path: Path) -> str:
    """Return a file's SHA-256; empty for what is no file that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
