"""Where text comes from: files of three kinds, the standard library, and Hugging Face."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prepare
from tests.training.conftest import ROOT, TEXT


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTORESEARCH_DATA", str(tmp_path / "prepared"))
    monkeypatch.setitem(prepare.PROFILES, "small", prepare.Profile(300, 32, 4_096, 10**6))


def paragraphs() -> list[str]:
    return [part + "\n" for part in TEXT.split("\n\n") if part]


def write(path: Path) -> Path:
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps({"text": part}) + "\n" for part in paragraphs()))
        case ".parquet":
            pq.write_table(pa.table({"text": paragraphs()}), path)
        case _:
            path.write_text(TEXT)
    return path


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "parquet"])
def test_a_file_becomes_rows_of_both_splits(tmp_path: Path, suffix: str) -> None:
    folder = prepare.prepare(str(write(tmp_path / f"steps.{suffix}")), "small")
    meta = prepare.Meta.read(folder)
    for split, count in (("train", meta.train_rows), ("val", meta.val_rows)):
        rows = np.fromfile(folder / f"{split}.rows", dtype=np.uint16)
        rows = rows.reshape(count, meta.row_length + 1)
        assert (rows[:, 0] == meta.bos_id).all()
        assert rows.max() == meta.bos_id == meta.vocab_size - 1


def test_in_a_folder_files_named_val_are_validation(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    write(texts / "a.jsonl")
    (texts / "b_val.txt").write_text("only the validation says so\n" * 60)
    folder = prepare.prepare(str(texts), "small")
    meta = prepare.Meta.read(folder)
    tokens = np.fromfile(folder / "val.rows", dtype=np.uint16)
    text = prepare.load_tokenizer(folder).decode([t for t in tokens.tolist() if t != meta.bos_id])
    assert "only the validation says so" in text
    assert "step_" not in text


def test_validation_that_is_too_much_keeps_short_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(prepare.PROFILES, "small", prepare.Profile(300, 32, 2_048, 10**6))
    texts = tmp_path / "texts"
    texts.mkdir()
    write(texts / "a.jsonl")
    held_out = ["?" * 20, "steps and a rest " * 20] * 400
    lines = [json.dumps({"text": text}) for text in held_out]
    (texts / "val.jsonl").write_text("\n".join(lines))
    folder = prepare.prepare(str(texts), "small")
    meta = prepare.Meta.read(folder)
    tokens = np.fromfile(folder / "val.rows", dtype=np.uint16)
    text = prepare.load_tokenizer(folder).decode([t for t in tokens.tolist() if t != meta.bos_id])
    assert 2_048 - 64 < (tokens != meta.bos_id).sum() <= 2_048
    assert text.count("?") / len(text) == pytest.approx(20 / 360, rel=0.5)


def test_tokens_have_the_bytes_that_they_stand_for(data: Path) -> None:
    encoding = prepare.load_tokenizer(data)
    lengths = np.load(data / "token_bytes.npy")
    assert lengths[encoding.n_vocab - 1] == 0
    assert all(
        lengths[token] == len(encoding.decode_single_token_bytes(token))
        for token in range(encoding.n_vocab - 1)
    )
    assert encoding.decode(encoding.encode_ordinary("naïve <|bos|> 漢字")) == "naïve <|bos|> 漢字"


def test_a_second_time_is_a_no_op_and_a_changed_file_another_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "steps.txt")
    first = prepare.prepare(str(path), "small")
    before = (first / "train.rows").stat().st_mtime_ns
    assert prepare.prepare(str(path), "small") == first
    assert "Already prepared" in capsys.readouterr().out
    assert (first / "train.rows").stat().st_mtime_ns == before
    path.write_text(TEXT + "changed = True\n")
    assert prepare.prepare(str(path), "small") != first


def test_a_cut_leaves_nothing_that_is_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "steps.txt")
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "write_rows", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(str(path), "small")
    assert not prepare.prepared(prepare.data_folder(str(path), "small"))
    assert prepare.prepared(prepare.prepare(str(path), "small"))


def test_the_same_text_has_the_same_fingerprint(tmp_path: Path) -> None:
    found: set[str] = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        folder = prepare.prepare(str(write(tmp_path / name / "steps.txt")), "small")
        found.add(prepare.Meta.read(folder).fingerprint)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.txt", None, "No data at"),
        ("short.txt", "too short", "too little text"),
        ("broken.jsonl", "{}\n", "broken.jsonl:1 is not a JSON object with a field `text`"),
    ],
)
def test_bad_data_is_told_in_a_sentence(
    tmp_path: Path, name: str, content: str | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(prepare.Problem, match=expected):
        prepare.prepare(str(tmp_path / name), "small")


def test_without_a_network_the_offline_choice_is_named(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, str(ROOT / "prepare.py"), "--data", "tinystories"],
            env={**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "python prepare.py --data pystdlib" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_standard_library_is_split_by_package() -> None:
    source = prepare.stdlib_source()
    train, val = set(source.documents("train")), set(source.documents("val"))
    assert not train & val
    share = sum(map(len, val)) / source.total_bytes
    assert 0.03 < share < 0.08
    import mailbox  # noqa: PLC0415

    assert Path(mailbox.__file__).read_text() in val


def test_training_imports_no_validation_package() -> None:
    code = "import sys, train; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not prepare.STDLIB_VALIDATION & set(done.stdout.split())
