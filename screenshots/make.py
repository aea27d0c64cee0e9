"""Makes the screenshots of the README from the recorded session in `screenshots/night`.

    make screenshots

Each picture is the real cockpit on the session's files as they were at one moment of the night.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.pop("NO_COLOR", None)
os.environ["COLORTERM"] = "truecolor"

from autoresearch_tui.record import events
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.session import Session
from autoresearch_tui.tui.app import Cockpit
from autoresearch_tui.tui.tape import Tape

FOLDER = Path(__file__).parent
NIGHT = FOLDER / "night"
TAG = "nov23"
FONT_ADDRESS = re.compile(r',\s*url\("https?://[^"]*"\) format\("[^"]*"\)')


@dataclass(frozen=True)
class Shot:
    """One picture: of which moment, how large, and after which keys."""

    name: str
    experiment: int
    """The experiment that is training at that moment."""
    into_s: float
    """Seconds of its clock."""
    size: tuple[int, int]
    keys: Sequence[str] = ()


SHOTS = (
    Shot("cockpit-160x45", 13, 12.0, (160, 45)),
    Shot("cockpit-80x24", 13, 12.0, (80, 24)),
    Shot("loss-120x40", 13, 17.0, (120, 40), ("v",)),
    Shot("experiment-120x40", 13, 12.0, (120, 40), ("5", "down", "down", "enter")),
    Shot("help-120x40", 13, 12.0, (120, 40), ("4", "question_mark")),
    Shot("history-120x40", 15, 6.0, (120, 40), ("4", "z")),
    Shot("steer-80x24", 13, 12.0, (80, 24), ("s", *"try ", *"a ", *"wider ", *"MLP")),
)


def moment(shot: Shot) -> float:
    """Return when a shot is taken, in seconds since the epoch."""
    for fact in JournalReader(NIGHT / "journal.jsonl").read():
        if isinstance(fact, events.ClockStarted) and fact.experiment == shot.experiment:
            return fact.at + shot.into_s
    raise SystemExit(f"The recorded night has no experiment {shot.experiment} that trained.")


async def take(shot: Shot) -> str:
    """Return one picture as SVG."""
    with tempfile.TemporaryDirectory() as scratch:
        # A session is named after its folder.
        named = Path(scratch) / TAG
        named.symlink_to(NIGHT)
        tape = Tape(Session(named), Path(scratch) / "played")
        tape.seek(moment(shot))
        cockpit = Cockpit(tape.session, now=lambda: tape.moment)
        async with cockpit.run_test(size=shot.size) as pilot:
            await pilot.pause()
            await cockpit.workers.wait_for_complete()
            await pilot.pause()
            await pilot.press(*shot.keys)
            await pilot.pause()
            picture = cockpit.export_screenshot(title=f"autoresearch {TAG}")
        tape.close()
        return picture


def main() -> None:
    """Make all pictures."""
    for shot in SHOTS:
        # The picture falls back to the reader's own monospaced font.
        svg = FONT_ADDRESS.sub("", asyncio.run(take(shot)))
        (FOLDER / f"{shot.name}.svg").write_text(svg, encoding="utf-8")
        print(f"screenshots/{shot.name}.svg")


if __name__ == "__main__":
    main()
