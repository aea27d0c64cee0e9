"""How a night ends, seen from outside: real processes, and what they leave behind."""

import signal
from pathlib import Path

import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.record import events
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from autoresearch_tui.session import LabLife
from tests.test_nights import Night, lab_process
from tests.workshop import Workshop, processes_below, wait_until

RUN = ("run", "--tag", "night", "--agent", "tpe", "--budget", "1")


@pytest.fixture
def night(workshop: Workshop) -> Night:
    return Night(workshop.root)


def shut_down_while_it_trains(night: Night) -> None:
    """Have the lab meet a reboot in the middle of a run."""
    assert night.done(*RUN, "--detach").returncode == 0
    wait_until(
        lambda: (current := night.state().current) and current.phase is Phase.TRAINING,
        "a run in flight",
    )
    lab_process(night).send_signal(signal.SIGTERM)
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")
    wait_until(lambda: not processes_below(night.root), "the end of every process")


def test_a_reboot_ends_in_order_and_the_next_start_goes_on_to_the_target(night: Night) -> None:
    # Where no report can be written, that is no trouble.
    in_the_way = sessions.named(night.root, "night").report
    in_the_way.mkdir(parents=True)
    shut_down_while_it_trains(night)
    *_, ended, stopped = night.facts()
    assert isinstance(ended, events.RunEnded)
    assert ended.outcome is RunOutcome.INTERRUPTED
    assert isinstance(stopped, events.LabStopped)
    assert stopped.reason == "its process was sent SIGTERM"
    assert not stopped.finished
    assert not stopped.trouble
    assert "the report could not be written" in night.session.lab_log.read_text()
    in_the_way.rmdir()

    done = night.done(*RUN, "--headless", "--target-bpb", "2.0")
    assert done.returncode == 0, done.stderr
    assert "and 2 was the target" in done.stdout
    state = night.state()
    assert state.finished
    assert [run.outcome for run in state.experiments[0].runs] == ["interrupted", "trained"]
    assert state.experiments[0].status is Status.KEEP
    # The report is there when the last line names it.
    assert str(in_the_way) in done.stdout
    page = in_the_way.read_text()
    assert "Nothing beat the baseline" in page
    assert "1 run interrupted" in page
    printed_and_written(night, page)
    tidied(night)


def printed_and_written(night: Night, page: str) -> None:
    assert night.done("report").stdout == page
    assert night.done("report", "-o", "morning.md").returncode == 0
    assert (night.root / "morning.md").read_text() == page
    refused = night.done("report", "-o", str(Path("no", "such", "folder.md")))
    assert refused.returncode == 1
    assert "can not be written" in refused.stderr


def tidied(night: Night) -> None:
    cache = night.session.folder / "cache"
    cache.mkdir()
    (cache / "kernel").write_bytes(bytes(3 << 20))
    shown = night.done("gc", "--dry-run").stdout
    assert "3.0 MiB  compiled kernels" in shown
    assert "autoresearch gc --yes" in shown
    assert cache.exists()
    assert "freed              3.0 MiB" in night.done("gc", "--yes").stdout
    assert not cache.exists()
