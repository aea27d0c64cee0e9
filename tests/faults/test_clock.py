"""Facts have a steady time, however the machine's clock is set, and whenever a lab dies."""

import asyncio
import os
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui import session as sessions
from autoresearch_tui.control import client, messages
from autoresearch_tui.lab.clock import Clock
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.session import LabLife
from tests.faults import lives
from tests.faults.conftest import Watched
from tests.faults.instant import InstantExecutor
from tests.workshop import ScriptedAgent, Workshop, wait_until

HOUR_S = 3600.0
moments = st.floats(0, 4e9)


@given(st.lists(moments, min_size=1), st.lists(st.floats(0, 1e6), min_size=1), moments)
def test_time_passes_as_on_the_steady_clock(
    walls: list[float], steps: list[float], last: float
) -> None:
    at = 0.0
    clock = Clock(lambda: walls[0] if len(walls) == 1 else walls.pop(0), lambda: at)
    begun = clock.now()
    for step in steps:
        at += step
        assert clock.now() == pytest.approx(begun + at)
    before = clock.now()
    assert clock.go_on_from(last) == pytest.approx(max(0.0, last - before))
    assert clock.now() == pytest.approx(max(before, last))


async def test_a_clock_that_jumps_moves_no_fact(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.workshop.LocalExecutor", InstantExecutor)
    begun, real_time, chance = time.time(), time.time, random.Random(1)
    lab = workshop.lab(ScriptedAgent(0.03, 0.5), max_experiments=3)
    monkeypatch.setattr(time, "time", lambda: real_time() + chance.uniform(-HOUR_S, HOUR_S))
    night = asyncio.create_task(lab.run())
    await lab.handle(messages.Pause(by="me"))
    await lab.handle(messages.Steer(by="me", text="a smaller rate"))
    await lab.handle(messages.Resume(by="me"))
    await night
    monkeypatch.undo()
    times = [fact.at for fact in workshop.facts()]
    assert times == sorted(times)
    # A hundredth covers the rounding between the two clocks.
    assert begun - 0.01 <= times[0] <= times[-1] <= time.time() + 0.01
    assert sum(fold(workshop.facts()).ledger_s.values()) == pytest.approx(times[-1] - times[0])


def test_a_clock_that_was_set_back_between_two_labs_moves_no_fact(
    workshop: Workshop, watched: Watched
) -> None:
    lives.end(lives.begin(workshop.root, watched.session, lives.quick(max_experiments=1)))
    ahead = time.time() + HOUR_S
    Journal(watched.session.journal).append(
        events.Notice(at=ahead, level=Level.INFO, text="from an hour ahead")
    )
    lives.end(lives.begin(workshop.root, watched.session, lives.quick(max_experiments=2)))
    times = [fact.at for fact in workshop.facts()]
    assert times == sorted(times)
    assert ahead <= times[-1] < ahead + HOUR_S
    assert any("the last fact of this session" in each.text for each in watched.state().notices)


def test_the_end_of_a_lab_that_was_killed_is_known(workshop: Workshop, watched: Watched) -> None:
    session, long = watched.session, lives.quick(budget_s=60.0)
    life = lives.begin(workshop.root, session, long)
    wait_until(lambda: (c := watched.state().current) and c.phase is Phase.TRAINING, "a run")
    wait_until(lambda: sessions.read_lab_file(session), "the lab's word")
    # Whatever was written of its time before, its run's supervisor sees it end.
    for path in (session.lab_file, session.folder / "run.lock"):
        os.utime(path, (0, 0))
    lived_at = time.time()
    life.kill()
    lives.die(life)
    again = lives.begin(workshop.root, session, long)
    wait_until(lambda: sessions.lab_life(session) is LabLife.ALIVE, "the next lab")
    wait_until(lambda: len(watched.state().experiments[0].runs) == 2, "the run to begin again")
    client.send(session.socket, messages.Stop(by="me", now=True))
    lives.end(again)
    lives.die(lives.begin(workshop.root, session, long, "after lab_started"))
    first, killed, ended = [f for f in workshop.facts() if isinstance(f, events.LabStarted)]
    assert killed.last_beat_at is not None
    assert lived_at <= killed.last_beat_at <= killed.at
    assert first.last_beat_at is ended.last_beat_at is None
    watched.check()
