"""What a sandbox stops, and what it must not: real processes in each one that this machine has."""

import asyncio
import os
import socket
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autoresearch_tui.executors import landlock
from autoresearch_tui.executors import sandbox as sandboxes
from autoresearch_tui.executors.base import Confinement, Ended, Job, Started, Trial
from autoresearch_tui.executors.local import LocalExecutor, LocalJob, child_environment
from autoresearch_tui.executors.sandbox import (
    NO_SANDBOX,
    Level,
    Sandbox,
    SandboxError,
    choose,
    try_out,
)
from autoresearch_tui.record.vocabulary import RunOutcome
from tests.executors.test_supervisor import HANDSHAKE, STUBBORN, events_of
from tests.workshop import processes_below, wait_until

BWRAP, LANDLOCK = Sandbox(Level.BWRAP), Sandbox(Level.LANDLOCK)
MISSING = {sandbox.level: try_out(sandbox) for sandbox in (BWRAP, LANDLOCK)}

needs_bwrap = pytest.mark.skipif(bool(MISSING[Level.BWRAP]), reason=MISSING[Level.BWRAP])
needs_landlock = pytest.mark.skipif(bool(MISSING[Level.LANDLOCK]), reason=MISSING[Level.LANDLOCK])
each_sandbox = pytest.mark.parametrize(
    "sandbox",
    [
        pytest.param(BWRAP, id="bwrap", marks=needs_bwrap),
        pytest.param(LANDLOCK, id="landlock", marks=needs_landlock),
    ],
)

TRIES = """
import os, socket, sys, tempfile
from pathlib import Path
outside = Path(sys.argv[1])
def attempt(name, action):
    try:
        action()
    except OSError as error:
        print(name, "refused", flush=True)
    else:
        print(name, "done", flush=True)
"""


class Place:
    """A folder outside of a job's own, with something to hide, and the job's own."""

    def __init__(self, root: Path) -> None:
        self.outside = root / "outside"
        self.secret = self.outside / "secret"
        self.sealed = self.outside / "sealed"
        self.window = self.sealed / "window"
        # As long as a session's path may be: longer than the name of a socket.
        self.own = self.sealed / ("experiments" * 8) / "run"
        self.temporary = self.own / "tmp"
        for folder in (self.outside, self.window, self.temporary):
            folder.mkdir(parents=True)
        for file in (self.secret, self.sealed / "journal", self.window / "open"):
            file.write_text("held out")
        (self.own / "rows").write_bytes(b"rows")

    def job(
        self, script: str, *, budget_s: float | None = None, shares_gpu_memory: bool = False
    ) -> Job:
        file = self.own / "script.py"
        file.write_text(textwrap.dedent(script))
        return Job(
            command=(sys.executable, str(file), str(self.outside)),
            folder=self.own,
            environment=child_environment(os.environ),
            output=self.outside / "output.log",
            limit_s=60.0,
            trial=None if budget_s is None else Trial(rows=self.own / "rows", budget_s=budget_s),
            confinement=Confinement(
                writable=(self.own,),
                hidden=(self.secret, self.sealed, self.outside / "not there"),
                readable=(self.window,),
                temporary=self.temporary,
                shares_gpu_memory=shares_gpu_memory,
            ),
        )

    async def launch(self, sandbox: Sandbox, job: Job) -> LocalJob:
        return await LocalExecutor(sandbox=sandbox).launch(job)

    async def end(self, running: LocalJob) -> Ended:
        ended = (await events_of(running))[-1]
        assert isinstance(ended, Ended)
        assert processes_below(self.own) == []
        return ended

    async def run(self, sandbox: Sandbox, script: str, **options: bool) -> list[str]:
        """Run a script to its end; return the lines that it printed."""
        job = self.job(TRIES + textwrap.dedent(script), **options)
        ended = await self.end(await self.launch(sandbox, job))
        printed = job.output.read_text()
        assert ended.outcome is RunOutcome.TRAINED, printed
        return printed.splitlines()


@pytest.fixture
def place() -> Iterator[Place]:
    # In a sandbox /tmp may be the job's own, so that what lies there would be out of reach anyway.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as root:
        yield Place(Path(root))


@each_sandbox
@pytest.mark.parametrize("shares_gpu_memory", [False, True])
async def test_beside_a_gpu_every_process_can_write_its_own_place_in_proc(
    place: Place, sandbox: Sandbox, shares_gpu_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA does when it is opened, also in the processes that compile for it."""
    monkeypatch.setattr(sandboxes, "gpus", lambda: [Path("/dev/null")])
    script = """
    import subprocess
    name = "open('/proc/self/comm', 'w').write('named')"
    attempt("own", lambda: exec(name))
    attempt("child", lambda: subprocess.run([sys.executable, "-c", name], check=True))
    attempt("setting", lambda: open("/proc/sys/kernel/hostname", "w").close())
    """
    lines = await place.run(sandbox, script, shares_gpu_memory=shares_gpu_memory)
    assert lines[:2] == ["own done", "child done"]
    if sandbox.level is Level.BWRAP:  # docs/sandbox.md says so of the other
        assert lines[2:] == ["setting refused"]


@each_sandbox
@pytest.mark.parametrize("shares_gpu_memory", [False, True])
async def test_what_is_hidden_can_not_be_read(
    place: Place, sandbox: Sandbox, shares_gpu_memory: bool
) -> None:
    script = """
    attempt("file", (outside / "secret").read_bytes)
    attempt("folder", (outside / "sealed" / "journal").read_bytes)
    attempt("window", (outside / "sealed" / "window" / "open").read_bytes)
    attempt("link", lambda: (os.symlink(outside / "secret", "link"), open("link").read()))
    attempt("hard link", lambda: (os.link(outside / "secret", "hard"), open("hard").read()))
    """
    lines = await place.run(sandbox, script, shares_gpu_memory=shares_gpu_memory)
    assert lines == [
        "file refused",
        "folder refused",
        "window done",
        "link refused",
        "hard link refused",
    ]


@each_sandbox
async def test_a_night_in_tmp_can_be_confined_too(tmp_path: Path, sandbox: Sandbox) -> None:
    script = """
    attempt("secret", (outside / "secret").read_bytes)
    attempt("window", (outside / "sealed" / "window" / "open").read_bytes)
    attempt("own", lambda: open("mine", "x"))
    """
    lines = await Place(tmp_path).run(sandbox, script)
    assert lines == ["secret refused", "window done", "own done"]


@each_sandbox
@pytest.mark.parametrize("shares_gpu_memory", [False, True])
async def test_only_the_own_folder_can_be_written(
    place: Place, sandbox: Sandbox, shares_gpu_memory: bool
) -> None:
    script = """
    for name, file in {
        "own": Path("mine"), "temporary": Path(tempfile.gettempdir()) / "mine",
        "shared memory": Path("/dev/shm") / f"autoresearch-test-{os.getpid()}",
        "window": outside / "sealed" / "window" / "open", "journal": outside / "sealed" / "journal",
        "home": Path("/etc/passwd"), "kernel": Path("/proc/sys/kernel/hostname"),
    }.items():
        attempt(name, lambda: open(file, "a").close())
    os.unlink(f"/dev/shm/autoresearch-test-{os.getpid()}")
    attempt("removing", (outside / "secret").unlink)
    attempt("renaming", lambda: os.rename(outside / "sealed", outside / "broken"))
    attempt("a folder", (outside / "new").mkdir)
    """
    lines = await place.run(sandbox, script, shares_gpu_memory=shares_gpu_memory)
    assert lines[:3] == ["own done", "temporary done", "shared memory done"]
    assert (place.own / "mine").exists()
    assert (place.temporary / "mine").exists()
    assert len(lines) == 10
    assert all(line.endswith("refused") for line in lines[3:]), lines
    assert sorted(path.name for path in place.outside.iterdir()) == [
        "output.log",
        "sealed",
        "secret",
    ]
    assert place.secret.read_text() == (place.sealed / "journal").read_text() == "held out"


@each_sandbox
async def test_no_connection_leaves_it(place: Place, sandbox: Sandbox) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        script = f"""
        attempt("tcp", lambda: socket.create_connection(("127.0.0.1", {tcp.getsockname()[1]}), 5))
        attempt("listening", lambda: socket.create_server(("127.0.0.1", {tcp.getsockname()[1]})))
        datagram = socket.socket(type=socket.SOCK_DGRAM)
        attempt("udp", lambda: datagram.sendto(b"rows", ("127.0.0.1", {udp.getsockname()[1]})))
        """
        lines = await place.run(sandbox, script)
        assert "tcp refused" in lines
        if sandbox.level is Level.BWRAP:
            with pytest.raises(BlockingIOError):
                udp.recv(16)


@each_sandbox
async def test_the_lab_can_not_be_signalled_or_read(place: Place, sandbox: Sandbox) -> None:
    if sandbox.level is Level.LANDLOCK and landlock.version() < landlock.SCOPES_SINCE:
        pytest.skip("this kernel's Landlock knows no signals")
    script = f"""
    attempt("signal", lambda: os.kill({os.getpid()}, 0))
    attempt("environment", Path("/proc/{os.getpid()}/environ").read_bytes)
    attempt("descriptors", lambda: os.readlink("/proc/{os.getpid()}/fd/0"))
    """
    lines = await place.run(sandbox, script)
    assert lines == ["signal refused", "environment refused", "descriptors refused"]


@needs_bwrap
async def test_no_socket_of_a_service_can_be_reached_in_bwrap(place: Place) -> None:
    address = place.sealed / "socket"
    folder = os.open(place.sealed, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/socket")
        server.listen()
        os.close(folder)
        script = f"""
        os.chdir({str(address.parent)!r})
        attempt("socket", lambda: socket.socket(socket.AF_UNIX).connect("socket"))
        attempt("services", lambda: print(os.listdir("/run")))
        """
        assert (await place.run(BWRAP, script))[0] == "socket refused"


@each_sandbox
async def test_data_loaders_and_their_sockets_work(place: Place, sandbox: Sandbox) -> None:
    script = """
    import multiprocessing.connection, threading
    import torch
    from torch.utils.data import DataLoader
    with multiprocessing.connection.Listener(family="AF_UNIX") as listener:
        print("a socket in TMPDIR")
    if __name__ == "__main__":
        print(sum(float(batch.sum()) for batch in DataLoader(torch.ones(64, 8), 8, num_workers=2)))
        torch.optim.AdamW([torch.ones(2, requires_grad=True)])
    """
    assert await place.run(sandbox, script) == ["a socket in TMPDIR", "512.0"]


@each_sandbox
async def test_a_trial_gets_rows_that_it_can_not_open_itself(
    place: Place, sandbox: Sandbox
) -> None:
    rows = place.secret
    job = place.job(HANDSHAKE + "print(start().decode(), flush=True); finish(tokens=5)")
    job = Job(**{**job.__dict__, "trial": Trial(rows=rows, budget_s=5)})
    ended = await place.end(await place.launch(sandbox, job))
    assert (ended.outcome, ended.tokens) == (RunOutcome.TRAINED, 5)
    assert job.output.read_text() == "held out\n"


@each_sandbox
@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [
        ("raise SystemExit(3)", 3, "exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", -11, "signal SIGSEGV"),
    ],
)
async def test_an_end_is_told_as_without_a_sandbox(
    place: Place, sandbox: Sandbox, script: str, code: int, reason: str
) -> None:
    for kind in (NO_SANDBOX, sandbox):
        ended = await place.end(await place.launch(kind, place.job(script)))
        assert (ended.outcome, ended.exit_code) == (RunOutcome.CRASH, code)
        assert ended.reason == f"it ended with {reason}"


@each_sandbox
async def test_memory_is_counted(place: Place, sandbox: Sandbox) -> None:
    script = HANDSHAKE + "held = bytearray(os.urandom(1)) * (200 << 20); start(); finish()"
    ended = await place.end(await place.launch(sandbox, place.job(script, budget_s=5)))
    assert ended.outcome is RunOutcome.TRAINED
    assert ended.peak_memory_mb >= 200


@each_sandbox
async def test_a_run_that_is_sent_away_may_tidy_up(place: Place, sandbox: Sandbox) -> None:
    script = """
    import pathlib, signal, sys, time
    def tidy(*_):
        pathlib.Path("tidied").touch()
        sys.exit(0)
    signal.signal(signal.SIGTERM, tidy)
    pathlib.Path("up").touch()
    time.sleep(300)
    """
    running = await place.launch(sandbox, place.job(script))
    await asyncio.to_thread(wait_until, (place.own / "up").exists, "its start")
    running.kill("a test said so")
    ended = await place.end(running)
    assert (ended.outcome, ended.exit_code) == (RunOutcome.KILLED, 0)
    assert (place.own / "tidied").exists()


@each_sandbox
@pytest.mark.parametrize(
    ("shares_gpu_memory", "lab_dies"), [(False, False), (False, True), (True, True)]
)
async def test_nothing_stays_behind(
    place: Place, sandbox: Sandbox, shares_gpu_memory: bool, lab_dies: bool
) -> None:
    job = replace(place.job(STUBBORN, shares_gpu_memory=shares_gpu_memory), term_grace_s=0.1)
    running = await place.launch(sandbox, job)
    for name in ("up", "daemon"):
        await asyncio.to_thread(wait_until, (place.own / name).exists, name)
    assert len(processes_below(place.own)) >= 3
    if lab_dies:
        running.hang_up()
    else:
        running.kill("a test said so")
    ended = await place.end(running)
    assert ended.outcome is (RunOutcome.INTERRUPTED if lab_dies else RunOutcome.KILLED)


@needs_bwrap
async def test_daemons_in_bwrap_die_even_with_a_killed_supervisor(place: Place) -> None:
    running = await place.launch(BWRAP, place.job(STUBBORN))
    started = await anext(running.events())
    assert isinstance(started, Started)
    for name in ("up", "daemon"):
        await asyncio.to_thread(wait_until, (place.own / name).exists, name)
    supervisor = psutil.Process(started.pid).parent()
    assert supervisor is not None
    supervisor.kill()
    await events_of(running)
    await asyncio.to_thread(wait_until, lambda: not processes_below(place.own), "its end")


def test_the_best_that_works_is_chosen() -> None:
    assert choose("auto", lambda _: "").level is Level.BWRAP
    assert choose("require", lambda _: "").level is Level.BWRAP
    refused = {Level.BWRAP: "no", Level.LANDLOCK: ""}
    assert choose("auto", lambda sandbox: refused[sandbox.level]).level is Level.LANDLOCK
    assert choose("off", lambda _: "").level is Level.NONE


def test_where_none_works_the_user_is_told_or_the_start_refused() -> None:
    nothing = choose("auto", lambda sandbox: f"the kernel refuses {sandbox.level}")
    assert nothing.level is Level.NONE
    assert "Install the package bubblewrap" in nothing.note
    assert "the kernel refuses landlock" in nothing.note
    with pytest.raises(SandboxError, match="the kernel refuses bwrap"):
        choose("require", lambda sandbox: f"the kernel refuses {sandbox.level}")
    assert choose("off").note == ""


def test_a_sandbox_that_hides_nothing_does_not_pass() -> None:
    assert try_out(NO_SANDBOX)


@needs_landlock
def test_without_bwrap_landlock_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sh", "cat", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose("auto").level is Level.LANDLOCK
