"""What is wrong before a night begins is said in a sentence, and nothing is lost."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.session import LabLife, SessionLock
from tests.workshop import Workshop, wait_until

RUN = ("run", "--agent", "tpe", "--budget", "0.1", "--headless", "--max-experiments", "1")


def refused(workshop: Workshop, *arguments: str, **environment: str) -> str:
    """Run a command that must be refused in one sentence; return it."""
    done = workshop.done(*arguments, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_missing_train_file(workshop: Workshop) -> None:
    (workshop.root / "train.py").unlink()
    assert "There is no" in refused(workshop, *RUN)


def test_a_train_file_that_can_not_be_read(workshop: Workshop) -> None:
    (workshop.root / "train.py").unlink()
    (workshop.root / "train.py").mkdir()
    assert "can not be read" in refused(workshop, *RUN)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00"])
def test_a_train_file_that_is_no_text(workshop: Workshop, content: bytes) -> None:
    (workshop.root / "train.py").write_bytes(content)
    assert "train.py" in refused(workshop, *RUN)


def test_a_train_file_without_the_contract(workshop: Workshop) -> None:
    (workshop.root / "train.py").write_text("print('hello')\n")
    said = refused(workshop, *RUN)
    assert "build_model() and main()" in said
    assert "docs/contract.md" in said


def test_a_train_file_that_is_no_python(workshop: Workshop) -> None:
    (workshop.root / "train.py").write_text("def (:\n")
    assert "not valid Python" in refused(workshop, *RUN)


def test_no_prepare_file(workshop: Workshop) -> None:
    (workshop.root / "prepare.py").unlink()
    assert "has to lie beside train.py" in refused(workshop, *RUN)


def test_a_prepare_file_of_another_project(workshop: Workshop) -> None:
    (workshop.root / "prepare.py").write_text("raise SystemExit('usage: other')\n")
    assert "usage: other" in refused(workshop, *RUN)


def test_data_that_can_not_be_prepared(workshop: Workshop) -> None:
    prepare = (workshop.root / "prepare.py").read_text()
    broken = prepare.replace("DATA.mkdir(exist_ok=True)", "sys.exit('no network')")
    (workshop.root / "prepare.py").write_text(broken)
    said = refused(workshop, *RUN)
    assert "no network" in said
    assert "could not be prepared" in said


def test_no_repository(workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "train.py").write_text((workshop.root / "train.py").read_text())
    assert "git init" in refused(Workshop(folder), *RUN)


def test_a_bare_repository(workshop: Workshop, tmp_path: Path) -> None:
    workshop.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    assert "bare repository" in refused(Workshop(tmp_path / "bare"), *RUN)


def test_an_unknown_agent(workshop: Workshop) -> None:
    said = refused(workshop, *RUN[:1], "--agent", "tpee", *RUN[3:])
    assert "tpe" in said


def test_claude_without_a_key(workshop: Workshop) -> None:
    said = refused(workshop, *RUN[:1], "--agent", "claude", *RUN[3:])
    assert "ANTHROPIC_API_KEY" in said


@pytest.mark.parametrize("tag", ["../up", "a/b", "", ".lock", "x" * 99, "-x "])
def test_a_name_that_will_not_do(workshop: Workshop, tag: str) -> None:
    assert "can not name a session" in refused(workshop, *RUN, f"--tag={tag}")


def test_a_branch_of_that_name_that_is_somebody_elses(workshop: Workshop) -> None:
    workshop.git("branch", "autoresearch/mine")
    said = refused(workshop, *RUN, "--tag", "mine")
    assert "belongs to no session" in said
    assert workshop.git("rev-parse", "autoresearch/mine") == workshop.git("rev-parse", "HEAD")


def test_a_time_that_is_none(workshop: Workshop) -> None:
    assert "time of day" in refused(workshop, *RUN, "--until", "late")


def test_asking_where_nobody_answers(workshop: Workshop) -> None:
    assert "Nobody is there to approve" in refused(workshop, *RUN, "--approval", "ask")


def test_a_screen_without_a_terminal(workshop: Workshop) -> None:
    assert "--headless" in refused(workshop, "run", "--agent", "tpe")


def test_watching_what_is_not_there(workshop: Workshop) -> None:
    for command in ("status", "pause", "log"):
        assert "no session yet" in refused(workshop, command)
    workshop.done(*RUN, "--tag", "one")
    assert "It has: one." in refused(workshop, "status", "--tag", "two")


def test_a_full_disk_stops_the_lab_and_loses_nothing(workshop: Workshop) -> None:
    """The journal may not grow: as on a full disk, its next write is refused half way."""
    assert workshop.done(*RUN, "--tag", "one").returncode == 0
    session = sessions.find(workshop.root, "one")
    before = session.journal.read_bytes()
    limit_kib = len(before) // 1024 + 1
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {limit_kib}; exec autoresearch {' '.join(RUN[:-1])} 9"],
        cwd=workshop.root,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Make room on the disk" in done.stdout + done.stderr, done.stdout + done.stderr
    after = session.journal.read_bytes()
    assert after.startswith(before)
    assert after.endswith(b"\n")
    assert "File too large" in session.lab_log.read_text()
    again = workshop.done(*RUN[:-1], "3")
    assert again.returncode == 0, again.stderr


def test_a_broken_prepare_file_that_is_mended_will_do(workshop: Workshop) -> None:
    whole = (workshop.root / "prepare.py").read_text()
    (workshop.root / "prepare.py").write_text("def (:\n")
    assert "describe" in refused(workshop, *RUN)
    (workshop.root / "prepare.py").write_text(whole)
    assert workshop.done(*RUN).returncode == 0


def test_a_branch_in_the_way_of_ours(workshop: Workshop) -> None:
    workshop.git("branch", "autoresearch")
    assert "git branch -m autoresearch" in refused(workshop, *RUN, "--tag", "one")


def test_a_device_that_is_none(workshop: Workshop) -> None:
    (workshop.root / "autoresearch.toml").write_text('[run]\ndevice = "gpu"\n')
    assert "run.device" in refused(workshop, *RUN)


def test_a_night_that_asks_goes_on_asking(workshop: Workshop) -> None:
    asking = ("run", "--agent", "tpe", "--budget", "0.1", "--approval", "ask", "--tag", "one")
    assert workshop.done(*asking, "--detach").returncode == 0
    assert workshop.done("stop", "--now").returncode == 0
    session = sessions.find(workshop.root, "one")
    wait_until(lambda: sessions.lab_life(session) is LabLife.NONE, "the end")
    assert "Nobody is there to approve" in refused(workshop, "run", "--tag", "one", "--headless")


def test_a_lab_is_found_from_a_shell_with_other_folders(workshop: Workshop, tmp_path: Path) -> None:
    assert workshop.done("run", "--agent", "tpe", "--budget", "60", "--detach").returncode == 0
    session = sessions.find(workshop.root, None)
    elsewhere = str(tmp_path / "elsewhere")
    assert workshop.done("pause", XDG_RUNTIME_DIR=elsewhere).returncode == 0
    # A logout clears the user's runtime folder; the lab listens there again.
    session.socket.unlink()
    wait_until(session.socket.exists, "a new socket")
    assert workshop.done("stop", "--now").returncode == 0
    wait_until(lambda: sessions.lab_life(session) is LabLife.NONE, "the end")


def test_a_lock_that_a_look_takes_for_an_instant_is_no_second_lab(workshop: Workshop) -> None:
    assert workshop.done(*RUN, "--tag", "one").returncode == 0
    session = sessions.find(workshop.root, "one")
    with session.lock.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        threading.Timer(0.2, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        SessionLock(session).release()
