"""Files of JSON lines that one process appends to while others read.

A reader may meet a line that is still being written, or one that a crash tore: the former is left
for the next read, the latter is passed over by whoever decodes it.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

READ_LIMIT_BYTES = 4 << 20


class LineWriter:
    """Appends whole lines; after a failed write the file is as it was before it.

    Not for two writers at once: the session's lock sees to that.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        """Open `path` for appending; `durable` waits for the disk after every write."""
        self._durable = durable
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._end_torn_line()

    def _end_torn_line(self) -> None:
        """Give a last line without an end its end, so that the next one stands alone."""
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")
        self._size = os.fstat(self._fd).st_size

    def write(self, *lines: bytes) -> None:
        """Append the lines.

        Raises:
            OSError: the disk is full or gone; nothing of the lines remains in the file.
        """
        data = memoryview(b"".join(line + b"\n" for line in lines))
        size, count = os.fstat(self._fd).st_size, len(data)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            if self._durable:
                os.fsync(self._fd)
        except OSError:
            # Half a line would swallow the next one written after it.
            os.ftruncate(self._fd, size)
            raise
        self._size += count

    def is_as_left(self) -> bool:
        """Return whether the file is still in its place, and as long as the last write left it."""
        ours = os.fstat(self._fd)
        try:
            there = self._path.lstat()
        except OSError:
            return False
        return os.path.samestat(ours, there) and ours.st_size == self._size

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class LineTail:
    """Reads the whole lines that were added to a file since the last read.

    The file may belong to an experiment, and so be anything: links are not followed, and what is
    no regular file holds no lines.
    """

    def __init__(self, path: Path, last_bytes: int | None = None) -> None:
        """Follow `path`, which need not exist yet, from its first byte.

        With `last_bytes`, a longer file is followed from the first whole line in its last bytes.
        """
        self.path = path
        self._last_bytes = last_bytes
        self._inode: int | None = None
        self._offset = 0
        self._partial = b""

    def read(self) -> list[bytes]:
        """Return lines completed since the last call, without their ends, blank ones left out.

        At most `READ_LIMIT_BYTES` are read; none is left when there are no lines. A file that
        became shorter, or is another one, was replaced: it is read from its start.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return []
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return []
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._begin(file, found)
            file.seek(self._offset)
            lines: list[bytes] = []
            while not lines and (data := file.read(READ_LIMIT_BYTES)):
                self._offset += len(data)
                *whole, self._partial = (self._partial + data).split(b"\n")
                self._partial = self._partial[-READ_LIMIT_BYTES:]
                lines = [line for line in whole if line]
            return lines

    def _begin(self, file: BinaryIO, found: os.stat_result) -> None:
        self._inode, self._offset, self._partial = found.st_ino, 0, b""
        if self._last_bytes is not None and found.st_size > self._last_bytes:
            file.seek(found.st_size - self._last_bytes)
            file.readline(READ_LIMIT_BYTES)
            self._offset = file.tell()
