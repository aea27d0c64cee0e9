"""Experiments as git objects: commits and references, never the work tree, the index or HEAD.

`refs/autoresearch/<tag>/0042` holds every experiment, kept or not; the branch
`autoresearch/<tag>` holds the baseline and the keeps, one commit each.
"""

import time
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from autoresearch_tui.session import git_directory

TRAIN_FILE = "train.py"
FALLBACK_NAME = "autoresearch"
FALLBACK_EMAIL = "autoresearch@localhost"


class RepositoryError(Exception):
    """The repository is not as the session left it, or can not be used; nothing was changed."""


class ExperimentRepository:
    """The git side of one session."""

    def __init__(self, root: Path, tag: str) -> None:
        """Use the repository around `root`, the folder of `train.py`, for the session `tag`.

        Raises:
            SessionError: there is none that has a work tree.
        """
        git_directory(root)
        found = pygit2.discover_repository(str(root))
        assert found is not None
        self._git = pygit2.Repository(found)
        self.root = root.resolve()
        # A project may lie in a folder of a larger repository.
        self._train_path = (self.root / TRAIN_FILE).relative_to(Path(self._git.workdir).resolve())
        self.branch = f"autoresearch/{tag}"
        self._branch_reference = f"refs/heads/{self.branch}"
        self._experiments = f"refs/autoresearch/{tag}"

    def head(self) -> str | None:
        """Return the user's HEAD commit, or none before the first commit."""
        if self._git.head_is_unborn:
            return None
        return str(self._git.head.peel(pygit2.Commit).id)

    def check_unused(self) -> None:
        """Raise a `RepositoryError` where a branch of this session's name is there already."""
        if (target := self._target(self._branch_reference)) is not None:
            raise RepositoryError(
                f"The branch {self.branch} exists already, at {_short(target)}, and belongs to no "
                "session. Choose another name with --tag, or rename the branch with "
                f"`git branch -m {self.branch} NAME`."
            )

    def store(self, train: str, parent: str | None, message: str, author: str) -> str:
        """Store a commit that differs from its parent in `train.py` alone, and return its hash.

        Without a parent the commit holds `train.py` and nothing else. No reference points to it
        yet.
        """
        index = pygit2.Index()
        if parent is not None:
            index.read_tree(self._commit(parent).tree)
        blob = self._git.create_blob(train.encode())
        index.add(pygit2.IndexEntry(self._train_path.as_posix(), blob, FileMode.BLOB))
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

    def reference_experiment(self, number: int, commit: str) -> None:
        """Point the experiment's own reference at its commit, so that it is never collected."""
        name = f"{self._experiments}/{number:04d}"
        if self._target(name) != commit:
            self._git.references.create(name, pygit2.Oid(hex=commit), force=True)

    def move_branch(self, expected: str | None, commit: str) -> None:
        """Move the session's branch from where it is expected to be to `commit`.

        Being there already is no error.

        Raises:
            RepositoryError: it is elsewhere: somebody else moved, made or removed it.
        """
        actual = self._target(self._branch_reference)
        if actual == commit:
            return
        if actual != expected:
            raise RepositoryError(
                f"The branch {self.branch} is at {_short(actual)}, and the session left it at "
                f"{_short(expected)}. Nothing was changed. Put it back with "
                f"`git branch -f {self.branch} {expected or commit}`, "
                "or begin another session with `autoresearch run --new`."
            )
        self._git.references.create(self._branch_reference, pygit2.Oid(hex=commit), force=True)

    def train(self, commit: str) -> str:
        """Return the `train.py` of a commit."""
        blob = self._commit(commit).tree[self._train_path.as_posix()]
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()

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
        except KeyError:
            return pygit2.Signature(FALLBACK_NAME, FALLBACK_EMAIL)


def _short(commit: str | None) -> str:
    return "no commit" if commit is None else commit[:10]
