"""Whatever dies or misbehaves below a lab, the night goes on and nothing stays behind."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from autoresearch_tui.executors import sweep
from autoresearch_tui.record.state import Phase
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.settings import RunSettings, Settings
from tests.faults.conftest import Watched
from tests.workshop import ScriptedAgent, WatchedLab, Workshop, wait_until

OVERLAP = Settings(run=RunSettings(overlap="on"))
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="daemons are caught on Linux alone")


def own_processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


async def supervisor_of(folder: Path) -> psutil.Process:
    """Return the supervisor of the job that works in a folder, once there is one."""

    def look() -> psutil.Process | None:
        for process in own_processes():
            with contextlib.suppress(psutil.Error):
                if process.cwd() == str(folder):
                    return process.parent()
        return None

    return await asyncio.to_thread(wait_until, look, f"a job in {folder}")


def edited(workshop: Workshop, before_clock: str) -> str:
    """Return the stand-in's `train.py`, better than it was, with lines before its clock."""
    text = (workshop.root / "train.py").read_text().replace("= 0.04 ", "= 0.02 ", 1)
    lines = "".join(f"    {line}\n" for line in before_clock.splitlines())
    return text.replace("    trial.start()\n", lines + "    trial.start()\n")


async def begin(lab: WatchedLab, phase: Phase, number: int) -> asyncio.Task[object]:
    night: asyncio.Task[object] = asyncio.create_task(lab.run())
    await lab.reach(phase, number)
    return night


async def test_a_training_process_that_is_killed_is_a_crash(
    workshop: Workshop, watched: Watched
) -> None:
    lab = workshop.lab(ScriptedAgent(0.02, 0.021), max_experiments=3)
    night = await begin(lab, Phase.TRAINING, 1)
    run = lab.state.experiments[1].last_run
    assert run is not None
    os.kill(run.pid, signal.SIGKILL)
    await night
    assert lab.state.experiments[1].status is Status.CRASH
    assert "SIGKILL" in lab.state.experiments[1].reason
    assert lab.state.experiments[2].status is Status.KEEP
    watched.check_whole()


EVALUATION = "def evaluate(folder: Path) -> dict[str, object]:\n"
SLOW_EVALUATION = (
    EVALUATION + "    if not (folder / 'again').exists():\n"
    "        (folder / 'again').touch()\n"
    "        time.sleep(60)\n"
)
"""The first evaluation of an experiment waits for its death, the second one does not."""


@pytest.mark.parametrize("victim", ["evaluator", "its supervisor"])
async def test_an_evaluator_that_is_killed_is_started_again(
    workshop: Workshop, watched: Watched, victim: str
) -> None:
    prepare = workshop.root / "prepare.py"
    prepare.write_text(prepare.read_text().replace(EVALUATION, SLOW_EVALUATION))
    watched = Watched(workshop.root, watched.session)
    lab = workshop.lab(ScriptedAgent(), max_experiments=1)
    night = await begin(lab, Phase.EVALUATING, 0)
    folder = workshop.session.experiment(0) / "evaluation"
    await asyncio.to_thread(wait_until, (folder / "again").exists, "the evaluation")
    supervisor = await supervisor_of(folder)
    killed = supervisor if victim == "its supervisor" else supervisor.children()[0]
    killed.kill()
    await night
    assert lab.state.experiments[0].status is Status.KEEP
    watched.check_whole()


DAEMON = """
import subprocess, sys
code = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "os.setsid(); open('up', 'w').close(); time.sleep(300)"
)
subprocess.Popen([sys.executable, "-c", code])
import os, time
while not os.path.exists("up"):
    time.sleep(0.005)
"""


@ON_LINUX
async def test_a_supervisor_that_is_killed_leaves_nothing_behind(
    workshop: Workshop, watched: Watched
) -> None:
    lab = workshop.lab(ScriptedAgent(edited(workshop, DAEMON), 0.019), max_experiments=3)
    night = await begin(lab, Phase.TRAINING, 1)
    (await supervisor_of(workshop.session.run_folder(1))).kill()
    await night
    assert lab.state.experiments[1].status is Status.CRASH
    assert "supervisor" in lab.state.experiments[1].reason
    assert lab.state.experiments[2].status is Status.KEEP
    watched.check_whole()


async def test_spares_that_are_killed_are_no_loss(
    workshop: Workshop, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.workshop.BUDGET_S", 60.0)
    train = (workshop.root / "train.py").read_text()
    at_once = train.replace("while trial.running", "while False").replace("= 0.04 ", "= 0.5 ")
    told = at_once.replace("while False", "while not __import__('os').path.exists('told')")
    (workshop.root / "train.py").write_text(at_once)
    watched = Watched(workshop.root, watched.session)
    lab = workshop.lab(ScriptedAgent(told, 0.6, 0.7), OVERLAP, max_experiments=4)
    night = await begin(lab, Phase.TRAINING, 1)
    session = workshop.session
    for folder in (session.run_folder(2), session.experiment(1) / "evaluation"):
        (await supervisor_of(folder)).kill()
    (session.run_folder(1) / "told").touch()
    await night
    assert lab.state.judged_count == 4
    assert all(each.val_bpb for each in lab.state.experiments.values())
    watched.check_whole()


@ON_LINUX
async def test_daemons_that_ignore_term_end_with_their_run(
    workshop: Workshop, watched: Watched
) -> None:
    lab = workshop.lab(ScriptedAgent(edited(workshop, DAEMON)), max_experiments=2)
    await lab.run()
    assert lab.state.experiments[1].status is Status.KEEP
    watched.check_whole()


async def test_fifty_megabytes_of_progress_are_a_few_in_the_end(
    workshop: Workshop, watched: Watched
) -> None:
    progress = "line = '\\r' + 1023 * '#'\nfor _ in range(50 << 10): print(line, end='')"
    lab = workshop.lab(ScriptedAgent(edited(workshop, progress)), max_experiments=2)
    await lab.run()
    assert lab.state.experiments[1].status is Status.KEEP
    assert workshop.session.output(1).stat().st_size < 5 << 20
    watched.check_whole()


@ON_LINUX
async def test_a_run_out_of_memory_is_a_crash_and_goes_before_the_lab(
    workshop: Workshop, watched: Watched
) -> None:
    filling = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))\n"
        "print(open('/proc/self/oom_score_adj').read())\n"
        "everything = []\n"
        "while True: everything.append(bytearray(1 << 24))"
    )
    lab = workshop.lab(ScriptedAgent(edited(workshop, filling), 0.02), max_experiments=3)
    await lab.run()
    assert lab.state.experiments[1].status is Status.CRASH
    assert "MemoryError" in lab.state.experiments[1].reason
    # The kernel takes who has most of it first.
    assert workshop.session.output(1).read_text().startswith("1000\n")
    assert Path("/proc/self/oom_score_adj").read_text().strip() != "1000"
    assert lab.state.experiments[2].status is Status.KEEP
    watched.check_whole()


@ON_LINUX
def test_what_nobody_owns_any_more_is_found_and_ended(tmp_path: Path) -> None:
    mine, others = tmp_path / "mine" / "0001" / "run", tmp_path / "mine-2"
    code = "import os, time; os.fork() == 0 and os.setsid(); time.sleep(300)"
    spawned = [
        psutil.Popen([sys.executable, "-c", code], env={sweep.FOLDER_VARIABLE: str(folder)})
        for folder in (mine, others)
    ]
    try:
        wait_until(lambda: len(sweep.left_over(tmp_path)) == 4, "four processes")
        sweep.clear(tmp_path / "mine")
        assert spawned[0].wait() == -signal.SIGKILL
        assert len(sweep.left_over(tmp_path)) == 2
    finally:
        sweep.clear(tmp_path)
        for process in spawned:
            process.wait()
    assert sweep.left_over(tmp_path) == []
