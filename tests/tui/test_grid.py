"""Every screen at every size in every state of a night, as it was looked at and found right.

The means are those of `test_snapshots`. `make test` holds one size a state; `make test-long` the
whole grid.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from textual.pilot import Pilot

from autoresearch_tui.tui.replay import Replay
from autoresearch_tui.tui.screens import approval
from autoresearch_tui.tui.tape import Tape
from tests.tui.nights import Ending, make_night
from tests.tui.test_snapshots import Compare, cockpit, press
from tests.tui.watching import look, settle

Size = tuple[int, int]
SIZES: tuple[Size, ...] = ((80, 24), (120, 40), (200, 60))


@dataclass(frozen=True)
class State:
    """A night, and what it is doing."""

    name: str
    ending: Ending
    experiments: int = 60


STATES = (
    State("waiting", Ending.WAITING),
    State("training", Ending.TRAINING),
    State("approval", Ending.APPROVAL),
    State("paused", Ending.PAUSED),
    State("finished", Ending.FINISHED),
    State("lab-dead", Ending.DEAD),
    State("1000", Ending.TRAINING, 1000),
)


@dataclass(frozen=True)
class Place:
    """A screen, and the keys that lead there from the cockpit."""

    name: str
    keys: tuple[str, ...] = ()
    only_in: tuple[str, ...] = ()
    """The states that have this screen; all, where it is empty."""


ALL = tuple(state.name for state in STATES)
IN_FLIGHT = ("training", "1000")
COCKPIT = Place("cockpit")
PLACES = (
    COCKPIT,
    Place("history", ("4", "z"), IN_FLIGHT),
    Place("loss", ("6", "z"), IN_FLIGHT),
    Place("reasoning", ("1", "z"), IN_FLIGHT),
    Place("diff", ("2", "z"), IN_FLIGHT),
    Place("machine", ("3", "z"), IN_FLIGHT),
    Place("experiments", ("5", "z"), IN_FLIGHT),
    Place("experiment", ("5", "down", "enter")),
    Place("compare", ("5", "down", "m", "down", "m")),
    Place("program", ("i",)),
    Place("help", ("question_mark",)),
    Place("palette", ("ctrl+p",)),
    Place("sessions", ("t",)),
    Place("steer", ("s",), IN_FLIGHT),
    Place("stop", ("x",), IN_FLIGHT),
    Place("kill", ("k",), IN_FLIGHT),
    Place("skip", ("n",), IN_FLIGHT),
    Place("undo", ("u",), IN_FLIGHT),
    Place("promote", ("w",), ("finished",)),
    Place("reject", ("r",), ("approval",)),
)
"""Approval itself is what the cockpit comes up with in that state."""


def grid() -> Iterator[ParameterSet]:
    for place, state, size in itertools.product(PLACES, STATES, SIZES):
        # The cockpit at the first size is `test_each_state`.
        seen_elsewhere = place is COCKPIT and size is SIZES[0]
        if state.name in (place.only_in or ALL) and not seen_elsewhere:
            name = f"{place.name}-{state.name}-{size[0]}x{size[1]}"
            yield pytest.param(place, state, size, id=name)


def look_at(compare: Compare, folder: Path, place: Place, state: State, size: Size) -> None:
    made = make_night(folder, state.ending, state.experiments, gpu=True)
    asks_first = state.ending is Ending.APPROVAL and bool(place.keys)
    keys = ("escape", *place.keys) if asks_first else place.keys
    assert compare(cockpit(made), terminal_size=size, run_before=press(*keys))


@pytest.fixture(autouse=True)
def _the_same_anywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(approval, "GRACE_S", 0.0)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_each_state(snap_compare: Compare, tmp_path: Path, state: State) -> None:
    look_at(snap_compare, tmp_path, COCKPIT, state, SIZES[0])


@pytest.mark.long
@pytest.mark.parametrize(("place", "state", "size"), grid())
def test_each_screen_in_each_state_at_each_size(
    snap_compare: Compare, tmp_path: Path, place: Place, state: State, size: Size
) -> None:
    look_at(snap_compare, tmp_path, place, state, size)


@pytest.mark.parametrize(
    "size",
    [SIZES[0], *(pytest.param(size, marks=pytest.mark.long) for size in SIZES[1:])],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_a_replay_at_each_size(snap_compare: Compare, tmp_path: Path, size: Size) -> None:
    made = make_night(tmp_path, Ending.FINISHED, 60, gpu=True)
    tape = Tape(made.session, tmp_path / "played")
    tape.seek(tape.proposals[40][0] + 200.0)
    replay = Replay(tape, 60.0)
    replay.standing = True

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await look(pilot)

    assert snap_compare(replay, terminal_size=size, run_before=run)
    tape.close()
