"""Which sessions a repository has, and where a new one of a name would be.

A session lives in the repository's own git directory, `<git>/autoresearch/<tag>/`, where neither
`git reset --hard` nor `git clean -fdx` reaches.
"""

import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from autoresearch_tui.session.files import FOLDER_NAME, Session, SessionError

_UNUSUAL = re.compile(
    rb"bare\s*=\s*(?!\s|false)|^\s*bare\s*$|\[\s*include", re.IGNORECASE | re.MULTILINE
)
TAG_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def git_directory(start: Path) -> Path:
    """Return the git directory that all work trees of a repository share.

    Raises:
        SessionError: `start` lies in no repository, or in one without a work tree.
    """
    return _plain_git_directory(start) or _any_git_directory(start)


def _plain_git_directory(start: Path) -> Path | None:
    """Return the git directory of the usual case, and none where it takes git to tell.

    pygit2 takes a fifth of the time from the start of a screen to its first paint.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        found = folder / ".git"
        try:
            if found.is_dir() and found.stat().st_uid == os.getuid():
                config = (found / "config").read_bytes()
                parts = (found / "HEAD").is_file(), (found / "objects").is_dir()
                plain = all(parts) and not (found / "commondir").exists()
                # A setting of `core.bare`, or one that is read from another file.
                return found.resolve() if plain and not _UNUSUAL.search(config) else None
        except OSError:
            return None
        if os.path.lexists(found) or (folder / "HEAD").exists():
            return None
    return None


def _any_git_directory(start: Path) -> Path:
    # The usual repository does without.
    import pygit2  # noqa: PLC0415

    try:
        found = pygit2.discover_repository(str(start))
        bare = found is not None and pygit2.Repository(found).is_bare
    except pygit2.GitError as error:
        raise SessionError(
            f"git refuses the repository around {start}: {error}. If it belongs to another user "
            f"whom you trust: git config --global --add safe.directory {start}"
        ) from error
    if found is None:
        raise SessionError(
            f"{start} is in no git repository, and experiments are kept on a git branch. "
            "Go to the repository that holds train.py, or make one with: git init"
        )
    if bare:
        raise SessionError(
            f"{found} is a bare repository, so it has no train.py to start from. "
            "Run in a clone or a work tree of it."
        )
    directory = Path(found).resolve()
    common = directory / "commondir"
    if common.is_file():
        return (directory / common.read_text().strip()).resolve()
    return directory


def sessions(repository: Path) -> list[Session]:
    """Return the sessions of the repository around a path, the most recently used last."""
    return _sessions_in(git_directory(repository) / FOLDER_NAME)


def neighbours(session: Session) -> list[Session]:
    """Return the sessions of a session's repository, itself among them, in the same order."""
    return _sessions_in(session.folder.parent)


def _sessions_in(root: Path) -> list[Session]:
    if not root.is_dir():
        return []
    found = [Session(folder) for folder in root.iterdir() if (folder / "journal.jsonl").is_file()]
    return sorted(found, key=lambda session: session.journal.stat().st_mtime)


def find(repository: Path, tag: str | None) -> Session:
    """Return the session named `tag`, or the most recently used one.

    Raises:
        SessionError: there is none.
    """
    known = sessions(repository)
    if tag is None:
        if not known:
            raise SessionError(
                "This repository has no session yet. Start one with: autoresearch run"
            )
        return known[-1]
    for session in known:
        if session.tag == tag:
            return session
    names = ", ".join(session.tag for session in known) or "none"
    raise SessionError(f"This repository has no session {tag}. It has: {names}.")


def named(repository: Path, tag: str) -> Session:
    """Return where a session of this name lives, whether or not it was begun.

    Raises:
        SessionError: the name would not do as a folder and a branch.
    """
    if not TAG_PATTERN.fullmatch(tag) or tag.endswith((".lock", ".")) or ".." in tag:
        raise SessionError(
            f"{tag!r} can not name a session: use up to 64 letters, digits, '-', '_' and '.', "
            "for example nov23."
        )
    return Session(git_directory(repository) / FOLDER_NAME / tag)


def fresh_tags(today: time.struct_time) -> Iterator[str]:
    """Yield names for a new session: the date, then the date with a number."""
    date = time.strftime("%b%d", today).lower()
    yield date
    for number in itertools.count(2):
        yield f"{date}-{number}"
