"""Processes that wait for the next run and the next evaluation, so that nobody waits for them.

Importing torch and opening a device takes seconds, and needs to know nothing of an experiment. A
spare has done it, and does what it is told when its turn has come. One that died meanwhile is no
loss: whoever asked for it starts cold.
"""

import asyncio
from collections.abc import Collection
from enum import StrEnum

from autoresearch_tui.executors.base import ExecutorError, Job, RunningJob
from autoresearch_tui.lab import stages
from autoresearch_tui.lab.tools import Tools
from autoresearch_tui.record.vocabulary import Hardware
from autoresearch_tui.settings import Overlap

AUTO_FROM_MB = 24_000
"""The memory of a device, as its maker counts it, from which two runs may share it."""
ROOM_MB = 16 * 1024
"""What an evaluation and all else on the device take beside a run."""


class Stage(StrEnum):
    """What a spare is for."""

    TRAINING = "training"
    EVALUATION = "evaluation"


Key = tuple[Stage, int]
"""A stage, and the number of the experiment: a process is bound to its folder from its start."""

Spare = asyncio.Task[RunningJob | None]
"""A process being started; none comes of it where that fails."""


def is_overlapping(choice: Overlap, hardware: Hardware | None) -> bool:
    """Return whether the next run starts up while the last one is evaluated."""
    if choice == "auto" and hardware is not None:
        return hardware.device == "cuda" and hardware.device_memory_mb >= AUTO_FROM_MB
    return choice == "on"


def has_room(hardware: Hardware | None, peak_memory_mb: int) -> bool:
    """Return whether a run like the last one fits on the device beside an evaluation."""
    if hardware is None or not hardware.device_memory_mb:
        return True
    return peak_memory_mb + ROOM_MB <= hardware.device_memory_mb


class Spares:
    """The processes that stand by: at most one a stage and experiment."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._spares: dict[Key, Spare] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def keep(self, wanted: Collection[Key]) -> None:
        """End all that can not be used any more."""
        for key in self._spares.keys() - set(wanted):
            leaving = asyncio.create_task(_dismiss(self._spares.pop(key)))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def launch(self, wanted: Collection[Key]) -> None:
        """Start those that there are none of; one that died counts until it is taken."""
        for key in wanted:
            if key not in self._spares:
                self._spares[key] = asyncio.create_task(self._launch(*key))

    def take(self, key: Key) -> Spare | None:
        """Return what stands by for this, and may have died meanwhile; none without one."""
        return self._spares.pop(key, None)

    async def close(self) -> None:
        """End all of them, and return once they are gone."""
        self.keep(())
        await asyncio.gather(*self._leaving)

    async def _launch(self, stage: Stage, number: int) -> RunningJob | None:
        try:
            return await self._tools.executor.launch(self._job(stage, number))
        except (ExecutorError, OSError):
            # Whoever would have used it starts cold, and reports what is wrong.
            return None

    def _job(self, stage: Stage, number: int) -> Job:
        tools = self._tools
        limits = tools.settings.run
        if stage is Stage.TRAINING:
            return stages.training_job(
                tools.session,
                tools.machine,
                number,
                tools.budget_s,
                limits.startup_limit_s,
                stand_by=True,
            )
        return stages.evaluation_job(
            tools.session, tools.machine, number, limits.evaluation_limit_s, stand_by=True
        )


async def _dismiss(spare: Spare) -> None:
    job = await spare
    if job is not None:
        job.kill("it is not needed any more")
        async for _ in job.events():
            pass
