"""Whatever becomes of a terminal and of who watches on it, the lab does not notice."""

import signal
from collections.abc import Iterator

import pexpect
import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.session import LabLife
from benchmarks import faults
from tests.faults import lives
from tests.faults.conftest import Watched
from tests.workshop import Workshop, wait_until


@pytest.fixture
def viewer(workshop: Workshop, watched: Watched) -> Iterator["pexpect.spawn[bytes]"]:
    """Return a screen that watches a night and has drawn itself; both end with the test."""
    life = lives.begin(workshop.root, watched.session, lives.quick())
    wait_until(lambda: sessions.lab_life(watched.session) is LabLife.ALIVE, "the lab")
    screen = faults.watch(workshop.root, watched.session.tag)
    screen.expect("Experiments")
    yield screen
    screen.close(force=True)
    life.terminate()
    lives.end(life)
    watched.check_whole()


def goes_on(watched: Watched) -> None:
    judged = watched.state().judged_count
    wait_until(lambda: watched.state().judged_count >= judged + 3, "three more experiments")
    assert sessions.lab_life(watched.session) is LabLife.ALIVE


def test_a_terminal_that_nobody_reads(viewer: "pexpect.spawn[bytes]", watched: Watched) -> None:
    # What the screen writes now stays in the terminal, which soon holds no more.
    goes_on(watched)


def test_a_terminal_that_hangs_up(viewer: "pexpect.spawn[bytes]", watched: Watched) -> None:
    faults.hang_up(viewer)
    goes_on(watched)


def test_a_viewer_that_is_killed(viewer: "pexpect.spawn[bytes]", watched: Watched) -> None:
    viewer.kill(signal.SIGKILL)
    goes_on(watched)
