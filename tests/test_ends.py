"""How a night ends, seen from outside: real processes, and what they leave behind."""

import signal

from autoresearch_tui import session as sessions
from autoresearch_tui.record import events
from autoresearch_tui.record.events import RunOutcome, Status
from autoresearch_tui.record.state import Phase
from autoresearch_tui.session import LabLife
from tests.test_nights import QUICK, Night, lab_process
from tests.workshop import Workshop, processes_below, wait_until


def test_a_reboot_interrupts_the_run_in_order_and_the_next_start_goes_on(
    workshop: Workshop,
) -> None:
    night = Night(workshop.root)
    slow = ("run", "--agent", "tpe", "--budget", "2")
    assert night.done(*slow, "--detach").returncode == 0
    wait_until(
        lambda: (current := night.state().current) and current.phase is Phase.TRAINING,
        "a run in flight",
    )
    lab_process(night).send_signal(signal.SIGTERM)
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")
    wait_until(lambda: not processes_below(night.root), "the end of every process")
    *_, ended, stopped = night.facts()
    assert isinstance(ended, events.RunEnded)
    assert ended.outcome is RunOutcome.INTERRUPTED
    assert isinstance(stopped, events.LabStopped)
    assert stopped.reason == "its process was sent SIGTERM"
    assert not stopped.finished
    assert not stopped.trouble
    assert "No result" in night.session.report.read_text()
    again = night.done(*slow, "--headless", "--max-experiments", "1")
    assert again.returncode == 0, again.stderr
    assert [run.outcome for run in night.state().experiments[0].runs] == ["interrupted", "trained"]
    assert night.state().experiments[0].status is Status.KEEP


def test_a_night_that_is_good_enough_ends_leaves_a_report_and_can_be_tidied(
    workshop: Workshop,
) -> None:
    night = Night(workshop.root)
    done = night.done(*QUICK, "--headless", "--target-bpb", "2.0")
    assert done.returncode == 0, done.stderr
    assert "and 2 was the target" in done.stdout
    assert night.state().finished
    assert night.state().judged_count == 1
    # The report is there when the last line names it.
    assert str(night.session.report) in done.stdout
    page = night.session.report.read_text()
    assert "Nothing beat the baseline" in page
    assert night.done("report").stdout == page
    assert night.done("report", "-o", "morning.md").returncode == 0
    assert (night.root / "morning.md").read_text() == page
    refused = night.done("report", "-o", "no/such/folder.md")
    assert (refused.returncode, "can not be written" in refused.stderr) == (1, True)
    cache = night.session.folder / "cache"
    cache.mkdir()
    (cache / "kernel").write_bytes(bytes(3 << 20))
    for flags in ((), ("--dry-run",)):
        assert "3.0 MiB  compiled kernels" in night.done("gc", *flags).stdout
    assert "freed             3.0 MiB" in night.done("gc", "--yes").stdout
    assert not cache.exists()
    assert "freed                 0 B" in night.done("gc", "--yes").stdout


def test_an_end_of_the_reports_process_is_no_trouble(workshop: Workshop) -> None:
    night = Night(workshop.root)
    session = night.done(*QUICK, "--headless", "--max-experiments", "1")
    assert session.returncode == 0, session.stderr
    night.session.report.unlink()
    night.session.report.mkdir()
    again = night.done(*QUICK, "--headless", "--max-experiments", "1")
    assert again.returncode == 0, again.stderr
    assert "the report could not be written" in night.session.lab_log.read_text()
    assert sessions.lab_life(night.session) is LabLife.NONE
