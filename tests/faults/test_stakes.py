"""Where something of the user's is at stake, the lab stops with a sentence and touches nothing."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.lab import launcher
from autoresearch_tui.lab.repository import RepositoryError
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.session import LabLife, SessionError, SessionLock
from tests.faults import lives
from tests.faults.conftest import Watched
from tests.workshop import Workshop, wait_until


@contextmanager
def unchanged(workshop: Workshop, watched: Watched) -> Iterator[None]:
    """Hold that references, facts and the user's files are the same in the end."""
    references = workshop.git("for-each-ref")
    watched.remember()
    yield
    assert workshop.git("for-each-ref") == references
    watched.check()


@pytest.fixture
def begun(workshop: Workshop, watched: Watched) -> Workshop:
    """Return a workshop whose session has a baseline and two experiments more."""
    lives.end(lives.begin(workshop.root, watched.session, lives.quick(max_experiments=3)))
    return workshop


@contextmanager
def heart(path: Path) -> Iterator[None]:
    """Beat, as a lab of another host does that one sees but by its files."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(0.02):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    yield
    stopped.set()
    thread.join()


def test_a_lab_that_lives_on_another_host(
    begun: Workshop, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is not seen here: not every network file system passes locks on."""
    monkeypatch.setattr("autoresearch_tui.session.life.HEARTBEAT_INTERVAL_S", 0.1)
    monkeypatch.setattr("autoresearch_tui.session.life.HEARTBEAT_LOST_AFTER_S", 0.5)
    session = watched.session
    there = sessions.LabFile(pid=7, host="elsewhere", socket="/no/where", version="0")
    session.lab_file.write_bytes(msgspec.json.encode(there))
    with unchanged(begun, watched):
        with heart(session.lab_file):
            assert sessions.lab_life(session) is LabLife.ALIVE
            with pytest.raises(SessionError, match="by process 7 on elsewhere"):
                launcher.launch(begun.root, session, lives.quick())
            # Where the clocks of the hosts differ, its heart is seen to beat all the same.
            with pytest.raises(SessionError, match="by process 7 on elsewhere"):
                SessionLock(session)
        wait_until(lambda: sessions.lab_life(session) is LabLife.DEAD, "its heart to stand still")
        SessionLock(session).release()


def test_a_branch_that_was_moved_between_two_labs(begun: Workshop, watched: Watched) -> None:
    begun.git("branch", "-f", "autoresearch/test", "HEAD")
    with unchanged(begun, watched):
        life = lives.begin(begun.root, watched.session, lives.quick())
        life.join()
        assert life.exitcode == 1
        assert "git branch -f autoresearch/test" in watched.state().stop_reason


def test_a_branch_that_a_person_moved_to_an_experiment(begun: Workshop, watched: Watched) -> None:
    """A reference of ours is there too, and yet nobody but the person moved the branch."""
    lives.die(lives.begin(begun.root, watched.session, lives.quick(), "before clock_started"))
    current = watched.state().current
    assert current is not None
    begun.git("branch", "-f", "autoresearch/test", current.commit)
    with unchanged(begun, watched):
        life = lives.begin(begun.root, watched.session, lives.quick())
        life.join()
        assert life.exitcode == 1


@pytest.mark.parametrize("name", ["heads/autoresearch/test", "autoresearch/test/0000"])
def test_a_name_that_is_taken(workshop: Workshop, watched: Watched, name: str) -> None:
    workshop.git("update-ref", f"refs/{name}", "HEAD")
    with unchanged(workshop, watched):
        with pytest.raises(RepositoryError, match="exists already"):
            launcher.hand_over(workshop.root, watched.session, lives.quick())
        assert not watched.session.folder.exists()


def test_a_branch_that_is_checked_out_stays(begun: Workshop, watched: Watched) -> None:
    begun.git("checkout", "-q", "autoresearch/test")
    there = begun.git("rev-parse", "HEAD")
    looking = Watched(begun.root, watched.session)
    lives.end(lives.begin(begun.root, watched.session, lives.quick(max_experiments=9)))
    looking.check()
    assert begun.git("rev-parse", "HEAD") == there
    assert begun.git("status", "--porcelain") == ""
    kept = [e for e in looking.state().experiments.values() if e.status is Status.KEEP]
    assert kept
