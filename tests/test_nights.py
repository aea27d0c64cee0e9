"""Whole nights through the command, as a person types it: real processes, the real tpe."""

import json
import re
import signal
from pathlib import Path

import psutil
import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from autoresearch_tui.session import LabLife, Session
from tests.agents.messages_server import EditOneConstant, Fault, MessagesServer
from tests.workshop import BUDGET_S, Workshop, processes_below, wait_until

QUICK = ("run", "--agent", "tpe", "--budget", str(BUDGET_S))


class Night(Workshop):
    """A workshop whose session was begun by the command."""

    @property
    def session(self) -> Session:
        return sessions.sessions(self.root)[-1]


@pytest.fixture
def night(workshop: Workshop) -> Night:
    return Night(workshop.root)


def lab_process(night: Night) -> psutil.Process:
    lab = sessions.read_lab_file(night.session)
    assert lab is not None
    return psutil.Process(lab.pid)


def test_a_headless_night_ends_by_itself_and_says_where_its_results_are(night: Night) -> None:
    before = night.tree()
    done = night.done(*QUICK, "--headless", "--max-experiments", "5")
    assert done.returncode == 0, done.stderr
    state = night.state()
    assert state.judged_count == 5
    assert all(experiment.val_bpb for experiment in state.experiments.values())
    assert "no key in ANTHROPIC_API_KEY" not in done.stdout
    assert f"git log autoresearch/{night.session.tag}" in done.stdout
    assert str(night.session.results) in done.stdout
    assert sessions.lab_life(night.session) is LabLife.NONE
    assert night.tree() == before
    assert night.git("status", "--porcelain") == ""
    # The lab says that it ended, and then ends.
    wait_until(lambda: not processes_below(night.root), "the end of every process")


def test_without_a_key_the_agent_is_tpe_and_the_night_says_so(night: Night) -> None:
    done = night.done("run", "--budget", "0.1", "--headless", "--max-experiments", "1")
    assert "no key in ANTHROPIC_API_KEY" in done.stdout
    assert night.state().agent == "tpe"


def test_a_second_run_goes_on_with_the_session(night: Night) -> None:
    night.done(*QUICK, "--headless", "--max-experiments", "2")
    night.done(*QUICK, "--headless", "--max-experiments", "3")
    assert len(sessions.sessions(night.root)) == 1
    assert night.state().judged_count == 3
    again = night.done(*QUICK, "--headless", "--max-experiments", "3")
    assert "3 experiments are judged" in again.stdout
    assert night.done(*QUICK, "--headless", "--new", "--max-experiments", "1").returncode == 0
    assert len(sessions.sessions(night.root)) == 2


def test_a_lab_killed_in_the_middle_of_a_run_is_taken_up_again(night: Night) -> None:
    slow = ("run", "--agent", "tpe", "--budget", "30")
    assert night.done(*slow[:-1], "0.5", "--detach").returncode == 0
    # Once two experiments are finished, the third is caught while it trains.
    wait_until(lambda: night.state().judged_count >= 2, "two finished experiments")
    wait_until(
        lambda: (current := night.state().current) and current.phase is Phase.TRAINING,
        "a run in flight",
    )
    lab_process(night).send_signal(signal.SIGKILL)
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.DEAD, "the lab's death")
    finished = {n: e.val_bpb for n, e in night.state().experiments.items() if e.status}
    done = night.done(*slow[:-1], "0.5", "--headless", "--max-experiments", "5")
    assert done.returncode == 0, done.stderr
    # The lab says that it ended, and then ends.
    wait_until(lambda: not processes_below(night.root), "the end of every process")
    state = night.state()
    assert state.judged_count == 5
    assert {n: state.experiments[n].val_bpb for n in finished} == finished
    assert night.git("rev-parse", f"autoresearch/{state.tag}").strip() == state.best.commit  # pyright: ignore


def test_a_killed_lab_leaves_no_training_behind(night: Night) -> None:
    assert night.done("run", "--agent", "tpe", "--budget", "60", "--detach").returncode == 0
    wait_until(
        lambda: (current := night.state().current) and current.phase is Phase.TRAINING,
        "a run in flight",
    )
    lab_process(night).kill()
    wait_until(lambda: not processes_below(night.root), "the end of the training process")
    status = night.done("status")
    assert "dead" in status.stdout
    assert "autoresearch run --tag" in status.stdout
    assert night.done(*QUICK[:3], "--budget", "60", "--detach").returncode == 0
    wait_until(lambda: len(night.state().experiments[0].runs) == 2, "the run to begin again")
    assert night.state().experiments[0].runs[0].outcome == RunOutcome.INTERRUPTED
    assert night.done("stop", "--now").returncode == 0
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")


def test_the_lab_is_steered_from_any_shell(night: Night) -> None:
    assert night.done(*QUICK, "--approval", "ask", "--detach").returncode == 0
    wait_until(
        lambda: (c := night.state().current) and c.phase is Phase.WAITING_FOR_APPROVAL, "a question"
    )
    assert "is approved" in night.done("approve", "1").stdout
    wait_until(lambda: night.state().experiments[1].phase is Phase.JUDGED, "the verdict")
    assert "paused" in night.done("pause").stdout
    assert "already paused by" in night.done("pause").stdout
    assert night.done("steer", "a", "lower", "LEARNING_RATE").returncode == 0
    wait_until(
        lambda: (c := night.state().current) and c.phase is Phase.WAITING_FOR_APPROVAL, "another"
    )
    assert night.done("reject", "--reason", "not now").returncode == 0
    assert night.done("resume").returncode == 0
    assert "no run is in flight" in night.done("kill").stdout
    assert night.done("stop").returncode == 0
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")
    state = night.state()
    assert state.experiments[2].status is Status.REJECTED
    assert "not now" in state.experiments[2].reason
    late = night.done("pause")
    assert late.returncode == 1
    assert "is not running" in late.stderr


def test_the_night_is_in_a_persons_hand_from_any_shell(night: Night) -> None:
    ask = (*QUICK, "--approval", "ask", "--timeout", "1h", "--then", "reject", "--detach")
    assert night.done(*ask).returncode == 0
    wait_until(
        lambda: (c := night.state().current) and c.phase is Phase.WAITING_FOR_APPROVAL, "a question"
    )
    assert "paused" in night.done("pause", "--now").stdout
    edit = night.root / "mine.py"
    edit.write_text("def broken(:\n")
    assert "line 1" in night.done("try", "mine.py").stderr
    edit.write_text((night.root / "train.py").read_text().replace("0.04", "0.02"))
    assert "queued as edit 1" in night.done("try", "mine.py", "--hypothesis", "lower").stdout
    assert "#1 is skipped" in night.done("skip", "--reason", "mine first").stdout
    assert night.done("resume").returncode == 0
    wait_until(lambda: night.state().incumbent == 2, "the keep of a person's edit")
    assert night.state().experiments[2].title == "mine.py"
    assert "is the incumbent again" in night.done("undo").stdout
    promoted = night.done("promote", "2")
    assert promoted.returncode == 0, promoted.stderr
    assert (night.root / "train.py").read_text() == edit.read_text()
    assert night.done("stop", "--now").returncode == 0
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")
    tag = night.session.tag
    shown = night.git("show", f"autoresearch/{tag}:train.py")
    assert "LEARNING_RATE = 0.04" in shown
    told = night.done("log").stdout
    for line in ("edit 1 queued by", "skipped by", "#0   is the incumbent again", "promoted to"):
        assert line in told


def test_a_second_lab_on_the_same_session_is_refused(night: Night) -> None:
    assert night.done("run", "--agent", "tpe", "--budget", "60", "--detach").returncode == 0
    second = night.done("run", "--agent", "tpe", "--budget", "60", "--headless")
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert "autoresearch attach" in second.stderr
    night.done("stop", "--now")
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_a_headless_night_in_order(night: Night, number: signal.Signals) -> None:
    process = night.command("run", "--agent", "tpe", "--budget", "60", "--headless")
    wait_until(
        lambda: (
            sessions.sessions(night.root)
            and (current := night.state().current)
            and current.phase is Phase.TRAINING
        ),
        "a run in flight",
    )
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert "it is queued again" in out
    assert process.returncode == 0
    current = night.state().current
    assert current is not None
    assert current.phase is Phase.QUEUED
    # The lab says that it ended, and then ends.
    wait_until(lambda: not processes_below(night.root), "the end of every process")


def test_a_hang_up_of_the_viewer_does_not_touch_the_lab(night: Night) -> None:
    process = night.command("run", "--agent", "tpe", "--budget", "60", "--headless")
    wait_until(
        lambda: (
            sessions.sessions(night.root)
            and (current := night.state().current)
            and current.phase is Phase.TRAINING
        ),
        "a run in flight",
    )
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert sessions.lab_life(night.session) is LabLife.ALIVE
    night.done("stop", "--now")
    wait_until(lambda: sessions.lab_life(night.session) is LabLife.NONE, "the end")


def test_facts_come_as_json_lines(night: Night) -> None:
    done = night.done(*QUICK, "--headless", "--json", "--max-experiments", "2")
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert kinds[0] == "session_started"
    assert kinds[-1] == "lab_stopped"
    assert kinds.count("judged") == 2
    assert night.done("log", "--json").stdout.splitlines() == done.stdout.splitlines()
    log = night.done("log").stdout
    assert len(re.findall("KEEP|DISCARD", log)) == 2


def test_every_experiment_can_be_shown(night: Night) -> None:
    night.done(*QUICK, "--headless", "--max-experiments", "4")
    for number, experiment in night.state().experiments.items():
        shown = night.done("show", str(number)).stdout
        assert experiment.commit in shown
        assert (f"{experiment.val_bpb:.6f}") in shown
        assert ("@@" in shown) == (number > 0)
    assert "0 to 3" in night.done("show", "9").stderr


def test_data_is_prepared_before_the_first_run(night: Night) -> None:
    assert not (night.root / "rows").exists()
    night.done(*QUICK, "--headless", "--max-experiments", "1")
    assert (night.session.pristine / "rows" / "train.rows").exists()


def test_results_that_would_not_compare_are_refused(night: Night) -> None:
    night.done(*QUICK, "--headless", "--max-experiments", "1")
    other = night.done("run", "--agent", "tpe", "--budget", "0.2", "--headless")
    assert other.returncode == 1
    assert "would not compare" in other.stderr
    # Not told otherwise, a session keeps to the budget that it was begun with.
    assert night.done("run", "--headless", "--max-experiments", "1").returncode == 0


def test_a_work_tree_beside_the_first_sees_the_same_sessions(night: Night, tmp_path: Path) -> None:
    night.done(*QUICK, "--headless", "--max-experiments", "1")
    night.git("worktree", "add", "-q", str(tmp_path / "beside"))
    beside = Night(tmp_path / "beside")
    assert beside.session == night.session
    assert beside.done(*QUICK, "--headless", "--max-experiments", "2").returncode == 0
    assert night.state().judged_count == 2


def test_a_detached_head_is_no_hindrance(night: Night) -> None:
    night.git("checkout", "-q", "--detach")
    assert night.done(*QUICK, "--headless", "--max-experiments", "2").returncode == 0
    assert night.git("status", "--porcelain", "--branch").startswith("## HEAD (no branch)")


def test_a_repository_without_commits_will_do(night: Night, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    Night(empty).git("init", "-q")
    for name in ("train.py", "prepare.py"):
        (empty / name).write_bytes((night.root / name).read_bytes())
    assert Night(empty).done(*QUICK, "--headless", "--max-experiments", "2").returncode == 0
    assert Night(empty).git("log", "--oneline", "--all").count("\n") == 2


def test_secrets_stay_out_of_the_session(night: Night) -> None:
    secret = "sk-planted-0123456789"
    night.done(*QUICK, "--headless", "--max-experiments", "2", ANTHROPIC_API_KEY=secret)
    files = [path for path in night.session.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not any(secret.encode() in path.read_bytes() for path in files)


def test_claude_edits_through_its_tools_and_its_edit_is_run(night: Night) -> None:
    with MessagesServer(EditOneConstant(r"^(LEARNING_RATE) = ([0-9.]+)")) as server:
        done = night.done(
            "run", "--agent", "claude", "--base-url", server.url, "--budget", str(BUDGET_S),
            "--headless", "--max-experiments", "3", ANTHROPIC_API_KEY="any",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    state = night.state()
    assert [e.agent for e in state.experiments.values()] == ["baseline", "claude", "claude"]
    first = state.experiments[1]
    assert first.val_bpb is not None
    assert first.usage.input_tokens > 0
    assert first.usage.output_tokens > 0
    assert first.hypothesis
    thoughts = night.session.reasoning.read_text()
    assert "edit_train" in thoughts
    assert "submit" in thoughts
    assert night.session.diff(1).read_text().count("\n+LEARNING_RATE") == 1
    assert len(server.requests) >= 4


def test_a_refused_key_is_said_and_the_night_goes_on_with_tpe(night: Night) -> None:
    with MessagesServer(lambda _: Fault(401, "authentication_error", "invalid key")) as server:
        done = night.done(
            "run", "--agent", "claude", "--base-url", server.url, "--budget", str(BUDGET_S),
            "--headless", "--max-experiments", "2",
            AUTORESEARCH_AGENT_API_KEY_ENV="SERVER_KEY", SERVER_KEY="wrong",
        )  # fmt: skip
    assert done.returncode == 0
    assert "The key in SERVER_KEY was refused" in done.stdout
    assert night.state().experiments[1].agent == "tpe"


def test_doctor_finds_what_is_there_and_what_is_not(night: Night) -> None:
    healthy = night.done("doctor", "--agent", "tpe")
    # The machine that tests run on need not be fit for a night.
    failed = set(re.findall(r"^FAIL +(\S+)", healthy.stdout, re.MULTILINE))
    assert not failed & {"repository", "train.py", "prepare.py", "sandbox", "agent", "socket"}
    assert healthy.returncode == (1 if failed else 0)
    (night.root / "train.py").unlink()
    sick = night.done("doctor", "--agent", "tpe")
    assert sick.returncode == 1
    assert re.search(r"FAIL +train.py +There is no ", sick.stdout)
