"""However often and whenever a lab is killed, the night comes out as if it had not been."""

import random
import time

import pytest

from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.settings import Overlap
from tests.faults import lives
from tests.faults.conftest import Watched
from tests.workshop import Workshop, assert_no_clock_beside_an_evaluation

LONGEST_LIFE_S = 1.2
KINDS = (
    "proposal_started",
    "proposed",
    "run_started",
    "judged",
    "trial_opened",
    "clock_started",
    "evaluated",
    "run_ended",
    "lab_started",
)
POINTS = [
    *(f"{when} {kind}" for when in ("before", "torn", "after") for kind in KINDS),
    *(f"before {step}" for step in lives.STEPS),
    *(f"after {step}" for step in lives.STEPS),
]


def counted(state: SessionState) -> int:
    """Return how many experiments a limit counts: those that were skipped were none."""
    return state.judged_count - state.status_counts.get(Status.SKIPPED, 0)


def finish(workshop: Workshop, watched: Watched, overlap: Overlap = "off") -> None:
    """Have a last lab judge two experiments more, and see that all is well."""
    wanted = counted(watched.state()) + 2
    lives.end(lives.begin(workshop.root, watched.session, lives.quick(overlap, wanted)))
    watched.check_whole()
    state = watched.state()
    assert counted(state) == wanted
    assert state.best is not None
    assert_no_clock_beside_an_evaluation(workshop.facts())


def survive(workshop: Workshop, watched: Watched, kills: int, seed: int, overlap: Overlap) -> None:
    """Kill a session's lab at random instants, and see that nothing finished is ever lost."""
    chance = random.Random(seed)
    for _ in range(kills):
        life = lives.begin(workshop.root, watched.session, lives.quick(overlap))
        time.sleep(chance.uniform(0, LONGEST_LIFE_S))
        life.kill()
        lives.die(life)
        watched.check()
    finish(workshop, watched, overlap)


def test_a_lab_may_be_killed_at_every_stage(workshop: Workshop, watched: Watched) -> None:
    lives.end(lives.begin(workshop.root, watched.session, lives.quick(max_experiments=1)))
    watched.remember()
    for point in POINTS:
        lives.die(lives.begin(workshop.root, watched.session, lives.quick(), point))
        watched.check()
    finish(workshop, watched)


@pytest.mark.parametrize("overlap", ["off", "on"])
def test_a_lab_may_be_killed_at_any_instant(
    workshop: Workshop, watched: Watched, overlap: Overlap
) -> None:
    survive(workshop, watched, 10, 20260101, overlap)


@pytest.mark.long
@pytest.mark.parametrize("overlap", ["off", "on"])
def test_a_lab_may_be_killed_a_hundred_times(
    workshop: Workshop, watched: Watched, overlap: Overlap
) -> None:
    survive(workshop, watched, 100, 20260102, overlap)
