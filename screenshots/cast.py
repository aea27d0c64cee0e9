"""Records a minute of the recorded night as text, which `asciinema play` shows in any terminal.

    make screenshots

`autoresearch replay` runs on a pseudo-terminal, keys are typed at their moments, and what it writes
goes to `screenshots/night.cast` (asciicast v2) with the moment at which it was written.
"""

import codecs
import json
import sys
import tempfile
import time
from pathlib import Path

import pygit2

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))  # `python screenshots/cast.py` finds the packages, too

from benchmarks.terminals import Terminal  # noqa: E402

COLUMNS, LINES = 100, 30
SECONDS = 60.0
SPEED = 8
FRAME_S = 0.05
KEYS: tuple[tuple[float, str], ...] = (
    (9.0, "\x1b[C"),  # the next experiment
    (15.0, "v"),  # the loss curve of the run
    (22.0, "v"),
    (25.0, "\x1b[B"),  # down in the table
    (26.0, "\r"),  # one experiment
    (31.0, "\x1b"),
    (34.0, "4"),
    (35.0, "z"),  # the history fills the screen
    (42.0, "z"),
    (44.0, "5"),
    (45.0, "?"),
    (49.0, "\x1b"),
    (51.0, " "),  # stand still
    (53.0, " "),
    (55.0, "+"),
)
"""What is typed, and how many seconds into the recording."""


def main() -> None:
    """Play, type, and write down what comes."""
    with tempfile.TemporaryDirectory() as scratch:
        repository = pygit2.init_repository(scratch)
        sessions = Path(repository.path) / "autoresearch"
        sessions.mkdir()
        (sessions / "nov23").symlink_to(FOLDER / "night")
        play = [sys.executable, "-m", "autoresearch_tui", "replay", "--speed", str(SPEED)]
        cast = FOLDER / "night.cast"
        with Terminal(play, COLUMNS, LINES, Path(scratch)) as screen, cast.open("w") as file:
            header = {"version": 2, "width": COLUMNS, "height": LINES, "title": "autoresearch"}
            file.write(json.dumps(header) + "\n")
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = decoder.decode(screen.read_until(b"\x1b[?1049h"))
            file.write(json.dumps([0.0, "o", text], ensure_ascii=False) + "\n")
            began, typed = time.perf_counter(), 0
            while (at := time.perf_counter() - began) < SECONDS:
                if typed < len(KEYS) and at >= KEYS[typed][0]:
                    screen.send(KEYS[typed][1].encode())
                    typed += 1
                text = decoder.decode(screen.read(FRAME_S))
                if text:
                    file.write(json.dumps([round(at, 2), "o", text], ensure_ascii=False) + "\n")
    print(cast.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
