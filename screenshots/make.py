"""Makes the screenshots of the README from the recorded session in `screenshots/night`.

    make screenshots

Each picture is the real cockpit on the session's files as they were at one moment of the night.
"""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.pop("NO_COLOR", None)
os.environ["COLORTERM"] = "truecolor"

import msgspec

from autoresearch_tui import __version__, session
from autoresearch_tui.record import events
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.session import Session, SessionLock
from autoresearch_tui.tui.app import Cockpit

FOLDER = Path(__file__).parent
NIGHT = FOLDER / "night"
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
    Shot("steer-80x24", 13, 12.0, (80, 24), ("s", *"try ", *"a ", *"wider ", *"MLP")),
)


class _Timed(msgspec.Struct):
    at: float


class _Clocked(msgspec.Struct):
    t: float


def moment(shot: Shot) -> float:
    """Return when a shot is taken, in seconds since the epoch."""
    for fact in JournalReader(NIGHT / "journal.jsonl").read():
        if isinstance(fact, events.ClockStarted) and fact.experiment == shot.experiment:
            return fact.at + shot.into_s
    raise SystemExit(f"The recorded night has no experiment {shot.experiment} that trained.")


def cut(path: Path, at: float) -> None:
    """Leave the lines of a file that were written up to a moment."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(x for x in lines if msgspec.json.decode(x, type=_Timed).at <= at))


def night_at(shot: Shot, folder: Path) -> Session:
    """Return the recorded session as it was at a shot's moment, with this process as its lab."""
    at = moment(shot)
    shutil.copytree(NIGHT, folder)
    recorded = Session(folder)
    for path in (recorded.journal, recorded.telemetry, recorded.reasoning):
        cut(path, at)
    for experiment in (folder / "experiments").iterdir():
        if int(experiment.name) > shot.experiment:
            shutil.rmtree(experiment)
    metrics = recorded.metrics(shot.experiment)
    lines = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(
        b"".join(x for x in lines if msgspec.json.decode(x, type=_Clocked).t <= shot.into_s)
    )
    session.write_lab_file(recorded, recorded.new_socket(), __version__)
    return recorded


async def take(shot: Shot) -> str:
    """Return one picture as SVG."""
    with tempfile.TemporaryDirectory() as scratch:
        recorded = night_at(shot, Path(scratch) / "nov23")
        at = moment(shot)
        lock = SessionLock(recorded)
        cockpit = Cockpit(recorded, now=lambda: at)
        async with cockpit.run_test(size=shot.size) as pilot:
            await pilot.pause()
            await cockpit.workers.wait_for_complete()
            await pilot.pause()
            await pilot.press(*shot.keys)
            await pilot.pause()
            picture = cockpit.export_screenshot(title=f"autoresearch {recorded.tag}")
        lock.release()
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
