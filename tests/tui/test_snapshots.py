"""Screens as they were looked at and found right, compared as SVG; `test_grid` has the rest.

After a wanted change, look at the new pictures: `pytest tests/tui/test_snapshots.py
tests/tui/test_grid.py --snapshot-update`, then see `git diff`.
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


@pytest.mark.parametrize(
    "keys",
    ["v", "s", "k", "x", "question_mark", "down,enter", "4,z"],
    ids=["loss", "steer", "kill", "stop", "help", "experiment", "zoom"],
)
def test_each_screen(snap_compare: Compare, tmp_path: Path, keys: str) -> None:
    made = make_night(tmp_path, Ending.TRAINING, gpu=True)
    run = press(*keys.split(","))
    assert snap_compare(cockpit(made), terminal_size=(100, 30), run_before=run)
