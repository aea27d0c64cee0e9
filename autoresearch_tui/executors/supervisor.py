"""Watches over one process tree: hands it its clock and its rows, and leaves nothing of it behind.

Run by path in an interpreter of its own (`python -I supervisor.py`), with the standard library
alone, so that it starts in some 20 ms and depends on nothing that an experiment may have broken.
It speaks JSON lines with whoever started it:

    in   the job, on the first line; then {"do": "start_clock"}, {"do": "kill", "reason": ...}, and
         {"do": "go"} to one that stands by
    out  {"event": "started"}, {"event": "opened"}, {"event": "ready"}, {"event": "clock_started"},
         {"event": "ended"};
         one that stands by begins with {"event": "warm"}, and is started when it is told to go

The end of its input means that the lab is gone: the tree is killed at once, and the lock that it
keeps open for the lab is marked with the time, by which the next lab knows how long this one lived.
The clock is kept here, outside the watched process: it starts when the rows are handed over and
stops when the process says that its weights are on disk, and no output can postpone a deadline.
"""

import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast

OVERRUN_ALLOWED_S = 0.5
OVERRUN_ALLOWED_SHARE = 0.01
FINISH_GRACE_S = 5.0
"""How long after its budget a run may still finish; its result is invalid, its log is whole."""
KILL_PAUSE_S = 0.002
KILL_PAUSE_MAX_S = 0.2
OUTPUT_HEAD_BYTES = 4 << 20
OUTPUT_TAIL_BYTES = 64 << 10
READ_BYTES = 64 << 10
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OOM_FIRST = "1000"
MIB = 1 << 20

Message = dict[str, Any]


def overrun_allowed_s(budget_s: float) -> float:
    """Return by how much a run may exceed its budget and still count."""
    return max(OVERRUN_ALLOWED_S, OVERRUN_ALLOWED_SHARE * budget_s)


class Output:
    """Stores what a process prints: the beginning and the end, if it prints without measure."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._written = 0
        self._tail = bytearray()
        self._left_out = 0

    def write(self, data: bytes) -> None:
        """Store a piece; a full disk loses the piece and not the run."""
        head = data[: max(0, OUTPUT_HEAD_BYTES - self._written)]
        with contextlib.suppress(OSError):
            self._file.write(head)
        self._written += len(head)
        self._tail += data[len(head) :]
        excess = len(self._tail) - OUTPUT_TAIL_BYTES
        if excess > 0:
            self._left_out += excess
            del self._tail[:excess]

    def close(self) -> None:
        """Write the end, and how much is missing before it."""
        with contextlib.suppress(OSError):
            if self._left_out:
                self._file.write(f"\n[{self._left_out} bytes left out]\n".encode())
            self._file.write(self._tail)
        self._file.close()


class Lines:
    """Cuts a stream into lines, with a bound on how long one may be."""

    LIMIT_BYTES = 1 << 20

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that are whole now."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._partial = self._partial[-self.LIMIT_BYTES :]
        yield from lines


def parse(line: bytes) -> Message:
    """Return the object that a line holds; empty where it holds none."""
    try:
        message: Any = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(message, dict):
        return {}
    return cast("Message", message)


class Channel:
    """A socket whose other end a watched process holds; what comes is JSON lines."""

    def __init__(self) -> None:
        self.socket, self.theirs = socket.socketpair()
        self.socket.setblocking(False)
        self.is_open = True
        self._lines = Lines()

    def read(self) -> list[Message]:
        """Return what came since the last look; the other end's close makes this one closed."""
        if not self.is_open:
            return []
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.is_open = False
        return [parse(line) for line in self._lines.feed(data)]


def tell(**event: Any) -> None:
    """Send an event to the lab; a lab that is gone is noticed by its end of the input."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(event).encode() + b"\n")


class Supervisor:
    """One watched process tree, from its start to the last of its processes."""

    def __init__(self, job: Message) -> None:
        self.job = job
        self.trial: Message | None = job.get("trial")
        self.output = Output(Path(job["output"]))
        self.selector = selectors.DefaultSelector()
        self.from_lab = Lines()
        self.trial_channel = Channel() if self.trial else None
        self.stand_by_channel = Channel() if job.get("stand_by") else None
        self.is_warm = False
        self.was_started = False
        self.opened = False
        self.ready = False
        self.clock_started: float | None = None
        self.lab_gone = False
        self.result: Message | None = None
        self.finish: Message = {}
        self.ended = 0.0
        self.peak_mb = 0

    def run(self) -> None:
        """Start the process, watch it to its end, and report that."""
        subreaper()
        self.deadline: float | None = None
        wakeup = self._wake_on_child_exit()
        try:
            self.process = self._spawn()
        except OSError as error:
            self.output.close()
            tell(event="ended", outcome="crash", reason=f"it could not be started: {error}")
            return
        if self.stand_by_channel is None:
            self._start()
        self.selector.register(0, selectors.EVENT_READ, self._read_lab)
        self.selector.register(wakeup, selectors.EVENT_READ, lambda: wakeup.recv(READ_BYTES))
        try:
            while self.result is None:
                self._wait()
        except Exception as error:
            # Whatever a run sent that nobody thought of: it must not outlive its supervisor.
            self._end("crash", f"its supervisor failed with {error!r}")
        assert self.result is not None
        # A run that answered is cleared at once; only one that is sent away may tidy up.
        polite = self.result["outcome"] in {"timeout", "killed"} and not self.lab_gone
        self.peak_mb = high_water_mb(self.process.pid)
        exit_code = self._clear_tree(self.job["term_grace_s"] if polite else 0.0)
        self._drain_output()
        self.output.close()
        tell(event="ended", exit_code=exit_code, **self._measured(), **self.result)

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = dict(self.job["environment"])
        theirs: list[socket.socket] = []
        for name, channel, read in (
            ("AUTORESEARCH_TRIAL_FD", self.trial_channel, self._read_trial),
            ("AUTORESEARCH_STANDBY_FD", self.stand_by_channel, self._read_stand_by),
        ):
            if channel is not None:
                theirs.append(channel.theirs)
                environment[name] = str(channel.theirs.fileno())
                self.selector.register(channel.socket, selectors.EVENT_READ, read)
        process = subprocess.Popen(
            self.job["command"],
            cwd=self.job["folder"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[end.fileno() for end in theirs],
            preexec_fn=prepare_child,  # noqa: PLW1509 - this process has one thread
        )
        for end in theirs:
            end.close()
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self.selector.register(process.stdout, selectors.EVENT_READ, self._read_output)
        return process

    def _start(self) -> None:
        """Count from here: what came before was standing by."""
        self.was_started = True
        self.started = time.monotonic()
        self.deadline = self.started + self.job["limit_s"]
        tell(event="started", pid=self.process.pid)

    def _wake_on_child_exit(self) -> socket.socket:
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        self._wakeup_writing = writing
        signal.signal(signal.SIGCHLD, ignore)
        # The lab ends a run by its pipe; a signal would come from the run itself, or for all.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        return reading

    def _wait(self) -> None:
        left_s = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        for key, _ in self.selector.select(left_s):
            if self.result is None:
                key.data()
        if self.result is not None:
            return
        exit_code = self._exit_code()
        if exit_code is not None:
            # Its last message may lie in the socket, sent just before it ended.
            self._read_trial()
            self._end_by_exit(exit_code)
        elif self.deadline is not None and time.monotonic() >= self.deadline:
            self._end("timeout", self._deadline_sentence())

    def _deadline_sentence(self) -> str:
        if self.trial is None:
            return f"it did not end within {self.job['limit_s']:g} s"
        if self.clock_started is None:
            return f"it did not ask for its clock within {self.job['limit_s']:g} s"
        budget_s = self.trial["budget_s"]
        return f"it did not finish within {FINISH_GRACE_S:g} s after its {budget_s:g} s"

    def _end(self, outcome: str, reason: str) -> None:
        if self.result is None:
            self.result = {"outcome": outcome, "reason": reason}
            self.ended = time.monotonic()

    def _exit_code(self) -> int | None:
        """Return the process's exit code, -n for signal n; none while it lives.

        A sandbox may tell a signal as shells do, by an exit code above a certain number.
        """
        code = self.process.poll()
        above = self.job.get("signal_exit_code")
        if code is not None and above is not None and above < code < above + signal.NSIG:
            return above - code
        return code

    def _end_by_exit(self, code: int) -> None:
        how = f"exit code {code}" if code >= 0 else f"signal {signal_name(-code)}"
        if self.trial is None and code == 0:
            self._end("trained", "")
        elif code == 0:
            self._end("crash", "it ended without trial.finish(model)")
        else:
            self._end("crash", f"it ended with {how}")

    def _read_lab(self) -> None:
        data = os.read(0, READ_BYTES)
        if not data:
            self.lab_gone = True
            self._mark_end_of_lab()
            self._end("interrupted", "the lab is gone")
            return
        for line in self.from_lab.feed(data):
            message = parse(line)
            if message.get("do") == "kill":
                self._end("killed", str(message.get("reason", "")))
            elif message.get("do") == "start_clock":
                self._start_clock()
            elif message.get("do") == "go":
                self._go()

    def _mark_end_of_lab(self) -> None:
        lock = self.job.get("lock")
        if lock is not None:
            now = time.time()
            with contextlib.suppress(OSError):
                os.utime(lock, (now, now))

    def _messages(self, channel: Channel | None) -> list[Message]:
        if channel is None or not channel.is_open:
            return []
        messages = channel.read()
        if not channel.is_open:
            self.selector.unregister(channel.socket)
            channel.socket.close()
        return messages

    def _read_stand_by(self) -> None:
        for message in self._messages(self.stand_by_channel):
            if message.get("kind") == "warm" and not self.is_warm:
                self.is_warm = True
                tell(event="warm", pid=self.process.pid)

    def _go(self) -> None:
        """Tell a process that stands by to go on; one that died meanwhile was never started."""
        if self.stand_by_channel is None or self.was_started or self.result is not None:
            return
        if self._exit_code() is not None:
            return
        try:
            self.stand_by_channel.socket.sendall(b'{"kind":"go"}\n')
        except OSError:
            self._end("crash", "it no longer stood by")
        else:
            self._start()

    def _read_trial(self) -> None:
        now = time.monotonic()
        for message in self._messages(self.trial_channel):
            if not self.was_started:
                continue
            if message.get("kind") == "opened" and not self.opened:
                self.opened = True
                tell(event="opened")
            elif message.get("kind") == "ready" and not self.ready:
                self.ready = True
                if self.clock_started is None:
                    # Whoever asked for the clock decides how long to wait for it.
                    self.deadline = None
                tell(event="ready", startup_s=now - self.started)
            elif message.get("kind") == "finished" and self.result is None:
                self._finish(message, now)

    def _start_clock(self) -> None:
        """Hand over the rows; the clock starts with them."""
        channel = self.trial_channel
        if self.trial is None or channel is None or not channel.is_open:
            return
        if self.clock_started is not None or self.result is not None:
            return
        try:
            rows = os.open(self.trial["rows"], os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._end("crash", f"the training rows can not be read: {error}")
            return
        # Before the run can know of it: being kept waiting must not lengthen a budget.
        now = time.monotonic()
        try:
            socket.send_fds(channel.socket, [b'{"kind":"start"}\n'], [rows])
        except OSError:
            return  # It ended while it waited, which the next look at it shows.
        finally:
            os.close(rows)
        self.clock_started = now
        self.deadline = self.clock_started + self.trial["budget_s"] + FINISH_GRACE_S
        tell(event="clock_started", startup_s=self.clock_started - self.started)

    def _finish(self, message: Message, now: float) -> None:
        self.finish = message
        if self.clock_started is None or self.trial is None:
            self._end("invalid", "it finished before its clock had started")
            return
        trained_s = now - self.clock_started
        overrun_s = trained_s - self.trial["budget_s"]
        self.finish = {**message, "trained_s": trained_s, "overrun_s": max(0.0, overrun_s)}
        allowed_s = overrun_allowed_s(self.trial["budget_s"])
        if overrun_s > allowed_s:
            self._end(
                "invalid",
                f"it took {overrun_s:.2f} s more than its budget, and {allowed_s:g} s are allowed",
            )
        else:
            self._end("trained", "")

    def _measured(self) -> Message:
        peak = max(peak_memory_mb(), self.peak_mb)
        return {
            "trained_s": self._number("trained_s", self._clock_s()),
            "overrun_s": self._number("overrun_s", 0.0),
            "tokens": int(self._number("tokens", 0)),
            "steps": int(self._number("steps", 0)),
            "peak_memory_mb": int(self._number("peak_memory_mb", 0)) or peak,
        }

    def _clock_s(self) -> float:
        return 0.0 if self.clock_started is None else self.ended - self.clock_started

    def _number(self, key: str, default: float) -> float:
        value = self.finish.get(key, default)
        return value if isinstance(value, int | float) and abs(value) < 1e18 else default

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), READ_BYTES)
        if data:
            self.output.write(data)
        else:
            self.selector.unregister(self.process.stdout)

    def _drain_output(self) -> None:
        """Read what is still in the pipe; nobody who could write more is left."""
        assert self.process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.process.stdout.fileno(), READ_BYTES):
                self.output.write(data)

    def _clear_tree(self, grace_s: float) -> int | None:
        """End the process and all that it started, also what left its group or its session.

        As a subreaper this process inherits every orphan below it, so that killing children until
        none are left reaches all of them. Returns the exit code of the process, if it had one
        before it was killed.
        """
        exit_code = self._exit_code()
        if grace_s and exit_code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGTERM)
            self._wait_reading(grace_s)
            exit_code = self._exit_code()
        pause_s = KILL_PAUSE_S
        while True:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for pid in children():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return exit_code
            # A process inside a device driver takes its time to die.
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, KILL_PAUSE_MAX_S)

    def _wait_reading(self, grace_s: float) -> None:
        """Wait for the process to end, reading its output so that a full pipe can not hold it."""
        until = time.monotonic() + grace_s
        while self.process.poll() is None and not self.lab_gone:
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            for key, _ in self.selector.select(left_s):
                key.data()


def signal_name(number: int) -> str:
    """Return a signal's name, or its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def ignore(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that only has to wake the loop."""


def children() -> list[int]:
    """Return the processes whose parent this one is (Linux; elsewhere the group has to do)."""
    return [pid for pid, parent in parents().items() if parent == os.getpid()]


def parents() -> dict[int, int]:
    """Return the parent of each process that there is (Linux)."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent ...; the name may itself hold spaces and parentheses.
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def high_water_mb(root: int) -> int:
    """Return the largest resident size that a living process below `root` had, in MiB (Linux).

    What is killed together with the sandbox around it is counted nowhere else.
    """
    tree, known = {root}, parents()
    while below := {pid for pid, parent in known.items() if parent in tree} - tree:
        tree |= below
    peak_kb = 0
    for pid in tree:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak_kb = max(peak_kb, int(line.split()[1]))
    return peak_kb // 1024


def peak_memory_mb() -> int:
    """Return the largest resident size that any of the ended processes had, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit // MIB


def subreaper() -> None:
    """Have orphans below this process become its children (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def prepare_child() -> None:
    """Hear signals again; on Linux end with the supervisor, and first where memory runs out."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # Where memory runs out, a run goes, and neither its supervisor nor the lab.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_FIRST)


def main() -> None:
    """Read the job from the first line of the input, and see it through."""
    line = b""
    # Byte by byte: what follows the first line must stay in the pipe for the selector.
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    Supervisor(json.loads(line)).run()


if __name__ == "__main__":
    main()
