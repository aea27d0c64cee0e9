"""What agents thought aloud, as blocks: a window on a file of any length that follows its end.

A night of reasoning may be hundreds of megabytes. The window holds what is looked at: it grows to
either side when somebody scrolls there, and forgets the other side.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from autoresearch_tui.record.samples import Thought, ThoughtKind
from autoresearch_tui.tui.text import clean

FIRST_BYTES = 192 * 1024
"""What is read of a file's end at first."""
CHUNK_BYTES = 128 * 1024
"""What is read at a time when somebody scrolls."""
LINE_LIMIT_BYTES = 4 * 1024 * 1024
"""A longer line is passed over."""
WINDOW_CHARS = 1_500_000
"""How much text is held."""
FRAGMENTS = (ThoughtKind.TEXT, ThoughtKind.THINKING)

_thoughts = msgspec.json.Decoder(Thought)


@dataclass(slots=True)
class Block:
    """Thoughts that belong together: fragments of one text, or one line of another kind."""

    experiment: int
    kind: ThoughtKind
    text: str
    at: float
    start: int = 0
    """Where in the file its first line begins: what it is known by."""


def open_regular(path: Path) -> BinaryIO | None:
    """Open a file that may be anything; none where there is no regular file.

    Links are not followed, and a pipe is not waited for.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    file = os.fdopen(fd, "rb")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        file.close()
        return None
    return file


class ThoughtLog:
    """The window: `blocks` from `_start` to `_end` in the file."""

    def __init__(self, path: Path) -> None:
        """Follow the file at `path`, which need not exist yet."""
        self._path = path
        self._inode: int | None = None
        self._start = self._end = 0
        self._chars = 0
        self.blocks: list[Block] = []
        self.is_at_end = True
        """Whether the newest thought is in the window."""
        self.is_held = False
        """Whether somebody reads back, so that the newest is forgotten first."""

    @property
    def is_at_start(self) -> bool:
        """Whether the oldest thought is in the window."""
        return self._start == 0

    def read(self) -> bool:
        """Take in what was added at the end; return whether there was anything new."""
        file = open_regular(self._path)
        if file is None:
            return False
        with file:
            found = os.fstat(file.fileno())
            if found.st_ino != self._inode or found.st_size < self._end:
                self._inode = found.st_ino
                self._open_at_end(file, found.st_size)
                return bool(self.blocks)
            if not self.is_at_end:
                return False
            grown = False
            while self.is_at_end and self._extend(file):
                grown = True
            return grown

    def to_end(self) -> None:
        """Show the newest thoughts."""
        if not self.is_at_end and (file := open_regular(self._path)):
            with file:
                self._open_at_end(file, os.fstat(file.fileno()).st_size)

    def to_start(self) -> None:
        """Show the oldest thoughts."""
        if self._start and (file := open_regular(self._path)):
            with file:
                self._begin(0)
                self.is_at_end = False
                self._extend(file)

    def older(self) -> bool:
        """Take in what comes before the window; return whether there was anything."""
        file = open_regular(self._path) if self._start else None
        if file is None:
            return False
        with file:
            first = max(0, self._start - CHUNK_BYTES)
            data = _read_from(file, first, self._start - first)
        skipped = 0 if first == 0 else data.find(b"\n") + 1
        if first and not skipped:
            # A line that is longer than a chunk is no thought of ours.
            self._start = first
            return True
        blocks = _blocks(data[skipped:], first + skipped, whole=first == 0)
        self._start = blocks[0].start if blocks else first + skipped
        if blocks and self.blocks and _joins(blocks[-1], self.blocks[0]):
            self.blocks[0].text = blocks[-1].text + self.blocks[0].text
            self.blocks[0].start = blocks[-1].start
            self._chars += len(blocks.pop().text)
        self._chars += sum(len(block.text) for block in blocks)
        self.blocks[:0] = blocks
        self._forget_newest()
        return True

    def newer(self) -> bool:
        """Take in what comes after the window; return whether there was anything."""
        file = None if self.is_at_end else open_regular(self._path)
        if file is None:
            return False
        with file:
            found = self._extend(file)
        self._forget_oldest()
        return found

    def _open_at_end(self, file: BinaryIO, size: int) -> None:
        first = max(0, size - FIRST_BYTES)
        if first:
            file.seek(first)
            first += len(file.readline(LINE_LIMIT_BYTES))
        self._begin(first)
        self.is_at_end = True
        while self.is_at_end and self._extend(file):
            pass

    def _begin(self, start: int) -> None:
        self.blocks.clear()
        self._chars = 0
        self._start = self._end = start

    def _extend(self, file: BinaryIO) -> bool:
        """Take in the next chunk, whole lines only; return whether there was one."""
        data = _read_from(file, self._end, CHUNK_BYTES)
        at_end = len(data) < CHUNK_BYTES
        whole = data.rfind(b"\n") + 1
        if not whole and not at_end:
            file.seek(self._end)
            line = file.readline(LINE_LIMIT_BYTES)
            data, whole = line, len(line)
        self.is_at_end = self.is_at_end or at_end
        if not whole:
            return False
        blocks = _blocks(data[:whole], self._end, whole=bool(self.blocks) or self._end == 0)
        if not self.blocks and blocks:
            self._start = blocks[0].start
        self._end += whole
        if blocks and self.blocks and _joins(self.blocks[-1], blocks[0]):
            self.blocks[-1].text += blocks[0].text
            self._chars += len(blocks.pop(0).text)
        self._chars += sum(len(block.text) for block in blocks)
        self.blocks += blocks
        if self.is_held:
            self._forget_newest()
        else:
            self._forget_oldest()
        return True

    def _forget_newest(self) -> None:
        while self._chars > WINDOW_CHARS and len(self.blocks) > 1:
            block = self.blocks.pop()
            self._chars -= len(block.text)
            self._end = block.start
            self.is_at_end = False

    def _forget_oldest(self) -> None:
        count = 0
        while self._chars > WINDOW_CHARS and count < len(self.blocks) - 1:
            self._chars -= len(self.blocks[count].text)
            count += 1
        if count:
            del self.blocks[:count]
            self._start = self.blocks[0].start


def _read_from(file: BinaryIO, first: int, count: int) -> bytes:
    file.seek(first)
    return file.read(count)


def _blocks(data: bytes, first: int, *, whole: bool) -> list[Block]:
    """Return the blocks of some lines that begin at `first`.

    Where what comes before them is not known (`whole` is false), they begin with the first line
    that surely begins a block, if there is one.
    """
    blocks: list[Block] = []
    place = first
    for line in data.split(b"\n")[:-1]:
        start, place = place, place + len(line) + 1
        try:
            thought = _thoughts.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        block = Block(thought.experiment, thought.kind, clean(thought.text), thought.at, start)
        if blocks and _joins(blocks[-1], block):
            blocks[-1].text += block.text
        else:
            blocks.append(block)
    if not whole and len(blocks) > 1 and blocks[0].kind in FRAGMENTS:
        del blocks[0]
    return blocks


def _joins(last: Block, block: Block) -> bool:
    same = (last.kind, last.experiment) == (block.kind, block.experiment)
    return same and block.kind in FRAGMENTS
