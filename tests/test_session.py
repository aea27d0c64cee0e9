"""Where a repository's sessions are: found at once in the usual case, by git in every other."""

import os
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from autoresearch_tui.session import SessionError, finding


def plain(folder: Path) -> Path:
    pygit2.init_repository(str(folder))
    return folder


def below(folder: Path) -> Path:
    deep = plain(folder) / "a" / "b"
    deep.mkdir(parents=True)
    return deep


def work_tree(folder: Path) -> Path:
    repository = pygit2.init_repository(str(folder / "main"))
    tree = repository.TreeBuilder().write()
    who = pygit2.Signature("a", "a@b")
    repository.create_commit("HEAD", who, who, "one", tree, [])
    repository.add_worktree("other", str(folder / "other"))
    return folder / "other"


def elsewhere(folder: Path) -> Path:
    plain(folder / "main")
    (folder / "linked").mkdir()
    (folder / "linked" / ".git").write_text(f"gitdir: {folder / 'main' / '.git'}\n")
    return folder / "linked"


def by_link(folder: Path) -> Path:
    plain(folder / "main")
    (folder / "linked").mkdir()
    (folder / "linked" / ".git").symlink_to(folder / "main" / ".git")
    return folder / "linked"


def bare(folder: Path) -> Path:
    pygit2.init_repository(str(folder), bare=True)
    return folder


def bare_inside(folder: Path) -> Path:
    pygit2.init_repository(str(plain(folder) / "inner"), bare=True)
    return folder / "inner"


def said_to_be_bare(folder: Path) -> Path:
    pygit2.Repository(str(plain(folder))).config["core.bare"] = "true"
    return folder


def no_repository(folder: Path) -> Path:
    folder.mkdir()
    return folder


def broken(folder: Path) -> Path:
    (plain(folder) / ".git" / "HEAD").unlink()
    return folder


def told(find: Callable[[Path], Path], start: Path) -> Path | str:
    try:
        return find(start)
    except SessionError as error:
        return str(error)


@pytest.mark.parametrize(
    "make",
    [
        plain,
        below,
        work_tree,
        elsewhere,
        by_link,
        bare,
        bare_inside,
        said_to_be_bare,
        no_repository,
        broken,
    ],
)
def test_the_git_directory_is_what_git_says(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    start = make(tmp_path / "place")
    assert told(finding.git_directory, start) == told(finding._any_git_directory, start)


def test_a_relative_path_is_one_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = below(tmp_path / "place")
    monkeypatch.chdir(start)
    assert finding.git_directory(Path(os.curdir)) == tmp_path / "place" / ".git"
