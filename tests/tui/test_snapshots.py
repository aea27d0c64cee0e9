"""The screen as it was looked at and found right, compared as SVG.

After a wanted change, look at the new pictures: `pytest tests/tui/test_snapshots.py
--snapshot-update`, then see `git diff`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from autoresearch_tui.tui.app import Cockpit
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import settle

Compare = Callable[..., bool]


def cockpit(made: MadeNight) -> Cockpit:
    return Cockpit(made.session, now=lambda: made.now)


def press(*keys: str) -> Callable[[Pilot[None]], object]:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return run


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("ending", Ending)
def test_each_state(snap_compare: Compare, tmp_path: Path, ending: Ending) -> None:
    made = make_night(tmp_path, ending)
    assert snap_compare(cockpit(made), terminal_size=(80, 24), run_before=press())


@pytest.mark.parametrize(
    "keys",
    ["v", "s", "k", "x", "question_mark", "down,enter", "4,z"],
    ids=["loss", "steer", "kill", "stop", "help", "experiment", "zoom"],
)
def test_each_screen(snap_compare: Compare, tmp_path: Path, keys: str) -> None:
    made = make_night(tmp_path, Ending.TRAINING, gpu=True)
    run = press(*keys.split(","))
    assert snap_compare(cockpit(made), terminal_size=(100, 30), run_before=run)


@pytest.mark.long
@pytest.mark.parametrize("size", [(120, 40), (200, 60)], ids=["120x40", "200x60"])
@pytest.mark.parametrize("ending", Ending)
def test_each_state_at_each_size(
    snap_compare: Compare, tmp_path: Path, ending: Ending, size: tuple[int, int]
) -> None:
    made = make_night(tmp_path, ending, 60, gpu=True)
    assert snap_compare(cockpit(made), terminal_size=size, run_before=press())
