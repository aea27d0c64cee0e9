"""The night: propose, approve, train, evaluate, judge, record, and again.

Each turn of the loop looks at the state and takes the one step that it asks for. A lab that takes
up a session after a crash therefore goes on in the middle of an experiment by the same code.
"""

import asyncio
import time
from dataclasses import dataclass

from autoresearch_tui.agents.base import Agent
from autoresearch_tui.control.messages import AnyCommand, Reply
from autoresearch_tui.executors.base import (
    ClockStarted,
    Ended,
    Executor,
    ExecutorError,
    Job,
    Ready,
    RunningJob,
    Started,
)
from autoresearch_tui.lab import commands, judge, notebook, stages
from autoresearch_tui.lab.limits import Limits
from autoresearch_tui.lab.proposing import NoProposal, Proposer
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.record import events
from autoresearch_tui.record.events import ApprovalMode, KnownFact, RunOutcome, Status
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Activity, Experiment, Phase, SessionState
from autoresearch_tui.session import Session
from autoresearch_tui.settings import Settings

INTERRUPTED_BY_LAB = "the lab ended while it ran"
IDLE = (Activity.PAUSED, Activity.WAITING_FOR_HUMAN, Activity.OFF)


class Stop(Exception):
    """The session can not go on; the message says why and what to do."""


@dataclass(frozen=True)
class Tools:
    """What a lab works with."""

    session: Session
    settings: Settings
    budget_s: float
    machine: stages.Machine
    repository: ExperimentRepository
    executor: Executor
    agent: Agent
    fallback: Agent
    """Takes over where `agent` can not go on; it may be the same one."""
    limits: Limits


class Lab:
    """Runs one session; all that it knows is in its state, and all of that is in the journal."""

    def __init__(self, tools: Tools, state: SessionState, journal: Journal) -> None:
        self.state = state
        self._tools = tools
        self._session = tools.session
        self._journal = journal
        self._changed = asyncio.Event()
        self._job: RunningJob | None = None
        self._proposer = Proposer(tools.session, tools.repository, tools.agent, tools.fallback)
        self._proposal: asyncio.Task[None] | None = None
        self._interrupted = False

    def record(self, fact: KnownFact) -> None:
        """Put a fact on the disk, then into the state.

        Raises:
            OSError: the disk is full or gone; neither has the fact.
        """
        self._journal.append(fact)
        apply(self.state, fact)
        self._changed.set()

    def is_busy(self) -> bool:
        """Return whether there is load worth sampling."""
        return self.state.activity not in IDLE

    async def handle(self, command: AnyCommand) -> Reply:
        """Do what a person asks for."""
        return commands.answer(self.state, command, self._record_command)

    def _record_command(self, fact: KnownFact) -> None:
        self.record(fact)
        match fact:
            case events.KillRequested() if self._job:
                self._job.kill(f"killed by {fact.by}")
            case events.StopRequested(now=now):
                if now:
                    self.interrupt(f"stopped by {fact.by}")
                elif self._proposal:
                    self._proposal.cancel()
            case _:
                pass

    def interrupt(self, reason: str) -> None:
        """End the lab now: the run in flight is ended, and goes back to the queue."""
        self._interrupted = True
        if self._job:
            self._job.kill(reason)
        if self._proposal:
            self._proposal.cancel()
        self._changed.set()

    async def run(self) -> events.LabStopped:
        """Take steps until a person or a limit ends the session; return how it ended.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: the session's branch is not where it was left.
        """
        self.reconcile()
        while (end := self._end()) is None:
            try:
                await self._step()
            except Stop as stop:
                end = events.LabStopped(at=time.time(), reason=str(stop), trouble=True)
                break
        self.record(end)
        return end

    def reconcile(self) -> None:
        """Make git, the journal and the folder agree again after an end at any moment.

        A fact may be on the disk whose references were not moved yet; and a run that was in
        flight is gone.
        """
        for experiment in self.state.experiments.values():
            self._tools.repository.reference_experiment(experiment.number, experiment.commit)
        if best := self.state.best:
            expected = self._previous_keep(best)
            self._tools.repository.move_branch(expected.commit if expected else None, best.commit)
        current = self.state.current
        if current and current.phase in (Phase.STARTING, Phase.TRAINING):
            self._end_run(current, Ended(outcome=RunOutcome.INTERRUPTED, reason=INTERRUPTED_BY_LAB))
        notebook.write_results(self._session.results, self.state)

    def _previous_keep(self, experiment: Experiment) -> Experiment | None:
        keeps = [
            other
            for other in self.state.experiments.values()
            if other.status is Status.KEEP and other.number < experiment.number
        ]
        return keeps[-1] if keeps else None

    def _end(self) -> events.LabStopped | None:
        state, now = self.state, time.time()
        in_flight = state.current is not None and state.current.phase in (
            Phase.EVALUATING,
            Phase.EVALUATED,
        )
        if self._interrupted or (state.stop_requested and not in_flight):
            return events.LabStopped(at=now, reason="a person stopped it")
        if not in_flight and (limit := self._tools.limits.reached(state, now)):
            return events.LabStopped(at=now, reason=limit, finished=True)
        return None

    async def _step(self) -> None:
        experiment = self.state.current
        if experiment is None:
            await self._next_experiment()
            return
        match experiment.phase:
            case Phase.QUEUED if self._needs_approval(experiment):
                self.record(events.ApprovalRequested(at=time.time(), experiment=experiment.number))
            case Phase.WAITING_FOR_APPROVAL if self._needs_approval(experiment):
                await self._wait()
            case Phase.WAITING_FOR_APPROVAL:
                by = "the session's approval mode, auto"
                self.record(events.Approved(at=time.time(), experiment=experiment.number, by=by))
            case Phase.QUEUED if self.state.paused:
                await self._wait()
            case Phase.QUEUED:
                await self._train(experiment)
            case Phase.EVALUATING:
                await self._evaluate(experiment)
            case _:
                self._judge(experiment)

    def _needs_approval(self, experiment: Experiment) -> bool:
        asks = self._tools.settings.approval.mode is ApprovalMode.ASK
        # The baseline is the person's own file.
        return asks and experiment.parent is not None and experiment.approved_by is None

    async def _wait(self) -> None:
        """Wait until something changes, or a limit of time is reached."""
        self._changed.clear()
        limit_at = self._tools.limits.next_at()
        left_s = None if limit_at is None else max(0.0, limit_at - time.time())
        try:
            async with asyncio.timeout(left_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _next_experiment(self) -> None:
        if self.state.incumbent is None:
            self._refuse_second_failure()
            try:
                self._proposer.baseline(self.state, self.record)
            except NoProposal as error:
                raise Stop(str(error)) from error
            return
        if self.state.paused:
            await self._wait()
            return
        self._proposal = asyncio.create_task(self._propose())
        try:
            await self._proposal
        except asyncio.CancelledError:
            if not (self.state.stop_requested or self._interrupted):
                raise
        finally:
            self._proposal = None

    def _refuse_second_failure(self) -> None:
        """End a session whose baseline failed under this lab: there is nothing to improve on."""
        started_at = self.state.lab_started_at or 0.0
        failed = [e for e in self.state.experiments.values() if (e.judged_at or 0.0) > started_at]
        if failed:
            baseline = failed[-1]
            raise Stop(
                f"train.py as it stands did not give a result ({baseline.status}: "
                f"{baseline.reason}), so there is nothing to improve on. Its output is in "
                f"{self._session.output(baseline.number)}. Mend train.py, then go on with: "
                f"autoresearch run --tag {self._session.tag}"
            )

    async def _propose(self) -> None:
        try:
            await self._proposer.propose(self.state, self.record)
        except NoProposal as error:
            raise Stop(str(error)) from error

    async def _train(self, experiment: Experiment) -> None:
        number = experiment.number
        replicate = len([run for run in experiment.runs if run.outcome != RunOutcome.INTERRUPTED])
        run_seed = stages.seed(self.state.session_id, number, replicate)
        budget_s = self._tools.budget_s
        job = stages.training_job(
            self._session,
            self._tools.machine,
            number,
            self._train_file(experiment),
            run_seed,
            budget_s,
            self._tools.settings.run.startup_limit_s,
        )
        running = await self._launch(job)
        async for event in running.events():
            now = time.time()
            match event:
                case Started():
                    self.record(
                        events.RunStarted(
                            at=now,
                            experiment=number,
                            replicate=replicate,
                            seed=run_seed,
                            pid=event.pid,
                            threads=stages.thread_count(),
                            budget_s=budget_s,
                        )
                    )
                case Ready():
                    running.start_clock()
                case ClockStarted():
                    self.record(
                        events.ClockStarted(
                            at=now,
                            experiment=number,
                            replicate=replicate,
                            startup_s=event.startup_s,
                        )
                    )
                case Ended():
                    self._end_run(experiment, event)
        self._job = None

    async def _launch(self, job: Job) -> RunningJob:
        try:
            running = await self._tools.executor.launch(job)
        except ExecutorError as error:
            raise Stop(str(error)) from error
        self._job = running
        if self._interrupted:
            running.kill("the lab is ending")
        return running

    def _end_run(self, experiment: Experiment, ended: Ended) -> None:
        interrupted = self._interrupted and ended.outcome is RunOutcome.KILLED
        run = experiment.last_run
        replicate = run.replicate if run else 0
        self.record(
            events.RunEnded(
                at=time.time(),
                experiment=experiment.number,
                replicate=replicate,
                outcome=RunOutcome.INTERRUPTED if interrupted else ended.outcome,
                reason=stages.explain(ended, self._session.output(experiment.number)),
                trained_s=ended.trained_s,
                overrun_s=ended.overrun_s,
                tokens=ended.tokens,
                steps=ended.steps,
                peak_memory_mb=ended.peak_memory_mb,
                exit_code=ended.exit_code,
            )
        )

    async def _evaluate(self, experiment: Experiment) -> None:
        run = experiment.last_run
        assert run is not None
        number = experiment.number
        job = stages.evaluation_job(
            self._session,
            self._tools.machine,
            number,
            self._train_file(experiment),
            run.seed,
            run.budget_s,
            self._tools.settings.run.evaluation_limit_s,
        )
        if job is None:
            gone = Ended(outcome=RunOutcome.INTERRUPTED, reason="its weights are gone")
            self._end_run(experiment, gone)
            return
        running = await self._launch(job)
        started = time.monotonic()
        async for event in running.events():
            if isinstance(event, Ended):
                self._end_evaluation(experiment, event, time.monotonic() - started)
        self._job = None

    def _end_evaluation(self, experiment: Experiment, ended: Ended, seconds: float) -> None:
        if ended.outcome is RunOutcome.KILLED or ended.outcome is RunOutcome.INTERRUPTED:
            if not self._interrupted:
                self._end_run(experiment, ended)
            return
        found = stages.read_evaluation(self._session, experiment.number, ended)
        run = experiment.last_run
        self.record(
            events.Evaluated(
                at=time.time(),
                experiment=experiment.number,
                replicate=run.replicate if run else 0,
                valid=found.valid,
                reason=found.reason,
                val_bpb=found.val_bpb,
                seconds=seconds,
            )
        )

    def _judge(self, experiment: Experiment) -> None:
        """Store objects, then the fact, then move references: any end in between can be mended."""
        repository, number = self._tools.repository, experiment.number
        incumbent = self.state.best
        verdict = judge.judge(experiment, incumbent)
        parent = self.state.base_commit
        if experiment.parent is not None:
            parent = self.state.experiments[experiment.parent].commit
        commit = repository.store(
            self._train_file(experiment),
            parent,
            notebook.verdict_message(self.state, experiment, verdict),
            experiment.agent,
        )
        self.record(
            events.Judged(
                at=time.time(),
                experiment=number,
                status=verdict.status,
                reason=verdict.reason,
                commit=commit,
                val_bpb=verdict.val_bpb,
                change=verdict.change,
            )
        )
        repository.reference_experiment(number, commit)
        if verdict.status is Status.KEEP:
            repository.move_branch(incumbent.commit if incumbent else None, commit)
            if incumbent is not None:
                stages.drop_weights(self._session, incumbent.number)
        else:
            stages.drop_weights(self._session, number)
        notebook.write_results(self._session.results, self.state)

    def _train_file(self, experiment: Experiment) -> str:
        return self._tools.repository.train(experiment.commit)
