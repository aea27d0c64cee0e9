"""A run keeps to its clock, and nothing of it stays behind, whatever it does."""

import asyncio
import os
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autoresearch_tui.executors.base import (
    ClockStarted,
    Ended,
    Job,
    JobEvent,
    Ready,
    Started,
    Trial,
    Warm,
)
from autoresearch_tui.executors.local import LocalExecutor, LocalJob, child_environment
from autoresearch_tui.record.vocabulary import RunOutcome
from tests.workshop import processes_below, wait_until

HANDSHAKE = """
import json, os, socket, sys, time
channel = socket.socket(fileno=int(os.environ["AUTORESEARCH_TRIAL_FD"]))
def start():
    channel.sendall(b'{"kind":"ready"}\\n')
    message, fds, _, _ = socket.recv_fds(channel, 1024, 1)
    return os.fdopen(fds[0], "rb").read()
def finish(**values):
    channel.sendall(json.dumps({"kind": "finished", **values}).encode() + b"\\n")
    time.sleep(60)
"""


def job(folder: Path, script: str, *, budget_s: float | None = None, limit_s: float = 30.0) -> Job:
    (folder / "rows").write_bytes(b"rows")
    (folder / "script.py").write_text(textwrap.dedent(script))
    return Job(
        command=(sys.executable, "script.py"),
        folder=folder,
        environment=child_environment(os.environ),
        output=folder / "output.log",
        limit_s=limit_s,
        trial=None if budget_s is None else Trial(rows=folder / "rows", budget_s=budget_s),
    )


async def events_of(running: LocalJob) -> list[JobEvent]:
    events: list[JobEvent] = []
    async for event in running.events():
        events.append(event)
        if isinstance(event, Ready):
            running.start_clock()
    return events


async def run(
    folder: Path, script: str, *, budget_s: float | None = None, limit_s: float = 30.0
) -> Ended:
    running = await LocalExecutor().launch(job(folder, script, budget_s=budget_s, limit_s=limit_s))
    ended = (await events_of(running))[-1]
    assert isinstance(ended, Ended)
    assert processes_below(folder) == []
    return ended


async def test_a_trial_gets_its_rows_with_its_clock(tmp_path: Path) -> None:
    script = HANDSHAKE + "print(start().decode(), flush=True); finish(tokens=5, steps=2)"
    running = await LocalExecutor().launch(job(tmp_path, script, budget_s=5))
    events = await events_of(running)
    assert [type(event) for event in events] == [Started, Ready, ClockStarted, Ended]
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.tokens, ended.steps) == (RunOutcome.TRAINED, 5, 2)
    assert 0 < ended.trained_s < 5
    assert ended.peak_memory_mb > 0
    assert (tmp_path / "output.log").read_text() == "rows\n"


async def test_an_overrun_is_invalid(tmp_path: Path) -> None:
    script = HANDSHAKE + "start(); time.sleep(0.8); finish()"
    ended = await run(tmp_path, script, budget_s=0.1)
    assert ended.outcome is RunOutcome.INVALID
    assert "more than its budget" in ended.reason


async def test_finishing_before_the_clock_is_invalid(tmp_path: Path) -> None:
    ended = await run(tmp_path, HANDSHAKE + "finish()", budget_s=5)
    assert ended.outcome is RunOutcome.INVALID


async def test_never_asking_for_the_clock_is_a_timeout(tmp_path: Path) -> None:
    ended = await run(tmp_path, "import time; time.sleep(60)", budget_s=5, limit_s=0.3)
    assert ended.outcome is RunOutcome.TIMEOUT
    assert "did not ask for its clock" in ended.reason


async def test_output_without_end_postpones_nothing(tmp_path: Path) -> None:
    script = "import sys\nwhile True: sys.stdout.write('x' * 4095 + '\\r')"
    ended = await run(tmp_path, script, limit_s=1.0)
    assert ended.outcome is RunOutcome.TIMEOUT
    assert (tmp_path / "output.log").stat().st_size < 5 << 20


async def test_the_end_of_a_long_output_is_kept(tmp_path: Path) -> None:
    script = "import sys\nsys.stdout.write('x' * (8 << 20)); print('\\nthe last word')"
    ended = await run(tmp_path, script)
    assert ended.outcome is RunOutcome.TRAINED
    text = (tmp_path / "output.log").read_text()
    assert text.endswith("the last word\n")
    assert "bytes left out" in text


async def test_a_crash_is_told_with_its_exit_code(tmp_path: Path) -> None:
    ended = await run(tmp_path, "raise SystemExit(3)", budget_s=5)
    assert (ended.outcome, ended.exit_code) == (RunOutcome.CRASH, 3)


async def test_an_end_without_finish_is_a_crash(tmp_path: Path) -> None:
    ended = await run(tmp_path, "print('done')", budget_s=5)
    assert ended.outcome is RunOutcome.CRASH
    assert "trial.finish" in ended.reason


async def test_a_command_that_is_not_there_is_a_crash(tmp_path: Path) -> None:
    missing = job(tmp_path, "")
    missing = Job(**{**missing.__dict__, "command": ("/no/such/program",)})
    running = await LocalExecutor().launch(missing)
    events = await events_of(running)
    assert isinstance(events[-1], Ended)
    assert events[-1].outcome is RunOutcome.CRASH
    assert "could not be started" in events[-1].reason


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal,time;signal.signal(signal.SIGTERM, signal.SIG_IGN);time.sleep(300)"
subprocess.Popen([sys.executable, "-c", code])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").close()
        time.sleep(300)
    os._exit(0)
open("up", "w").close()
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="daemons are caught on Linux alone")
async def test_workers_and_daemons_that_ignore_term_are_killed(tmp_path: Path) -> None:
    impatient = replace(job(tmp_path, STUBBORN), term_grace_s=0.1)
    running = await LocalExecutor().launch(impatient)
    await asyncio.to_thread(
        wait_until, lambda: (tmp_path / "up").exists() and (tmp_path / "daemon").exists(), "start"
    )
    assert len(processes_below(tmp_path)) >= 3
    running.kill("a test said so")
    ended = (await events_of(running))[-1]
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.reason) == (RunOutcome.KILLED, "a test said so")
    assert processes_below(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="daemons are caught on Linux alone")
async def test_the_tree_dies_with_the_lab(tmp_path: Path) -> None:
    running = await LocalExecutor().launch(job(tmp_path, STUBBORN))
    await asyncio.to_thread(
        wait_until, lambda: (tmp_path / "up").exists() and (tmp_path / "daemon").exists(), "start"
    )
    # A dead lab is an end of file to its supervisors.
    running.hang_up()
    ended = (await events_of(running))[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome is RunOutcome.INTERRUPTED
    assert processes_below(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a parent-death signal")
async def test_the_process_dies_with_its_supervisor(tmp_path: Path) -> None:
    running = await LocalExecutor().launch(job(tmp_path, "import time; time.sleep(300)"))
    started = await anext(running.events())
    assert isinstance(started, Started)
    child = psutil.Process(started.pid)
    supervisor = child.parent()
    assert supervisor is not None
    supervisor.kill()
    ended = (await events_of(running))[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome is RunOutcome.CRASH
    await asyncio.to_thread(wait_until, lambda: not processes_below(tmp_path), "its end")


STAND_BY = """
import os, socket, sys, time
standing_by = socket.socket(fileno=int(os.environ["AUTORESEARCH_STANDBY_FD"]))
def stand_by():
    standing_by.sendall(b'{"kind":"warm"}\\n')
    if not standing_by.recv(1024):
        sys.exit(0)
"""


def spare(folder: Path, script: str, **options: float) -> Job:
    return replace(job(folder, STAND_BY + script, **options), stand_by=True)


async def test_a_spare_goes_on_when_it_is_told_and_its_limit_counts_from_there(
    tmp_path: Path,
) -> None:
    script = (
        HANDSHAKE + "time.sleep(0.8); stand_by(); print(start().decode(), flush=True); finish()"
    )
    running = await LocalExecutor().launch(spare(tmp_path, script, budget_s=5, limit_s=0.6))
    events: list[JobEvent] = []
    async for event in running.events():
        events.append(event)
        match event:
            case Warm():
                running.go()
            case Ready():
                assert event.startup_s < 0.8
                running.start_clock()
            case _:
                pass
    assert [type(event) for event in events] == [Warm, Started, Ready, ClockStarted, Ended]
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome is RunOutcome.TRAINED
    assert processes_below(tmp_path) == []


async def test_a_spare_may_be_told_to_go_before_it_is_warm(tmp_path: Path) -> None:
    running = await LocalExecutor().launch(spare(tmp_path, "stand_by(); sys.exit(7)", limit_s=30))
    running.go()
    events = await events_of(running)
    assert Started in map(type, events)
    assert isinstance(events[-1], Ended)
    assert events[-1].exit_code == 7


async def test_a_spare_that_died_was_never_started(tmp_path: Path) -> None:
    running = await LocalExecutor().launch(spare(tmp_path, "stand_by()"))
    events = running.events()
    warm = await anext(events)
    assert isinstance(warm, Warm)
    psutil.Process(warm.pid).kill()
    await asyncio.to_thread(wait_until, lambda: not processes_below(tmp_path), "its end")
    running.go()
    (ended,) = [event async for event in events]
    assert isinstance(ended, Ended)
    assert ended.outcome is RunOutcome.CRASH


async def test_a_spare_dies_with_the_lab(tmp_path: Path) -> None:
    running = await LocalExecutor().launch(spare(tmp_path, "stand_by()"))
    events = running.events()
    assert isinstance(await anext(events), Warm)
    running.hang_up()
    (ended,) = [event async for event in events]
    assert isinstance(ended, Ended)
    assert ended.outcome is RunOutcome.INTERRUPTED
    assert processes_below(tmp_path) == []


async def test_who_is_ready_may_be_kept_waiting_longer_than_its_limit(tmp_path: Path) -> None:
    script = HANDSHAKE + 'channel.sendall(b\'{"kind":"ready"}\\n\'); time.sleep(0.9); sys.exit(7)'
    running = await LocalExecutor().launch(job(tmp_path, script, budget_s=5, limit_s=0.6))
    ended = [event async for event in running.events()][-1]
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.exit_code) == (RunOutcome.CRASH, 7)


async def test_no_key_reaches_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ANTHROPIC_API_KEY",
        "NVIDIA_API_KEY",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
    ):
        monkeypatch.setenv(name, "planted-secret")
    await run(tmp_path, "import os; print(sorted(os.environ.items()))")
    text = (tmp_path / "output.log").read_text()
    assert "PATH" in text
    assert "planted-secret" not in text
