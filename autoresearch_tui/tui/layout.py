"""What a person chose of the looks, kept for their next screen: theme, view, filled pane, order.

One small file a user. It is never needed: where it is gone, broken or can not be written, the
screen looks as it does by default, and works.
"""

import contextlib
import os
from pathlib import Path

import msgspec
import platformdirs

FOLDER_NAME = "autoresearch"
FILE_NAME = "screen.json"
READ_LIMIT_BYTES = 64 * 1024

_values = msgspec.json.Decoder(dict[str, str])


def user_folder() -> Path:
    """Return where a user's own small files of the screen lie."""
    return Path(platformdirs.user_state_path(FOLDER_NAME, appauthor=False))


class Layout:
    """Choices by name; a name has dots, as `table.sort`."""

    def __init__(self, folder: Path | None) -> None:
        """Read the choices kept in `folder`; without one they are kept for this screen alone."""
        self._path = None if folder is None else folder / FILE_NAME
        self._chosen = self._read()

    def get(self, name: str, default: str = "") -> str:
        """Return what was chosen, or the default."""
        return self._chosen.get(name, default)

    def put(self, name: str, value: str) -> None:
        """Keep a choice; an empty one is the default again."""
        if self._chosen.get(name, "") == value:
            return
        self._chosen[name] = value
        # What another screen of the same person kept meanwhile stays.
        kept = self._read() | {name: value}
        self._write({each: chosen for each, chosen in kept.items() if chosen})

    def _read(self) -> dict[str, str]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                return _values.decode(file.read(READ_LIMIT_BYTES))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def _write(self, values: dict[str, str]) -> None:
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(values)) + b"\n")
            temporary.replace(self._path)
