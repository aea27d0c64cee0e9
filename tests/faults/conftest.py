"""What the tests of faults share: a night, and somebody who looks what became of it."""

import pytest

from autoresearch_tui.session import Session
from benchmarks.aftermath import Aftermath
from tests.workshop import Workshop, wait_until


class Watched(Aftermath):
    """An aftermath that asserts."""

    def check(self, *, but: tuple[int, ...] = ()) -> None:
        """Nothing finished is lost, nothing runs on, and nothing of the user's was touched."""
        wait_until(lambda: not self.orphans(but), "the end of every process")
        assert self.lost() == []
        assert self.touched() == []
        self.remember()

    def check_whole(self) -> None:
        """And git, journal and table agree, as after a lab that ended in order."""
        self.check()
        assert self.wrong() == []


@pytest.fixture
def watched(workshop: Workshop) -> Watched:
    """Return a watch over the workshop's session, which is not begun yet."""
    return Watched(workshop.root, Session(workshop.session.folder))
