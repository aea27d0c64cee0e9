"""The night: propose, approve, train, evaluate, judge, record, and again.

Whenever something changed, the lab looks at its state and begins what that asks for. Nothing else
decides, so that a lab which takes up a session after a crash goes on in the middle of it by the
same code. What takes time are tasks beside it: one proposal, one clock or one evaluation, and,
where the device has room for it, the next run, which starts up while the last one is evaluated.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine

import msgspec

from autoresearch_tui.control.messages import AnyCommand, Reply, Stop, refused
from autoresearch_tui.executors.base import Ended
from autoresearch_tui.lab import approval, clock, commands, judge, permissions, stages, watchdog
from autoresearch_tui.lab.judge import Verdict
from autoresearch_tui.lab.limits import LOOK_AGAIN_S
from autoresearch_tui.lab.rebase import Rebaser
from autoresearch_tui.lab.repository import RepositoryError
from autoresearch_tui.lab.runs import (
    FREE_MB_WANTED,
    Evaluating,
    Training,
    record_end,
    refuse_changed_files,
    refuse_full_disk,
)
from autoresearch_tui.lab.standby import Key, Spares, Stage, has_room, is_overlapping
from autoresearch_tui.lab.tools import CanNotGoOn, Tools
from autoresearch_tui.lab.turns import Turns
from autoresearch_tui.lab.verdicts import Verdicts
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import NOT_STARTED, Activity, Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Level, RunOutcome, Status
from autoresearch_tui.session import Session

IDLE = (Activity.PAUSED, Activity.WAITING_FOR_HUMAN, Activity.OFF)


class Lab:
    """Runs one session; what it knows is in its state, and all of that is in the journal."""

    def __init__(self, tools: Tools, state: SessionState, journal: Journal) -> None:
        self.state = state
        self._tools = tools
        self._session: Session = tools.session
        self._journal = journal
        self._changed = asyncio.Event()
        self._requests = permissions.Requests(state, self.record)
        self._turns = Turns(tools, state, self.record, self._begin, self._requests.ask)
        self._rebaser = Rebaser(tools, state, self.record)
        self._verdicts = Verdicts(tools, state, self.record)
        self._spares = Spares(tools)
        self._runs: dict[int, Training] = {}
        """By the number of their experiment."""
        self._evaluation: Evaluating | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._device_fault: str | None = None
        """What the last job on the device found wrong with it, until that is seen to."""
        self._alarm: asyncio.TimerHandle | None = None
        """Looks again when a wait for the device is over."""
        self._interrupted_by: str | None = None

    def record(self, fact: KnownFact) -> None:
        """Put a fact on the disk, then into the state.

        Raises:
            OSError: the disk is full or gone; neither has the fact.
        """
        self._journal.append(fact)
        apply(self.state, fact)
        self._tools.hear(self.state, fact)
        self._requests.hear(fact)
        self._changed.set()

    @property
    def has_stuck_agent(self) -> bool:
        """Whether an agent goes on that was told to end."""
        return self._turns.has_stuck_agent

    def is_busy(self) -> bool:
        """Return whether there is load worth sampling."""
        return self.state.activity not in IDLE

    async def handle(self, command: AnyCommand) -> Reply:
        """Do what a person asks for.

        Raises:
            OSError: it can not be recorded; a stop is obeyed all the same.
        """
        try:
            return commands.answer(
                self.state, command, self._record_command, self._tools.repository, self._session
            )
        except RepositoryError as error:
            return refused(str(error))
        except OSError:
            if isinstance(command, Stop):
                self.interrupt(f"{command.by} stopped it")
            raise

    def _record_command(self, fact: KnownFact) -> None:
        self.record(fact)
        match fact:
            case events.KillRequested():
                self._end_works_of(fact.experiment, f"killed by {fact.by}")
            case events.SkipRequested():
                self._end_works_of(fact.experiment, f"skipped by {fact.by}")
            case events.Paused(now=True):
                # An evaluation takes no clock's time, and what it scores is trained.
                for run in self._runs.values():
                    run.kill(f"paused by {fact.by}")
            case events.Undone():
                self._turns.incumbent_changed()
            case events.EditQueued():
                # A person comes before an agent that has not proposed yet.
                self._turns.cancel()
            case events.StopRequested(now=now):
                if now:
                    self.interrupt(f"{fact.by} stopped it")
                else:
                    self._turns.cancel()
            case _:
                pass

    def interrupt(self, reason: str) -> None:
        """End the lab now: what is in flight is ended, and done again at the next start."""
        self._interrupted_by = reason
        self._end_works(reason)
        self._changed.set()

    def _works(self) -> list[Training | Evaluating]:
        evaluations = [] if self._evaluation is None else [self._evaluation]
        return [*self._runs.values(), *evaluations]

    def _end_works_of(self, number: int, reason: str) -> None:
        for work in self._works():
            if work.number == number:
                work.kill(reason)

    def _end_works(self, reason: str) -> None:
        for work in self._works():
            work.kill(reason)
        self._turns.cancel()

    async def run(self) -> events.LabStopped:
        """Do all that there is to do until a person or a limit ends the session; return how.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: the session's branch is not where it was left.
        """
        self.reconcile()
        reason = "the lab could not go on"
        try:
            end = await self._run()
            reason = end.reason
        finally:
            await self._clear(reason)
        end = msgspec.structs.replace(end, at=clock.now())
        self.record(end)
        return end

    def reconcile(self) -> None:
        """Make git, the journal and the folder agree again after an end at any moment.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: the session's branch is not where it was left.
        """
        self._verdicts.reconcile()

    async def _run(self) -> events.LabStopped:
        while (end := self._end()) is None:
            self._changed.clear()
            try:
                self._advance()
                await self._wait()
                if self._failure is not None:
                    raise self._failure
            except CanNotGoOn as trouble:
                return events.LabStopped(at=clock.now(), reason=str(trouble), trouble=True)
        return end

    async def _clear(self, reason: str) -> None:
        """End all that is under way, and return once nothing is left of it."""
        self._end_works(reason)
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._spares.close()
        await self._turns.close()

    def _end(self) -> events.LabStopped | None:
        state, now = self.state, time.time()
        if self._interrupted_by is not None:
            return events.LabStopped(at=clock.now(), reason=self._interrupted_by)
        if self._is_in_flight():
            return None
        if state.stop_requested:
            return events.LabStopped(at=clock.now(), reason="a person stopped it")
        if limit := self._tools.limits.reached(state, now):
            return events.LabStopped(at=clock.now(), reason=limit, finished=True)
        return None

    def _is_in_flight(self) -> bool:
        """Return whether there is a run that an end of the session waits for, to its verdict."""
        current = self.state.current
        if current is None:
            return False
        run = self._runs.get(current.number)
        trained = current.phase in (Phase.EVALUATING, Phase.EVALUATED)
        return trained or (run is not None and run.may_have_clock)

    async def _wait(self) -> None:
        """Wait until something changes, or a moment comes at which something is due."""
        left_s = self._tools.limits.wait_s(time.time())
        for decide_at in (approval.next_at(self.state), permissions.next_at(self.state)):
            if decide_at is not None:
                undecided_s = min(max(0.0, decide_at - clock.now()), LOOK_AGAIN_S)
                left_s = undecided_s if left_s is None else min(left_s, undecided_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._changed.wait()

    def _begin(
        self, work: Coroutine[None, None, None], at_end: Callable[[], None]
    ) -> asyncio.Task[None]:
        """Do something beside all else; `_run` looks at how it ended."""

        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            at_end()
            if not task.cancelled() and self._failure is None:
                self._failure = task.exception()
            self._changed.set()

        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(end)
        return task

    @property
    def _is_overlapping(self) -> bool:
        return is_overlapping(self._tools.settings.run.overlap, self.state.hardware)

    def _advance(self) -> None:
        """Begin whatever the state asks for and was not begun yet."""
        self._remedy()
        while answer := permissions.due(self.state, clock.now()):
            self.record(answer)
        self._verdicts.follow_incumbent()
        opened = list(self.state.open_experiments)
        for number in opened:
            self._see_to(self.state.experiments[number])
            if self.state.open_experiments != opened:
                # What comes after a verdict, be it the end, is decided anew.
                return
        self._turns.see_to()
        self._see_to_spares()

    def _remedy(self) -> None:
        """Do what the watchdog asks for."""
        state, now = self.state, clock.now()
        found = watchdog.remedy(
            state,
            self._tools.settings.watchdog,
            now,
            fallback=self._tools.fallback.name,
            device_fault=self._device_fault,
        )
        self._device_fault = None
        match found:
            case watchdog.SwitchAgent(reason, turns):
                if self._turns.step_aside(turns, reason):
                    self._turns.cancel()
                else:
                    self._pause(reason)
            case watchdog.Pause(reason):
                self._pause(reason)
            case watchdog.BackOff(reason, until):
                self.record(events.BackedOff(at=now, reason=reason, until=until))
                self.record(events.Notice(at=now, level=Level.WARNING, text=reason))
            case watchdog.Stop(reason):
                raise CanNotGoOn(reason)
            case None:
                pass
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if state.backed_off_until is not None and watchdog.is_backing_off(state, now):
            left_s = state.backed_off_until - now
            self._alarm = asyncio.get_running_loop().call_later(left_s, self._changed.set)

    def _pause(self, reason: str) -> None:
        now = clock.now()
        self.record(events.Notice(at=now, level=Level.ERROR, text=reason))
        self.record(events.Paused(at=now, by=watchdog.NAME))

    def _see_to(self, experiment: Experiment) -> None:
        now, run = clock.now(), self._runs.get(experiment.number)
        match experiment.phase:
            case _ if experiment.skipped_by is not None:
                self._see_to_skipped(experiment)
            case Phase.EVALUATED:
                self._judge(experiment, self._verdict_on(experiment))
            case Phase.EVALUATING if self._evaluation is not None:
                pass
            case Phase.EVALUATING if experiment.killed_by:
                self._end_killed(experiment)
            case Phase.EVALUATING:
                if not watchdog.is_backing_off(self.state, now):
                    self._evaluate(experiment)
            case _ if run is not None:
                self._see_to_run(experiment, run)
            case _ if self.state.is_stale(experiment):
                if verdict := self._rebaser.follow(experiment):
                    self._judge(experiment, verdict)
            case Phase.QUEUED | Phase.WAITING_FOR_APPROVAL if step := approval.next_step(
                experiment, approval.in_force(self._tools.settings.approval, self.state), now
            ):
                self.record(step)
            case Phase.QUEUED if self._may_start(experiment):
                self._train(experiment)
            case _:
                pass

    def _verdict_on(self, experiment: Experiment) -> Verdict:
        verdict = judge.judge(experiment, self.state.best, self.state.direction)
        stale = self.state.is_stale(experiment)
        return judge.after_undo(experiment, verdict) if stale else verdict

    def _see_to_skipped(self, experiment: Experiment) -> None:
        """Pass an experiment over, once nothing of it is in flight any more."""
        if any(work.number == experiment.number for work in self._works()):
            return
        why = f": {experiment.reason}" if experiment.reason else ""
        self._judge(experiment, judge.skip(f"skipped by {experiment.skipped_by}{why}"))

    def _may_start(self, experiment: Experiment) -> bool:
        state, current = self.state, self.state.current
        if state.paused or self._runs or watchdog.is_backing_off(state, clock.now()):
            return False
        if current is None or current is experiment:
            return True
        last = current.last_run
        return (
            self._is_overlapping
            and self._evaluation is not None
            and not state.stop_requested
            and self._tools.limits.reached(state, time.time()) is None
            and has_room(state.hardware, last.peak_memory_mb if last else 0)
            # Too full a disk ends the session, but not before the verdict on the last run.
            and stages.free_mb(self._session) >= FREE_MB_WANTED
        )

    def _train(self, experiment: Experiment) -> None:
        refuse_full_disk(self._tools)
        number = experiment.number
        run = self._runs[number] = Training(self._tools, self.record, experiment, self.state)
        if experiment is self.state.current:
            run.grant_clock()
        spare = self._spares.take((Stage.TRAINING, number))
        self._begin(run.see_through(spare), lambda: self._forget_run(number))

    def _forget_run(self, number: int) -> None:
        self._device_fault = self._runs.pop(number).device_fault or self._device_fault

    def _see_to_run(self, experiment: Experiment, run: Training) -> None:
        """Grant a run that started ahead its clock, or end it where its turn does not come."""
        if self.state.is_stale(experiment):
            # Its process holds an edit of what is no longer the incumbent.
            run.kill(judge.no_longer_incumbent(experiment))
        elif run.may_have_clock:
            return
        elif reason := self._reason_against_clock():
            run.kill(reason)
        elif experiment is self.state.current:
            run.grant_clock()

    def _reason_against_clock(self) -> str | None:
        if self.state.paused:
            return f"paused by {self.state.paused_by}"
        return "a person stopped the session" if self.state.stop_requested else None

    def _evaluate(self, experiment: Experiment) -> None:
        refuse_changed_files(self._tools, self._journal)
        self._evaluation = Evaluating(self._tools, self.record, experiment)
        spare = self._spares.take((Stage.EVALUATION, experiment.number))
        self._begin(self._evaluation.see_through(spare), self._forget_evaluation)

    def _forget_evaluation(self) -> None:
        if self._evaluation is not None:
            self._device_fault = self._evaluation.device_fault or self._device_fault
        self._evaluation = None

    def _end_killed(self, experiment: Experiment) -> None:
        """End an experiment that was killed after it had trained; its run keeps its figures."""
        run = experiment.last_run
        assert run is not None
        ended = Ended(
            outcome=RunOutcome.KILLED,
            reason="",
            trained_s=run.trained_s,
            overrun_s=run.overrun_s,
            tokens=run.tokens,
            steps=run.steps,
            peak_memory_mb=run.peak_memory_mb,
        )
        record_end(self._tools, self.record, experiment, ended)

    def _judge(self, experiment: Experiment, verdict: Verdict) -> None:
        self._verdicts.pass_on(experiment, verdict)
        if verdict.status is Status.KEEP:
            self._turns.incumbent_changed()

    def _see_to_spares(self) -> None:
        """Have processes stand by for the next run, and for the evaluation of this one.

        They are begun beside a clock or an evaluation, never while the device waits for a start.
        """
        if not self._is_overlapping:
            return
        wanted, current, ahead = self._wanted_spares(), self.state.current, self.state.ahead
        self._spares.keep(wanted)
        training = current is not None and current.phase is Phase.TRAINING
        if training or (ahead is not None and ahead.phase in (Phase.STARTING, Phase.COMPILING)):
            self._spares.launch(wanted)

    def _wanted_spares(self) -> set[Key]:
        state, current = self.state, self.state.current
        if state.stop_requested:
            return set()
        wanted: set[Key] = set()
        opened = [state.experiments[number] for number in state.open_experiments]
        queued = [e for e in opened if e.phase in NOT_STARTED and e.number not in self._runs]
        if queued:
            wanted.add((Stage.TRAINING, queued[0].number))
        elif self._tools.limits.leave_room(state):
            wanted.add((Stage.TRAINING, state.next_number))
        if current is not None and current.phase is Phase.TRAINING:
            # Later its folder holds the weights.
            wanted.add((Stage.EVALUATION, current.number))
        return wanted
