"""A changed score file is noticed, at whatever start and however it was changed."""

import json
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
    def run(self, session: Session) -> Path:
        run = session.run_folder(0)
        (run / "scratch" / "compiled" / "inductor").mkdir(parents=True)
        return run

    def harvest(self, session: Session, run: Path) -> int:
        return compile_cache.harvest(session, run, "scratch", "compiled")

    def next_run(self, session: Session, tmp_path: Path) -> dict[str, bytes]:
        folder = tmp_path / "next"
        compile_cache.fill(session, folder)
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    def test_the_next_run_gets_copies(self, session: Session, run: Path, tmp_path: Path) -> None:
        kernel = run / "scratch" / "compiled" / "inductor" / "kernel.so"
        kernel.write_bytes(b"code")
        kernel.chmod(0o755)
        assert self.harvest(session, run) == 1
        # What is written later, into new files and old ones, stays with the run.
        kernel.write_bytes(b"seen")
        kernel.with_name("later").write_bytes(b"seen")
        assert self.next_run(session, tmp_path) == {"inductor/kernel.so": b"code"}
        assert os.access(tmp_path / "next" / "inductor" / "kernel.so", os.X_OK)
        (tmp_path / "next" / "inductor" / "kernel.so").write_bytes(b"mine")
        assert self.harvest(session, run) == 1
        assert self.next_run(session, tmp_path)["inductor/kernel.so"] == b"code"

    def test_groups_of_files_name_the_runs_own_copies(
        self, session: Session, run: Path, tmp_path: Path
    ) -> None:
        kernel = run / "scratch" / "compiled" / "triton" / "HASH"
        kernel.mkdir(parents=True)
        (kernel / "add.cubin").write_bytes(b"code")
        children = {"add.cubin": str(kernel / "add.cubin"), "x": str(kernel / ".." / ".." / "x")}
        (kernel / "__grp__add.json").write_text(json.dumps({"child_paths": children}))
        (kernel / "__grp__odd.json").write_text("[]")
        assert self.harvest(session, run) == 3
        found = self.next_run(session, tmp_path)
        own = tmp_path / "next" / "triton" / "HASH"
        named = json.loads(found["triton/HASH/__grp__add.json"])["child_paths"]
        assert named == {"add.cubin": str(own / "add.cubin"), "x": str(own / "x")}
        assert (own / "add.cubin").read_bytes() == b"code"
        assert "triton/HASH/__grp__odd.json" not in found

    def test_links_and_pipes_are_passed_over(
        self, session: Session, run: Path, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.mkdir()
        (secret / "rows").write_bytes(b"held out")
        compiled = run / "scratch" / "compiled"
        (compiled / "file").symlink_to(secret / "rows")
        (compiled / "folder").symlink_to(secret)
        os.mkfifo(compiled / "pipe")
        assert self.harvest(session, run) == 0
        for replaced in (compiled, compiled.parent):
            replaced.rename(tmp_path / replaced.name)
            replaced.symlink_to(secret)
            assert self.harvest(session, run) == 0
            replaced.unlink()
            replaced.mkdir()
        assert self.next_run(session, tmp_path) == {}

    def test_its_size_is_bounded(
        self, session: Session, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compile_cache, "LIMIT_BYTES", 10)
        monkeypatch.setattr(compile_cache, "DEPTH_MOST", 3)
        compiled = run / "scratch" / "compiled"
        deep = compiled
        for _ in range(5):
            deep /= "deeper"
            deep.mkdir()
            (deep / "file").write_bytes(b"1")
        assert self.harvest(session, run) == 3
        (compiled / "large").write_bytes(b"x" * 8)
        (compiled / "small").write_bytes(b"x" * 7)
        assert self.harvest(session, run) == 1
        assert "small" in self.next_run(session, tmp_path)

    def test_nothing_compiled_is_no_trouble(
        self, session: Session, run: Path, tmp_path: Path
    ) -> None:
        assert self.next_run(session, tmp_path) == {}
        assert self.harvest(session, run) == 0
        assert self.harvest(session, tmp_path / "no such run") == 0
