"""A changed score file is noticed, at whatever start and however it was changed."""

import os
from pathlib import Path

import pytest

from autoresearch_tui.lab import compile_cache
from autoresearch_tui.lab.seal import SealBroken, seal
from autoresearch_tui.record.lines import LineWriter
from autoresearch_tui.session import Session


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("val.rows", "token_bytes.npy", "tokenizer.tiktoken", "meta.json", "train.rows"):
        (folder / name).write_text(f"the {name}")
    return folder


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(tmp_path / "night")
    session.pristine.mkdir(parents=True)
    session.prepare.write_text("the referee")
    return session


def test_files_that_nobody_touched_pass(session: Session, data: Path) -> None:
    guarded = seal(session, data)
    guarded.check()
    seal(session, data).check()


@pytest.mark.parametrize("name", ["val.rows", "token_bytes.npy", "tokenizer.tiktoken", "meta.json"])
def test_changed_data_is_named_with_its_remedy(session: Session, data: Path, name: str) -> None:
    guarded = seal(session, data)
    before = (data / name).stat()
    # The same length, and the time of change set back.
    (data / name).write_text(f"THE {name}")
    os.utime(data / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(SealBroken, match=rf"{name} was changed .* `python prepare\.py`"):
        guarded.check()
    # The next start does not take the changed file for the right one.
    with pytest.raises(SealBroken, match=name):
        seal(session, data)


def test_a_changed_referee_needs_another_session(session: Session, data: Path) -> None:
    guarded = seal(session, data)
    session.prepare.write_text("a kinder one")
    with pytest.raises(SealBroken, match=r"prepare\.py was changed .*run --new"):
        guarded.check()


@pytest.mark.parametrize("trick", ["gone", "link", "another file"])
def test_a_replaced_file_is_noticed(session: Session, data: Path, trick: str) -> None:
    guarded = seal(session, data)
    rows = data / "val.rows"
    kept = data / "kept"
    rows.rename(kept)
    match trick:
        case "link":
            rows.symlink_to(kept)
        case "another file":
            rows.write_text("easier rows")
        case _:
            pass
    with pytest.raises(SealBroken, match=r"val\.rows"):
        guarded.check()


def test_data_that_was_prepared_again_is_right(session: Session, data: Path) -> None:
    guarded = seal(session, data)
    rows = data / "val.rows"
    content = rows.read_bytes()
    rows.unlink()
    rows.write_bytes(content)
    guarded.check()
    seal(session, data)


def test_training_rows_and_what_was_never_there_are_no_part_of_it(
    session: Session, data: Path
) -> None:
    (data / "token_bytes.npy").unlink()
    guarded = seal(session, data)
    (data / "token_bytes.npy").write_text("new")
    (data / "train.rows").write_text("more")
    guarded.check()


def test_a_journal_that_somebody_else_wrote_to_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = LineWriter(path)
    journal.write(b"one", b"two")
    assert journal.is_as_left()
    with path.open("ab") as other:
        other.write(b"three\n")
    assert not journal.is_as_left()
    journal.write(b"four")
    assert not journal.is_as_left()
    journal.close()

    journal = LineWriter(path)
    assert journal.is_as_left()
    path.rename(tmp_path / "moved")
    assert not journal.is_as_left()
    path.write_bytes((tmp_path / "moved").read_bytes())
    assert not journal.is_as_left()
    journal.close()


class TestCompileCache:
    """What a run compiled before its clock is there for the next one, and nothing else is."""

    @pytest.fixture
    def place(self, session: Session) -> Path:
        compile_cache.fill(session)
        return session.compiling

    def next_run(self, session: Session) -> dict[str, bytes]:
        compile_cache.fill(session)
        files = (path for path in session.compiling.rglob("*") if path.is_file())
        return {str(path.relative_to(session.compiling)): path.read_bytes() for path in files}

    def test_the_next_run_gets_it_at_the_same_path(self, session: Session, place: Path) -> None:
        kernel = place / "inductor" / "kernel.so"
        kernel.parent.mkdir()
        kernel.write_bytes(b"code")
        kernel.chmod(0o755)
        assert compile_cache.harvest(session) == 1
        # What is written later, into new files and old ones, is gone with the run.
        kernel.write_bytes(b"seen")
        kernel.with_name("later").write_bytes(b"seen")
        assert self.next_run(session) == {"inductor/kernel.so": b"code"}
        assert os.access(kernel, os.X_OK)
        kernel.write_bytes(b"mine")
        assert compile_cache.harvest(session) == 0
        assert self.next_run(session)["inductor/kernel.so"] == b"code"

    def test_a_sandbox_that_waits_keeps_its_folder(self, session: Session, place: Path) -> None:
        before = place.stat().st_ino
        (place / "left").mkdir(0)
        self.next_run(session)
        assert place.stat().st_ino == before
        assert list(place.iterdir()) == []

    def test_links_and_pipes_are_passed_over(
        self, session: Session, place: Path, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.mkdir()
        (secret / "rows").write_bytes(b"held out")
        (place / "file").symlink_to(secret / "rows")
        (place / "folder").symlink_to(secret)
        os.mkfifo(place / "pipe")
        assert compile_cache.harvest(session) == 0
        place.rename(tmp_path / "moved")
        place.symlink_to(secret)
        assert compile_cache.harvest(session) == 0
        assert self.next_run(session) == {}
        assert (secret / "rows").read_bytes() == b"held out"
        place.rmdir()
        place.write_bytes(b"in its place")
        assert compile_cache.harvest(session) == 0
        assert self.next_run(session) == {}

    def test_its_size_is_bounded(
        self, session: Session, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compile_cache, "LIMIT_BYTES", 10)
        monkeypatch.setattr(compile_cache, "DEPTH_MOST", 3)
        deep = place
        for _ in range(5):
            deep /= "deeper"
            deep.mkdir()
            (deep / "file").write_bytes(b"1")
        assert compile_cache.harvest(session) == 3
        (place / "large").write_bytes(b"x" * 8)
        (place / "small").write_bytes(b"x" * 7)
        assert compile_cache.harvest(session) == 1
        assert "small" in self.next_run(session)
