"""The folder that an agent works in: `train.py` to edit, and the past to read.

It is laid out anew for every proposal. Only `train.py` may come back changed.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from autoresearch_tui.agents import prompt
from autoresearch_tui.agents.base import Context
from autoresearch_tui.agents.edits import EditError
from autoresearch_tui.record.vocabulary import Status

EDITED = "train.py"
FILE_LIMIT_BYTES = 1 << 20
RECENT = 30
KEPT = 20
"""Experiments whose files are laid out: the latest, and the latest that were kept."""
ROWS = 2_000
"""Experiments in the table, the latest."""
NAMED = 5
"""Stray files that are named; the others are counted."""
HEADER = "experiment\tstatus\tval_bpb\tchange\tparent\ttitle\n"


class Folder:
    """One proposal's files on the disk."""

    def __init__(self, root: Path) -> None:
        """Work in `root`, which is made where it is missing and belongs to nobody else."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root = root.resolve()
        self._files: dict[Path, bytes] = {}

    @property
    def train(self) -> Path:
        """The file to edit."""
        return self.root / EDITED

    def lay_out(self, context: Context) -> None:
        """Have the folder hold the files of a proposal, and nothing else.

        Raises:
            OSError: it can not be written.
        """
        files = {EDITED: context.train, "program.md": context.program}
        experiments = [e for e in context.state.experiments.values() if e.status is not None]
        kept = [e for e in experiments if e.status is Status.KEEP][-KEPT:]
        for experiment in {e.number: e for e in [*kept, *experiments[-RECENT:]]}.values():
            name = f"history/{experiment.number:04d}.md"
            files[name] = prompt.experiment_text(context, experiment) + "\n"
        rows = [
            f"{e.number}\t{e.status}\t{'' if e.val_bpb is None else f'{e.val_bpb:.6f}'}\t"
            f"{'' if e.change is None else f'{e.change:+.6f}'}\t"
            f"{'' if e.parent is None else e.parent}\t{' '.join(e.title.split())}\n"
            for e in experiments[-ROWS:]
        ]
        files["history/results.tsv"] = HEADER + "".join(rows)
        self._files = {
            self.root / name: text.encode(errors="replace") for name, text in files.items()
        }
        self.undo_strays()
        self._write(self.train)

    def undo_strays(self) -> list[str]:
        """Put all but `train.py` back, and return what was not as it should be."""
        strays: list[str] = []
        self.root.mkdir(parents=True, exist_ok=True)
        for path in self._entries():
            if path not in self._files:
                strays.append(str(path.relative_to(self.root)))
                _remove(path)
        for path, content in self._files.items():
            if path != self.train and content_of(path) != content:
                strays.append(str(path.relative_to(self.root)))
                self._write(path)
        return strays

    def edited(self) -> str:
        """Return `train.py` as the agent left it; what is no text file is put back.

        Raises:
            EditError: it is gone, no plain file, no text, or too large.
        """
        content = content_of(self.train)
        try:
            if content is not None:
                return content.decode()
            trouble = f"gone, no plain file, or larger than {FILE_LIMIT_BYTES} bytes"
        except UnicodeDecodeError:
            trouble = "no UTF-8 text"
        self._write(self.train)
        raise EditError(f"{EDITED} was {trouble}. It was put back as it had been.")

    def put(self, text: str) -> None:
        """Have `train.py` be this text, whatever the agent put in its place.

        Raises:
            EditError: it is too large.
            OSError: it can not be written.
        """
        data = text.encode(errors="replace")
        if len(data) > FILE_LIMIT_BYTES:
            raise EditError(f"{EDITED} may have {FILE_LIMIT_BYTES} bytes; these are {len(data)}.")
        _remove(self.train)
        self.train.write_bytes(data)

    def place(self, path: str) -> Path | None:
        """Return where a path leads that an agent named; none where that is outside."""
        try:
            place = (self.root / path).resolve()
        except (OSError, ValueError, RuntimeError):
            return None
        return place if place == self.root or place.is_relative_to(self.root) else None

    def _entries(self) -> Iterator[Path]:
        """Yield what lies here but folders that are wanted; what a yielded folder holds, not."""
        wanted = {folder for path in self._files for folder in path.parents}
        pending = [self.root]
        while pending:
            for entry in os.scandir(pending.pop()):
                path = Path(entry.path)
                if path in wanted and entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                else:
                    yield path

    def _write(self, path: Path) -> None:
        _remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._files[path])


def describe(strays: list[str]) -> str:
    """Return stray files as the rest of a sentence."""
    more = f" and {len(strays) - NAMED} more" if len(strays) > NAMED else ""
    return ", ".join(stray[:100] for stray in strays[:NAMED]) + more


def content_of(path: Path) -> bytes | None:
    """Return what a plain file holds; none for anything else, and for what is too large."""
    # Neither a link to elsewhere nor a pipe that nobody writes to.
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        state = os.fstat(number)
        if not stat.S_ISREG(state.st_mode) or state.st_size > FILE_LIMIT_BYTES:
            return None
        with open(number, "rb", closefd=False) as file:
            return file.read(FILE_LIMIT_BYTES)
    finally:
        os.close(number)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
