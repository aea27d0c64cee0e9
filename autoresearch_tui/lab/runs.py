"""One job of an experiment, its training or its evaluation: launched, watched and recorded."""

import asyncio
import signal
import time

import msgspec

from autoresearch_tui.executors.base import (
    ClockStarted,
    Ended,
    ExecutorError,
    Job,
    Opened,
    Ready,
    RunningJob,
    Started,
    Warm,
)
from autoresearch_tui.lab import clock, compile_cache, device, foreign, stages
from autoresearch_tui.lab.seal import SealBroken
from autoresearch_tui.lab.standby import Spare
from autoresearch_tui.lab.tools import CanNotGoOn, Record, Tools
from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import RunOutcome, Standing

FREE_MB_WANTED = 64.0
FILLING_MB = 1024.0
"""What no run needs that is not to blame for a full disk."""
EVALUATIONS_ALLOWED = 2
"""An evaluator that was killed says nothing of what it was to score."""


def refuse_full_disk(tools: Tools) -> None:
    """Raise `CanNotGoOn` where there is no room for another run."""
    free_mb = stages.free_mb(tools.session)
    if free_mb < FREE_MB_WANTED:
        raise CanNotGoOn(
            f"{free_mb:.0f} MiB are free on the disk of {tools.session.folder}; a run wants "
            f"{FREE_MB_WANTED:g}. Make room, then go on with: "
            f"autoresearch run --tag {tools.session.tag}"
        )


def refuse_changed_files(tools: Tools, journal: Journal) -> None:
    """Raise `CanNotGoOn` where scores would no longer mean what they did, or facts are not ours."""
    try:
        tools.seal.check()
    except SealBroken as broken:
        raise CanNotGoOn(str(broken)) from broken
    if not journal.is_as_left():
        raise CanNotGoOn(
            f"{tools.session.journal} was written to or replaced by something else than this lab. "
            "Look at its last lines and take out what is not the lab's, or begin another session "
            "with: autoresearch run --new"
        )


def record_end(
    tools: Tools,
    record: Record,
    experiment: Experiment,
    ended: Ended,
    clock_ended_at: float | None = None,
) -> None:
    """Record how a run ended, whoever had it end.

    Without `clock_ended_at` its clock ran for the time that it trained.

    Raises:
        OSError: it can not be recorded.
    """
    outcome = ended.outcome
    reason = stages.explain(ended, tools.session.output(experiment.number))
    if experiment.killed_by:
        outcome, reason = RunOutcome.KILLED, f"killed by {experiment.killed_by}"
    elif outcome is RunOutcome.KILLED:
        # Not by a person who wanted to be rid of it, so by the lab, which will run it again.
        outcome = RunOutcome.INTERRUPTED
    elif outcome is RunOutcome.CRASH and stages.free_mb(tools.session) < FREE_MB_WANTED:
        took_mb = stages.run_mb(tools.session, experiment.number)
        if took_mb < FILLING_MB:
            outcome, reason = RunOutcome.INTERRUPTED, f"the disk is full ({reason})"
        else:
            # Before anything is recorded, which wants room too.
            stages.drop_run(tools.session, experiment.number)
            reason = f"it filled the disk with {took_mb:.0f} MiB ({reason})"
    run = experiment.last_run
    started_at = None if run is None else run.clock_started_at
    if clock_ended_at is None and started_at is not None and ended.trained_s:
        clock_ended_at = started_at + ended.trained_s
    record(
        events.RunEnded(
            at=clock.now(),
            experiment=experiment.number,
            replicate=run.replicate if run else 0,
            outcome=outcome,
            reason=reason,
            trained_s=ended.trained_s,
            overrun_s=ended.overrun_s,
            clock_ended_at=clock_ended_at,
            tokens=ended.tokens,
            steps=ended.steps,
            peak_memory_mb=ended.peak_memory_mb,
            exit_code=ended.exit_code,
        )
    )


class _Work:
    """A job that can be told to end at any moment, also while it is being launched."""

    def __init__(self, tools: Tools, record: Record, experiment: Experiment) -> None:
        self._tools = tools
        self._record = record
        self._experiment = experiment
        self._job: RunningJob | None = None
        self._killed: str | None = None
        self.device_fault: str | None = None
        """What was wrong with the device, where it and not the experiment is to blame."""

    @property
    def number(self) -> int:
        """The experiment that it is for."""
        return self._experiment.number

    @property
    def _is_given_up(self) -> bool:
        """Whether a person wants no result of its experiment any more."""
        return self._experiment.killed_by is not None or self._experiment.skipped_by is not None

    def kill(self, reason: str) -> None:
        """End it; unless a person killed its experiment, it is done again at its next turn."""
        if self._killed is not None:
            return
        self._killed = reason
        if self._job is not None:
            self._job.kill(reason)

    def _take_up(self, job: RunningJob) -> RunningJob:
        self._job = job
        if self._killed is not None:
            job.kill(self._killed)
        return job

    async def _launch(self, job: Job) -> RunningJob:
        try:
            return self._take_up(await self._tools.executor.launch(job))
        except ExecutorError as error:
            raise CanNotGoOn(str(error)) from error

    async def _look_for_fault(self, ended: Ended, said: str = "") -> str | None:
        kind = self._tools.machine.device
        self.device_fault = await device.fault(kind, ended, said, self._experiment)
        return self.device_fault

    def _train_file(self) -> str:
        return self._tools.repository.train(self._experiment.commit)


class Training(_Work):
    """One run, from its launch to the last of its processes."""

    def __init__(
        self, tools: Tools, record: Record, experiment: Experiment, state: SessionState
    ) -> None:
        super().__init__(tools, record, experiment)
        outcomes = [run.outcome for run in experiment.runs]
        self._replicate = len([each for each in outcomes if each != RunOutcome.INTERRUPTED])
        self._seed = stages.seed(state.session_id, experiment.number, self._replicate)
        self._was_started = False
        self._is_ready = False
        self.may_have_clock = False
        """Whether it was granted its clock, which it gets as soon as it asks for it."""

    def grant_clock(self) -> None:
        """Let its clock start once it is ready."""
        self.may_have_clock = True
        if self._is_ready and self._job is not None:
            self._job.start_clock()

    async def see_through(self, spare: Spare | None) -> None:
        """Run it, in a process that stands by where one lives, and record what happens.

        Raises:
            CanNotGoOn: no process can be started.
            OSError: a fact can not be recorded.
        """
        tools, train = self._tools, self._train_file()
        if tools.foreign is not None:
            # A large tree takes its time to be copied, and the lab's heart must go on beating.
            make = tools.foreign.job
            job = await asyncio.to_thread(make, tools.session, self.number, train, self._seed)
            await self._watch_command(await self._launch(job), tools.foreign)
            return
        inputs = (tools.session, tools.machine, self.number, train, self._seed, tools.budget_s)
        standing_by = None if spare is None else await spare
        if standing_by is not None:
            self._take_up(standing_by)
            try:
                stages.hand_over_training(*inputs)
                standing_by.go()
            except OSError:
                standing_by.kill("its folder is gone")
            if await self._watch(standing_by, is_spare=True):
                return
        if self._killed is not None:
            return
        limit_s = tools.settings.run.startup_limit_s
        job = stages.training_job(
            tools.session, tools.machine, self.number, tools.budget_s, limit_s
        )
        stages.hand_over_training(*inputs)
        await self._watch(await self._launch(job), is_spare=False)

    async def _watch(self, job: RunningJob, *, is_spare: bool) -> bool:
        """Record what happens; return whether it happened to a run, and not to a mere spare."""
        async for event in job.events():
            match event:
                case Warm():
                    pass
                case Started():
                    self._start(event.pid)
                case Opened():
                    self._record(
                        events.TrialOpened(
                            at=clock.now(), experiment=self.number, replicate=self._replicate
                        )
                    )
                case Ready():
                    # It has seen no row yet.
                    compile_cache.harvest(self._tools.session)
                    self._is_ready = True
                    if self.may_have_clock:
                        job.start_clock()
                case ClockStarted():
                    self._record(self._clock_started(event.startup_s))
                case Ended():
                    if self._was_started or not is_spare:
                        await self._end(event)
        return self._was_started or not is_spare

    def _start(self, pid: int) -> None:
        self._was_started = True
        self._record(
            events.RunStarted(
                at=clock.now(),
                experiment=self.number,
                replicate=self._replicate,
                seed=self._seed,
                pid=pid,
                threads=stages.thread_count(),
                budget_s=self._tools.budget_s,
            )
        )

    async def _end(self, ended: Ended, clock_ended_at: float | None = None) -> None:
        if not self._was_started:
            if self._killed is not None:
                return
            # What could not even be started is a run as well, and its end has a reason.
            self._start(pid=0)
        if self._killed is not None and ended.outcome is RunOutcome.CRASH:
            # What ended the lab, as a machine that shuts down, may have reached the run as well.
            ended = msgspec.structs.replace(ended, outcome=RunOutcome.KILLED, reason=self._killed)
        said = stages.explain(ended, self._tools.session.output(self.number))
        if fault := await self._look_for_fault(ended, said):
            outcome, reason = RunOutcome.INTERRUPTED, f"{device.FAULT}: {fault}"
            ended = msgspec.structs.replace(ended, outcome=outcome, reason=reason)
        record_end(self._tools, self._record, self._experiment, ended, clock_ended_at)

    async def _watch_command(self, job: RunningJob, own_way: foreign.Foreign) -> None:
        """Record what happens to a run that keeps its own clock: all of it is training."""
        session, number = self._tools.session, self.number
        async for event in job.events():
            match event:
                case Started():
                    self._start(event.pid)
                    self._record(self._clock_started(startup_s=0.0))
                case Ended():
                    run, ended_at = self._experiment.last_run, clock.now()
                    started_at = run.clock_started_at if run and self._was_started else None
                    wall_s = max(0.0, ended_at - (started_at or ended_at))
                    if event.outcome is RunOutcome.TRAINED:
                        # Nothing tells when it saw its first row, and a result is believed anyway.
                        compile_cache.harvest(session)
                    ended = own_way.ended(session, number, event, wall_s)
                    await self._end(ended, ended_at)
                case _:
                    pass

    def _clock_started(self, startup_s: float) -> events.ClockStarted:
        return events.ClockStarted(
            at=clock.now(),
            experiment=self.number,
            replicate=self._replicate,
            startup_s=startup_s,
        )


def _was_killed(ended: Ended) -> bool:
    """Return whether something else than itself ended a job, or its supervisor."""
    killed = ended.exit_code is None or ended.exit_code == -signal.SIGKILL
    return ended.outcome is RunOutcome.CRASH and killed


class Evaluating(_Work):
    """The scoring of a run's weights."""

    async def see_through(self, spare: Spare | None) -> None:
        """Score the weights and record the result; one that is killed records nothing.

        Raises:
            CanNotGoOn: no process can be started.
            OSError: the result can not be recorded.
        """
        tools, run = self._tools, self._experiment.last_run
        assert run is not None
        if tools.foreign is not None:
            said = tools.foreign.evaluation(tools.session, self.number)
            self._evaluated(said, 0.0, Standing.REPORTED)
            return
        if not stages.hand_over_evaluation(
            tools.session, tools.machine, self.number, self._train_file(), run.seed, run.budget_s
        ):
            reason = "it finished without saving weights"
            self._evaluated(stages.Evaluation(valid=False, reason=reason), 0.0)
            return
        ended = None
        started = time.monotonic()
        standing_by = None if spare is None else await spare
        if standing_by is not None:
            self._take_up(standing_by).go()
            ended = await self._watch(standing_by, is_spare=True)
        for _ in range(EVALUATIONS_ALLOWED):
            if self._killed is not None or not (ended is None or _was_killed(ended)):
                break
            limit_s = tools.settings.run.evaluation_limit_s
            job = stages.evaluation_job(tools.session, tools.machine, self.number, limit_s)
            ended = await self._watch(await self._launch(job), is_spare=False)
        if ended is None or ended.outcome in (RunOutcome.KILLED, RunOutcome.INTERRUPTED):
            # A killed experiment is ended by the lab; else the evaluation is made again.
            return
        if await self._look_for_fault(ended) or self._is_given_up:
            # A word that came too late counts too: who was told that it is killed must find it so.
            return
        found = stages.read_evaluation(tools.session, self.number, ended)
        self._evaluated(found, time.monotonic() - started)

    async def _watch(self, job: RunningJob, *, is_spare: bool) -> Ended | None:
        """Return how the evaluation ended; none where a spare died before it was one."""
        is_evaluation, ended = not is_spare, None
        async for event in job.events():
            match event:
                case Started():
                    is_evaluation = True
                case Ended() if is_evaluation:
                    ended = event
                case _:
                    pass
        return ended

    def _evaluated(
        self,
        found: stages.Evaluation,
        seconds: float,
        standing: Standing = Standing.MEASURED,
    ) -> None:
        run = self._experiment.last_run
        self._record(
            events.Evaluated(
                at=clock.now(),
                experiment=self.number,
                replicate=run.replicate if run else 0,
                valid=found.valid,
                reason=found.reason,
                val_bpb=found.val_bpb,
                standing=standing,
                seconds=seconds,
            )
        )
