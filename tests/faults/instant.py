"""Jobs without processes, for nights of which a test wants hundreds: they train in no time."""

import importlib.util
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from autoresearch_tui.agents.base import Context, Proposal, Think
from autoresearch_tui.executors.base import (
    ClockStarted,
    Ended,
    Job,
    JobEvent,
    Opened,
    Ready,
    Started,
)
from autoresearch_tui.record.events import RunOutcome
from tests.workshop import STANDIN, ScriptedAgent, with_rate


def load(path: Path) -> Any:
    """Return a file as a module that nobody else gets to see."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFEREE = load(STANDIN / "prepare.py")


class InstantJob:
    """A job that does in this process what the stand-ins do in theirs."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def events(self) -> AsyncIterator[JobEvent]:
        yield Started(pid=0)
        if self._job.trial is None:
            answer = self._job.command[self._job.command.index("--out") + 1]
            Path(answer).write_text(json.dumps(self._score()))
        else:
            yield Opened()
            yield Ready(startup_s=0.0)
            yield ClockStarted(startup_s=0.0)
            weights = json.dumps(self._constants())
            (self._job.folder / "weights.safetensors").write_text(weights)
        yield Ended(outcome=RunOutcome.TRAINED, reason="", steps=1)

    def _constants(self) -> dict[str, float]:
        """Return what the experiment's `train.py` says of itself."""
        lines = (self._job.folder / "train.py").read_text().splitlines()
        pairs = [line.split("#")[0].split(" = ") for line in lines if line[:1].isupper()]
        return {name: float(value) for name, value in pairs}

    def _score(self) -> dict[str, object]:
        weights = json.loads((self._job.folder / "weights.safetensors").read_text())
        return {"valid": True, "val_bpb": REFEREE.score(weights)}

    def go(self) -> None:
        """Do nothing: it does not stand by."""

    def start_clock(self) -> None:
        """Do nothing: its clock starts by itself."""

    def kill(self, reason: str) -> None:
        """Do nothing: it has ended."""


class InstantExecutor:
    """Takes the place of the local one."""

    async def launch(self, job: Job) -> InstantJob:
        return InstantJob(job)


class BetterEachTime(ScriptedAgent):
    """Proposes what will be kept, so that each verdict moves the branch."""

    async def propose(self, context: Context, think: Think) -> Proposal:
        rate = 0.04 * 0.998**context.experiment
        # Rates so close count as one; the decay, which moves no score, tells them apart.
        decay = f"WEIGHT_DECAY = {context.experiment}"
        train = re.sub(r"WEIGHT_DECAY = \S+", decay, with_rate(context.train, rate), count=1)
        return Proposal(train=train, title=f"rate {rate:.6f}", hypothesis="It is nearer.")
