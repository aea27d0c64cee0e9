"""Files of JSON lines that one process appends to while others read.

A reader may meet a line that is still being written, or one that a crash tore: the former is left
for the next read, the latter is passed over by whoever decodes it.
"""

import os
from pathlib import Path


class LineWriter:
    """Appends whole lines; after a failed write the file is as it was before it.

    Not for two writers at once: the session's lock sees to that.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        """Open `path` for appending; `durable` waits for the disk after every write."""
        self._durable = durable
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._end_torn_line()

    def _end_torn_line(self) -> None:
        """Give a last line without an end its end, so that the next one stands alone."""
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def write(self, *lines: bytes) -> None:
        """Append the lines.

        Raises:
            OSError: the disk is full or gone; nothing of the lines remains in the file.
        """
        data = memoryview(b"".join(line + b"\n" for line in lines))
        size = os.fstat(self._fd).st_size
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            if self._durable:
                os.fsync(self._fd)
        except OSError:
            # Half a line would swallow the next one written after it.
            os.ftruncate(self._fd, size)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class LineTail:
    """Reads the whole lines that were added to a file since the last read."""

    def __init__(self, path: Path, last_bytes: int | None = None) -> None:
        """Follow `path`, which need not exist yet, from its first byte.

        With `last_bytes`, a longer file is followed from the first whole line in its last bytes.
        """
        self.path = path
        self._offset = 0
        self._last_bytes = last_bytes
        self._partial = b""

    def read(self) -> list[bytes]:
        """Return the lines completed since the last call, without their ends, blank ones left out.

        A file that became shorter was replaced: it is read again from its start.
        """
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._offset:
                    self._offset, self._partial = 0, b""
                if size == self._offset:
                    return []
                limit = self._last_bytes
                if limit is not None and self._offset == 0 and size > limit:
                    file.seek(size - limit)
                    file.readline()
                else:
                    file.seek(self._offset)
                data = file.read()
                self._offset = file.tell()
        except FileNotFoundError:
            return []
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [line for line in lines if line]
