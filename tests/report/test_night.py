"""The report says what the journal says, and sums to it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.vocabulary import RunOutcome, Status, Usage
from autoresearch_tui.report import night
from autoresearch_tui.report.tally import cause, tally
from autoresearch_tui.session import Session
from tests.record.test_fold import NIGHT, lab_started, one_experiment, proposed
from tests.report.test_markdown import kinds
from tests.tui.nights import Ending, make_night


def session_of(folder: Path, *facts: events.AnyFact) -> Session:
    session = Session(folder / "nov24")
    session.folder.mkdir(exist_ok=True)
    session.journal.unlink(missing_ok=True)
    journal = Journal(session.journal)
    for fact in facts:
        assert isinstance(fact, KnownFact)
        journal.append(fact)
    journal.close()
    return session


def section(page: str, heading: str) -> str:
    """Return a section of the page."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def row(page: str, first: str) -> list[str]:
    """Return the cells of the one row of a page's tables that begins with a cell."""
    (found,) = [line for line in page.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_night_is_told_from_the_baseline_to_the_best(tmp_path: Path) -> None:
    session = make_night(tmp_path, Ending.FINISHED, 24).session
    state, page = fold(JournalReader(session.journal).read()), night.report(session)
    best, baseline = state.best, state.experiments[0]
    assert best is not None
    assert best.val_bpb is not None
    assert baseline.val_bpb is not None
    gain = 1000 * (baseline.val_bpb - best.val_bpb)
    (outcome,) = [line for line in page.splitlines() if line.startswith("**val_bpb")]
    assert f"{best.val_bpb:.6f}" in outcome
    assert f"#{best.number}" in outcome
    assert f"{gain:.1f} mbpb lower" in outcome
    assert "measured, and unconfirmed: 1 run, one seed" in outcome
    path, each = [best.number], best
    while each.parent:
        each = state.experiments[each.parent]
        path.append(each.number)
    lineage = section(page, "The best and what it is made of")
    assert [int(n) for n in re.findall(r"^### #(\d+) ", lineage, re.MULTILINE)] == path[::-1]
    for number in path:
        step = state.experiments[number]
        assert session.diff(number).read_text().rstrip("\n") in lineage
        assert step.commit in lineage
        assert step.hypothesis in lineage
        assert f"change {1000 * (step.change or 0):+.1f} mbpb, expected -4.0 mbpb" in lineage
    assert (
        len(re.findall(r"^\| \d+ \| [^|]*\| [\d.]* \|", page, re.MULTILINE)) == state.judged_count
    )


@pytest.mark.parametrize("ending", Ending)
def test_the_ledger_sums_to_the_time_that_passed(tmp_path: Path, ending: Ending) -> None:
    made = make_night(tmp_path, ending, 12)
    page, found = night.report(made.session), tally(JournalReader(made.session.journal).read())
    ledger = section(page, "Where the time went")
    rows = re.findall(r"^\| ([a-z ]+) \| ([\d.]+) \| ([\d.]+)% \|$", ledger, re.MULTILINE)
    total = float(row(ledger, "**all, while a lab ran**")[1].strip("*"))
    assert abs(sum(float(seconds) for _, seconds, _ in rows) - total) <= 0.1 * len(rows)
    assert abs(sum(float(share) for _, _, share in rows) - 100) <= 0.1 * len(rows)
    wall = found.state.last_fact_at - found.first_at
    assert abs(total - wall) <= 0.01 * wall


def test_time_without_a_lab_has_a_row_of_its_own(tmp_path: Path) -> None:
    stopped = events.LabStopped(at=90, reason="its process was sent SIGTERM")
    page = night.report(session_of(tmp_path, *NIGHT, stopped, lab_started(5000)))
    assert row(page, "**all, while a lab ran**")[1] == "**90.0**"
    assert row(page, "no lab ran")[1] == "4910.0"
    assert "the lab was started 2 times" in page


def test_failures_that_differ_in_numbers_are_one_cause(tmp_path: Path) -> None:
    crashes = [
        fact
        for number, megabytes in ((3, 512), (4, 1024))
        for fact in (
            proposed(100, number, 2),
            events.Judged(
                at=101, experiment=number, status=Status.CRASH, commit="c",
                reason=f"OutOfMemoryError: tried to allocate {megabytes} MiB at 0x7f{number}",
            ),
        )
    ]  # fmt: skip
    failed = events.ProposalFailed(at=102, experiment=5, agent="claude", reason="it had no idea")
    page = night.report(session_of(tmp_path, *NIGHT, *crashes, failed))
    page = section(page, "Failures by cause")
    assert row(page, "2")[1:] == [
        "crash", "OutOfMemoryError: tried to allocate 512 MiB at 0x7f3", "#3, #4"
    ]  # fmt: skip
    assert row(page, "1")[1:] == ["no proposal from claude", "it had no idea", "#5"]


@given(st.text(max_size=200))
def test_a_cause_is_its_own_cause(reason: str) -> None:
    assert cause(cause(reason)) == cause(reason)


def test_what_agents_asked_for_is_told_with_who_answered(tmp_path: Path) -> None:
    asked = events.PermissionRequested(
        at=98, request=1, experiment=3, agent="coder", what="execute ls | wc", decide_at=150
    )
    answer = events.PermissionAnswered(at=99, request=1, allowed=True, by="ada@here")
    assert "asked to be allowed" not in night.report(session_of(tmp_path, *NIGHT))
    page = night.report(session_of(tmp_path, *NIGHT, asked, answer))
    (line,) = [
        line
        for line in section(page, "What agents asked to be allowed").splitlines()
        if "coder" in line
    ]
    for words in ("#3", "execute ls", "allowed", "ada@here"):
        assert words in line


def test_what_agents_used_is_summed_by_agent_and_what_has_no_price_is_said(
    tmp_path: Path,
) -> None:
    dear = Usage(input_tokens=1000, output_tokens=10, seconds=4, cost_usd=0.5)
    failed = events.ProposalFailed(
        at=99, experiment=4, agent="claude", reason="no", usage=Usage(cache_read_tokens=2345)
    )
    edit = events.Proposed(
        at=98, experiment=3, parent=2, commit="c", title="t", hypothesis="h",
        expected_change=None, agent="claude", usage=dear,
    )  # fmt: skip
    page = night.report(session_of(tmp_path, *NIGHT, edit, failed))
    assert "3,355 tokens, 0.5000 US dollars; 2,345 of the tokens have no price" in page
    assert row(section(page, "What the proposals cost"), "claude") == [
        "claude", "1", "1", "4", "1,000", "2,345", "0", "10", "0.5000 and more"
    ]  # fmt: skip


def hostile_night(text: str) -> list[events.AnyFact]:
    kept = one_experiment(90, 3, 2, Status.KEEP, 1.8)
    edit = events.Proposed(
        at=91, experiment=3, parent=2, commit="c3", title=text, hypothesis=text,
        expected_change=-0.1, agent="claude", model=text,
    )  # fmt: skip
    crash = events.Judged(at=130, experiment=4, status=Status.CRASH, reason=text, commit="c4")
    end = events.LabStopped(at=140, reason=text)
    return [*NIGHT, edit, *kept[2:], proposed(125, 4, 3), crash, end]


def test_what_agents_and_runs_say_does_not_change_the_page(tmp_path: Path) -> None:
    text = (
        "</td><script>x</script>\n\n# a heading\n``` `|` | **b** [l](http://x) ![i](y) &amp; "
        "\x1b]0;t\x07"
    )
    session = session_of(tmp_path, *hostile_night(text))
    session.diff(3).parent.mkdir(parents=True)
    session.diff(3).write_text("+x = '''\n+```\n+# not a heading\n+<b>\n")
    page = night.report(session)
    session = session_of(tmp_path, *hostile_night("a word"))
    session.diff(3).write_text("+x = 1\n")
    assert kinds(page) == kinds(night.report(session))
    assert "\x1b" not in page


def test_a_diff_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    session = session_of(tmp_path, *hostile_night("a word"))
    secret = tmp_path / "secret"
    secret.write_text("do not read")
    session.diff(3).parent.mkdir(parents=True)
    session.diff(3).symlink_to(secret)
    assert "do not read" not in night.report(session)


def test_a_night_without_a_result_has_a_report_too(tmp_path: Path) -> None:
    assert "No result" in night.report(session_of(tmp_path))
    crashed = one_experiment(0, 0, None, Status.CRASH, 2.0)
    assert "No result" in night.report(session_of(tmp_path, NIGHT[0], lab_started(0), *crashed))
    alone = session_of(tmp_path, *NIGHT[:9])
    assert "Nothing beat the baseline" in night.report(alone)


def test_interrupted_runs_are_counted(tmp_path: Path) -> None:
    run = events.RunEnded(
        at=99, experiment=2, replicate=0, outcome=RunOutcome.INTERRUPTED, reason="SIGTERM"
    )
    assert "1 run interrupted" in night.report(session_of(tmp_path, *NIGHT, run))


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    session = session_of(tmp_path, *NIGHT)
    night.write(session, session.report)
    assert session.report.read_text() == night.report(session)
    with pytest.raises(IsADirectoryError):
        night.write(session, session.folder)
    assert sorted(path.name for path in session.folder.iterdir()) == ["journal.jsonl", "report.md"]
    assert [path.name for path in tmp_path.iterdir()] == ["nov24"]
