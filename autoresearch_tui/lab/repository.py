"""Experiments as git objects: commits and references, never the work tree, the index or HEAD.

`refs/autoresearch/<tag>/0042` holds every experiment, kept or not; the branch
`autoresearch/<tag>` holds the baseline and the keeps, one commit each.
"""

import time
from collections.abc import Callable, Collection, Iterator
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import pygit2
from pygit2.enums import FileMode

from autoresearch_tui.session import git_directory

TRAIN_FILE = "train.py"
FALLBACK_NAME = "autoresearch"
FALLBACK_EMAIL = "autoresearch@localhost"


class RepositoryError(Exception):
    """The repository is not as the session left it, or can not be used; nothing was changed."""


P = ParamSpec("P")
T = TypeVar("T")


def _in_sentences(do: Callable[P, T]) -> Callable[P, T]:
    """Turn whatever git refuses into a `RepositoryError`."""

    @wraps(do)
    def doing(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return do(*arguments, **named)
        except (pygit2.GitError, OSError, ValueError, KeyError) as error:
            raise RepositoryError(
                f"git could not store or read an experiment: {error}. Every finished experiment "
                "is safe; mend the repository, and go on with: autoresearch run"
            ) from error

    return doing


class ExperimentRepository:
    """The git side of one session."""

    def __init__(self, root: Path, tag: str, edited: str = TRAIN_FILE) -> None:
        """Use the repository around `root`, the folder of `train.py`, for the session `tag`.

        Where another file is edited, `edited` is its path in that folder.

        Raises:
            SessionError: there is none that has a work tree.
        """
        git_directory(root)
        found = pygit2.discover_repository(str(root))
        assert found is not None
        self._git = pygit2.Repository(found)
        # The journal's facts are synced: what they name must not be younger than they are.
        pygit2.settings.enable_fsync_gitdir(True)
        # Each of a night's objects is read a time or two: remembered, they would only add up.
        pygit2.settings.enable_caching(False)
        self.root = root.resolve()
        self.edited = edited
        # A project may lie in a folder of a larger repository.
        self._train_path = (self.root / edited).relative_to(Path(self._git.workdir).resolve())
        self.branch = f"autoresearch/{tag}"
        self._branch_reference = f"refs/heads/{self.branch}"
        self._experiments = f"refs/autoresearch/{tag}"

    def head(self) -> str | None:
        """Return the user's HEAD commit, or none before the first commit."""
        if self._git.head_is_unborn:
            return None
        return str(self._git.head.peel(pygit2.Commit).id)

    @_in_sentences
    def is_unused(self) -> bool:
        """Return whether no branch and no reference has the session's name."""
        return not any(True for _ in self._own_references())

    def check_possible(self) -> None:
        """Raise a `RepositoryError` where git can hold no session's branch."""
        if "refs/heads/autoresearch" in self._git.references:
            raise RepositoryError(
                "There is a branch named autoresearch, and git can not hold "
                f"{self.branch} beside it. Rename it with: git branch -m autoresearch NAME"
            )

    def check_unused(self) -> None:
        """Raise a `RepositoryError` where something has the session's name already."""
        self.check_possible()
        for name in self._own_references():
            raise RepositoryError(
                f"{name} exists already, and belongs to no session of this repository. "
                "Choose another name with --tag; nothing was changed."
            )

    @_in_sentences
    def clear_stale_locks(self) -> None:
        """Remove the locks that a lab killed in the middle of a write left on its references.

        Only for who holds the session's lock: nobody else writes these references.
        """
        for name in (self._branch_reference, self._experiments):
            path = git_directory(self.root) / name
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
            for lock in path.glob("*.lock"):
                lock.unlink(missing_ok=True)

    def _own_references(self) -> Iterator[str]:
        for name in self._git.references:
            if name == self._branch_reference or name.startswith(f"{self._experiments}/"):
                yield name

    @_in_sentences
    def store(self, train: str, parent: str | None, message: str, author: str) -> str:
        """Store a commit that differs from its parent in the edited file alone; return its hash.

        Without a parent the commit holds that file and nothing else. No reference points to it
        yet.
        """
        index, path, mode = pygit2.Index(), self._train_path.as_posix(), FileMode.BLOB
        if parent is not None:
            index.read_tree(self._commit(parent).tree)
            if path in index:
                # A script that is executable stays so.
                mode = index[path].mode
        blob = self._git.create_blob(train.encode())
        index.add(pygit2.IndexEntry(path, blob, mode))
        tree = index.write_tree(self._git)
        now = time.time()
        offset_minutes = time.localtime(now).tm_gmtoff // 60
        committer = self._user()
        commit = self._git.create_commit(
            None,
            pygit2.Signature(author, FALLBACK_EMAIL, int(now), offset_minutes),
            pygit2.Signature(committer.name, committer.email, int(now), offset_minutes),
            message,
            tree,
            [] if parent is None else [pygit2.Oid(hex=parent)],
        )
        return str(commit)

    @_in_sentences
    def reference_experiment(self, number: int, commit: str) -> None:
        """Point the experiment's own reference at its commit, so that it is never collected.

        A commit that somebody's clean-up already collected is left as it is: gone.
        """
        name = f"{self._experiments}/{number:04d}"
        if self._target(name) != commit and pygit2.Oid(hex=commit) in self._git:
            self._git.references.create(name, pygit2.Oid(hex=commit), force=True)

    @_in_sentences
    def reference_edit(self, edit: int, commit: str) -> None:
        """Point a reference of its own at a person's queued edit, so that it is never collected."""
        name = f"{self._experiments}/edit-{edit:04d}"
        if self._target(name) != commit and pygit2.Oid(hex=commit) in self._git:
            self._git.references.create(name, pygit2.Oid(hex=commit), force=True)

    @_in_sentences
    def lost_verdict(self, number: int, known: str) -> str | None:
        """Return the verdict on an experiment whose commit is `known`, or none.

        Only a verdict moves the branch and the experiment's reference to one commit. Where the
        journal does not know of it, its fact was lost.
        """
        there = self._target(f"{self._experiments}/{number:04d}")
        at_branch = there == self._target(self._branch_reference)
        return there if at_branch and there != known else None

    @_in_sentences
    def move_branch(
        self, earlier: Collection[str], commit: str, lost: Collection[str] = ()
    ) -> bool:
        """Move the session's branch from one of its earlier commits to `commit`.

        Without earlier commits the branch is made; it may also be at one of the verdicts that were
        `lost`. Returns whether it is there now: a branch that somebody has checked out stays, since
        moving it would change their work tree's status.

        Raises:
            RepositoryError: it is elsewhere: somebody else moved, made or removed it.
        """
        actual = self._target(self._branch_reference)
        if actual == commit:
            return True
        if actual not in (earlier or {None}) and actual not in lost:
            last = list(earlier)[-1] if earlier else None
            raise RepositoryError(
                f"The branch {self.branch} is at {_short(actual)}, and the session left it at "
                f"{_short(last)}. Nothing was changed. Put it back with "
                f"`git branch -f {self.branch} {last or commit}`, "
                "or begin another session with `autoresearch run --new`."
            )
        branch = self._git.branches.local.get(self.branch)
        if branch is not None and branch.is_checked_out():
            return False
        self._git.references.create(self._branch_reference, pygit2.Oid(hex=commit), force=True)
        return True

    @_in_sentences
    def train(self, commit: str) -> str:
        """Return the edited file as a commit has it."""
        blob = self._commit(commit).tree[self._train_path.as_posix()]
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()

    @_in_sentences
    def parent(self, commit: str) -> str | None:
        """Return the first parent of a commit, or none of one that has none."""
        parents = self._commit(commit).parent_ids
        return str(parents[0]) if parents else None

    @_in_sentences
    def blob(self, commit: str) -> str | None:
        """Return the hash of a commit's `train.py`; none where it has none, or was collected."""
        if pygit2.Oid(hex=commit) not in self._git:
            return None
        tree = self._commit(commit).tree
        path = self._train_path.as_posix()
        return str(tree[path].id) if path in tree else None

    @property
    def work_file(self) -> Path:
        """The user's own `train.py`, in the work tree."""
        return Path(self._git.workdir) / self._train_path

    @_in_sentences
    def is_work_file_committed(self) -> bool:
        """Return whether the user's `train.py` is as their HEAD has it, line ends aside."""
        if self._git.head_is_unborn:
            return False
        # As an object, so that git's own rules for line ends apply; no reference is made.
        blob = self._git.create_blob_fromworkdir(self._train_path.as_posix())
        tree = self._git.head.peel(pygit2.Commit).tree
        path = self._train_path.as_posix()
        return path in tree and tree[path].id == blob

    def _commit(self, commit: str) -> pygit2.Commit:
        try:
            return self._git[commit].peel(pygit2.Commit)
        except KeyError as error:
            raise RepositoryError(
                f"The commit {commit} of an experiment is missing from {self._git.path}. "
                "Restore the repository's objects from a copy, or begin another session with "
                "`autoresearch run --new`."
            ) from error

    def _target(self, name: str) -> str | None:
        reference = self._git.references.get(name)
        return None if reference is None else str(reference.peel(pygit2.Commit).id)

    def _user(self) -> pygit2.Signature:
        try:
            return self._git.default_signature
        except (KeyError, ValueError, pygit2.GitError):
            # No name is set, or an empty one.
            return pygit2.Signature(FALLBACK_NAME, FALLBACK_EMAIL)


def _short(commit: str | None) -> str:
    return "no commit" if commit is None else commit[:10]
