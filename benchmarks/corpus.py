"""A corpus of text that lies on the machine: source and documentation of its Python and CUDA.

Long files are cut into documents of at most 20,000 characters; equal documents count once; they
are ordered by their SHA-1, so at random but always alike, and one in forty is validation. Two
machines have the same corpus only where they have the same software.
"""

import hashlib
import shutil
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

ROOTS = (
    Path(sysconfig.get_path("purelib")),
    Path(sysconfig.get_path("stdlib")),
    Path("/usr/lib/python3"),
    Path("/usr/include"),
    Path("/usr/local/cuda/include"),
)
SUFFIXES = frozenset({".py", ".pyi", ".md", ".rst", ".txt", ".h", ".hpp", ".cuh", ".inl"})
LEAST_BYTES, MOST_BYTES = 200, 2_000_000
"""Of a file: smaller ones say nothing, larger ones are tables."""
DOCUMENT_CHARS = 20_000
VALIDATION_ONE_IN = 40
TRAIN_SHARDS = 4
ROW_GROUP = 1024
"""Documents that a reader holds in memory at once."""


def build(folder: Path, roots: Iterable[Path] = ROOTS) -> Path:
    """Write the corpus as parquet shards with a column `text`, unless that was done; return it."""
    if folder.is_dir():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    train: list[str] = []
    validation: list[str] = []
    for digest, text in sorted(documents(roots).items()):
        held_out = int(digest[-4:], 16) % VALIDATION_ONE_IN == 0
        (validation if held_out else train).append(text)
    for shard in range(TRAIN_SHARDS):
        _write(train[shard::TRAIN_SHARDS], partial / f"train_{shard:05d}.parquet")
    _write(validation, partial / "val_00000.parquet")
    return partial.rename(folder)


def documents(roots: Iterable[Path]) -> dict[str, str]:
    """Return every document below some folders, by the SHA-1 of its UTF-8."""
    found: dict[str, str] = {}
    for text in _texts(roots):
        for start in range(0, len(text), DOCUMENT_CHARS):
            piece = text[start : start + DOCUMENT_CHARS]
            found[hashlib.sha1(piece.encode(), usedforsecurity=False).hexdigest()] = piece
    return found


def _texts(roots: Iterable[Path]) -> Iterator[str]:
    for root in roots:
        for path in root.rglob("*"):
            if path.suffix not in SUFFIXES or path.is_symlink() or not path.is_file():
                continue
            try:
                if LEAST_BYTES <= path.stat().st_size <= MOST_BYTES:
                    # Line ends stay as they are: they are part of what is hashed.
                    yield path.read_bytes().decode()
            except (OSError, UnicodeDecodeError):
                continue


def _write(texts: list[str], path: Path) -> None:
    parquet.write_table(pa.table({"text": texts}), path, row_group_size=ROW_GROUP)
