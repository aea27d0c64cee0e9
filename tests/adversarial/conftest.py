"""All cases run at once, in a few lanes; each test waits for its own."""

import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_model

import prepare
from autoresearch_tui.executors.sandbox import NO_SANDBOX, Level, Sandbox, try_out
from tests.adversarial import bench, case, honest
from tests.adversarial.bench import Outcome, World
from tests.adversarial.case import Case

BUSY_LANES = 3
IDLE_LANES = 4
PLANTED = "planted-secret-of-a-user"


def text(dice: random.Random, count: int) -> str:
    """Return a program of functions that call each other."""
    words = ["".join(random.Random(n).choices("abcdefgh", k=2 + n % 4)) for n in range(200)]
    return "".join(
        f"def {dice.choice(words)}(value):\n    return {dice.choice(words)}(value * {n % 7})\n\n"
        for n in range(count)
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every case and how it ended."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    told = sorted(str(text) for report in reports for _, text in report.user_properties)
    if told:
        terminalreporter.section("hostile scripts")
        terminalreporter.write("\n".join(told) + "\n")


class Lanes:
    """Runs cases, each once for each sandbox that it is asked for in."""

    def __init__(self, folder: Path, template: Path) -> None:
        self._folder, self._template = folder, template
        self._busy = ThreadPoolExecutor(BUSY_LANES)
        self._idle = ThreadPoolExecutor(IDLE_LANES)
        self._results: dict[tuple[str, Level], Future[Outcome]] = {}

    def start(self, name: str, sandbox: Sandbox = NO_SANDBOX) -> Future[Outcome]:
        """Run a case as soon as a lane is free, unless that was asked for before."""
        key = (name, sandbox.level)
        if key not in self._results:
            case = honest_case() if name == "honest" else Case.read(name)
            lane = self._idle if case.idle else self._busy
            self._results[key] = lane.submit(self._take, case, sandbox)
        return self._results[key]

    def _take(self, case: Case, sandbox: Sandbox) -> Outcome:
        folder = self._folder / f"{case.name}-{sandbox.level}"
        outcome = World(folder, self._template).take(case, sandbox)
        shutil.rmtree(folder, ignore_errors=True)
        return outcome

    def close(self) -> None:
        """Start nothing more, and wait for what runs."""
        for lane in (self._busy, self._idle):
            lane.shutdown(cancel_futures=True)


def honest_case() -> Case:
    """Return the script that does not cheat: what the others are held against."""
    script = (case.HERE / "honest.py").read_text() + case.GUARD
    return Case("honest", "", script, "same score", "", "any", False, case.LIMITS_S)


def trained_longer(data: Path, path: Path) -> None:
    """Write weights of the honest model that saw far more than any run may."""
    settings = {"data": str(data), "device": "cpu", "seed": 1, "budget_s": 1.0}
    prepare.use_run(settings | {"budget_tokens": None})
    torch.manual_seed(1)
    model = honest.Honest()
    meta = prepare.Meta.read(data)
    rows = prepare.np.fromfile(data / "train.rows", dtype=prepare.np.uint16)
    rows = torch.from_numpy(rows.astype(int)).view(-1, meta.row_length + 1)
    steps = 8 * honest.STEPS
    for step in range(steps):
        start = step * honest.ROWS % (len(rows) - honest.ROWS)
        rate = honest.LEARNING_RATE * (1 - step / steps)
        honest.learn(model, rows[start : start + honest.ROWS], rate)
    save_model(model, str(path))


@pytest.fixture(scope="session")
def sandboxes() -> dict[Level, Sandbox]:
    """The sandboxes that work here, the strongest first."""
    known = (Sandbox(Level.BWRAP), Sandbox(Level.LANDLOCK))
    return {sandbox.level: sandbox for sandbox in known if not try_out(sandbox)}


@pytest.fixture(scope="session")
def listener() -> Iterator[socket.socket]:
    """A service of this machine that no run may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="session")
def lanes(listener: socket.socket) -> Iterator[Lanes]:
    """The lanes, with the world that all cases begin with; its folder is not below /tmp.

    A sandbox has a /tmp of its own, and there nothing of a user's repository should be needed to
    be hidden by that.
    """
    with (
        tempfile.TemporaryDirectory(prefix="autoresearch-", dir="/var/tmp") as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        patch.setenv("AUTORESEARCH_DATA", str(folder / "prepared"))
        patch.setitem(prepare.PROFILES, "small", prepare.Profile(300, 32, 8_000, 10**6))
        for key, value in bench.one_thread().items():
            patch.setenv(key, value)
        for key in ("OPENAI_API_KEY", "HF_TOKEN", "WANDB_API_KEY"):
            patch.setenv(key, PLANTED)
        texts, dice = folder / "texts", random.Random(1)
        texts.mkdir()
        (texts / "train.txt").write_text(text(dice, 2500))
        (texts / "val.txt").write_text(text(dice, 1500))
        data = prepare.prepare(str(texts), "small")
        trained_longer(data, folder / "weights")
        World.template(folder / "template", data, folder / "weights", listener.getsockname()[1])
        lanes = Lanes(folder, folder / "template")
        try:
            yield lanes
        finally:
            lanes.close()
