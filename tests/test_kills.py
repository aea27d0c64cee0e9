"""However often and whenever a lab is killed, the night comes out as if it had not been."""

import random
import signal
import time

import psutil
import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.session import LabLife
from tests.workshop import Workshop, processes_below, wait_until

KILLS = 40
LONGEST_LIFE_S = 2.5


@pytest.mark.long
def test_a_session_survives_many_kills_at_random_instants(workshop: Workshop) -> None:
    chance = random.Random(20260101)
    session = sessions.named(workshop.root, "kills")
    judged: dict[int, tuple[str, float | None]] = {}
    for _ in range(KILLS):
        command = ("run", "--agent", "tpe", "--budget", "0.1", "--tag", "kills", "--detach")
        started = workshop.done(*command)
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
    last = workshop.done(
        "run", "--headless", "--tag", "kills", "--max-experiments", str(len(judged) + 2)
    )
    assert last.returncode == 0, last.stderr
    state = fold(JournalReader(session.journal).read())
    assert state.judged_count == len(judged) + 2
    assert state.best is not None
    assert workshop.git("rev-parse", "autoresearch/kills").strip() == state.best.commit
    for number, experiment in state.experiments.items():
        reference = f"refs/autoresearch/kills/{number:04d}"
        assert workshop.git("rev-parse", reference).strip() == experiment.commit
        shown = workshop.git("show", f"{reference}:train.py")
        assert shown == session.train_file(number).read_text()
