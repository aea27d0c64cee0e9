"""However often and whenever a lab is killed, the night comes out as if it had not been."""

import random
import signal
import time

import psutil
import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.record.events import Status
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import LabLife
from tests.workshop import (
    Workshop,
    assert_no_clock_beside_an_evaluation,
    processes_below,
    wait_until,
)

LONGEST_LIFE_S = 2.5
SETTINGS = {"one at a time": {}, "overlapping": {"AUTORESEARCH_RUN_OVERLAP": "on"}}


def counted(state: SessionState) -> int:
    """Return how many experiments a limit counts: those that were skipped were none."""
    return state.judged_count - state.status_counts.get(Status.SKIPPED, 0)


def survive(workshop: Workshop, kills: int, seed: int, environment: dict[str, str]) -> None:
    """Kill a session's lab at random instants, and see that nothing finished is ever lost."""
    chance = random.Random(seed)
    session = sessions.named(workshop.root, "kills")
    judged: dict[int, tuple[str, float | None]] = {}
    for _ in range(kills):
        command = ("run", "--agent", "tpe", "--budget", "0.1", "--tag", "kills", "--detach")
        started = workshop.done(*command, **environment)
        assert started.returncode == 0, started.stderr
        lab = sessions.read_lab_file(session)
        assert lab is not None
        time.sleep(chance.uniform(0, LONGEST_LIFE_S))
        psutil.Process(lab.pid).send_signal(signal.SIGKILL)
        wait_until(lambda: sessions.lab_life(session) is LabLife.DEAD, "the lab's death")
        wait_until(lambda: not processes_below(workshop.root), "the end of its runs")
        state = fold(JournalReader(session.journal).read())
        for number, (commit, val_bpb) in judged.items():
            experiment = state.experiments[number]
            assert (experiment.commit, experiment.val_bpb) == (commit, val_bpb)
        judged = {n: (e.commit, e.val_bpb) for n, e in state.experiments.items() if e.status}
    wanted = counted(fold(JournalReader(session.journal).read())) + 2
    command = ("run", "--headless", "--tag", "kills", "--max-experiments", str(wanted))
    last = workshop.done(*command, **environment)
    assert last.returncode == 0, last.stderr
    facts = list(JournalReader(session.journal).read())
    assert_no_clock_beside_an_evaluation(facts)
    state = fold(facts)
    assert counted(state) == wanted
    assert state.best is not None
    assert workshop.git("rev-parse", "autoresearch/kills").strip() == state.best.commit
    for number, experiment in state.experiments.items():
        reference = f"refs/autoresearch/kills/{number:04d}"
        assert workshop.git("rev-parse", reference).strip() == experiment.commit
        shown = workshop.git("show", f"{reference}:train.py")
        assert shown == session.train_file(number).read_text()
    wait_until(lambda: not processes_below(workshop.root), "the end of every process")


@pytest.mark.long
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_session_survives_many_kills_at_random_instants(workshop: Workshop, setting: str) -> None:
    survive(workshop, 40, 20260101, SETTINGS[setting])


def test_a_session_with_two_in_flight_survives_kills(workshop: Workshop) -> None:
    survive(workshop, 10, 20260102, SETTINGS["overlapping"])
