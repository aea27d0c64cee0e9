"""What the screen may send over a link while a run trains; idle nights are in `test_terminal`.

Bytes alone are held here. `benchmarks/tui.py` has all figures, those of time among them.
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import pygit2

from benchmarks.living import Living
from benchmarks.terminals import Terminal, cockpit
from tests.tui.nights import Ending, make_night

SETTLING_S = 1.5
MEASURED_S = 3.0
SLICE_S = 0.02


@dataclass
class Watched:
    """A night that goes on, and who watches it."""

    terminal: Terminal
    living: Living
    limit_bytes_per_s: int
    written: int = 0


def watched(
    opened: contextlib.ExitStack, folder: Path, size: tuple[int, int], limit: int, *, stream: bool
) -> Watched:
    pygit2.init_repository(str(folder))
    made = make_night(folder / ".git", Ending.TRAINING, gpu=True, ends_at=time.time())
    terminal = opened.enter_context(cockpit(folder, *size))
    return Watched(terminal, Living(made.session, stream), limit)


def test_bytes_of_a_run_and_of_an_agent_stay_within_their_limits(tmp_path: Path) -> None:
    with contextlib.ExitStack() as opened:
        nights = [
            watched(opened, tmp_path / "80", (80, 24), 3_000, stream=False),
            watched(opened, tmp_path / "160", (160, 45), 6_000, stream=False),
            watched(opened, tmp_path / "stream", (160, 45), 15_000, stream=True),
        ]
        for night in nights:
            night.terminal.read_until(b"24 done")
        began = time.monotonic()
        while (since := time.monotonic() - began) < SETTLING_S + MEASURED_S:
            for night in nights:
                night.living.write()
                data = night.terminal.read(SLICE_S)
                if since >= SETTLING_S:
                    night.written += len(data)
    for night in nights:
        # Else nothing was shown of it, and the limit would hold of itself.
        assert night.written > 0
        assert night.written / MEASURED_S <= night.limit_bytes_per_s
