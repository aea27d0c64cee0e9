"""The night: propose, approve, train, evaluate, judge, record, and again.

Each turn of the loop looks at the state and takes the one step that it asks for. A lab that takes
up a session after a crash therefore goes on in the middle of an experiment by the same code.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

from autoresearch_tui.agents.base import Agent
from autoresearch_tui.control.messages import AnyCommand, Reply, Stop
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
from autoresearch_tui.record.events import ApprovalMode, KnownFact, Level, RunOutcome, Status
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.state import Activity, Experiment, Phase, SessionState
from autoresearch_tui.session import Session
from autoresearch_tui.settings import Settings

INTERRUPTED_BY_LAB = "the lab ended while it ran"
LAB_DEATHS_ALLOWED = 3
"""How often a lab may die during runs of one experiment before that is taken for its doing."""
FREE_MB_WANTED = 64.0
IDLE = (Activity.PAUSED, Activity.WAITING_FOR_HUMAN, Activity.OFF)


class CanNotGoOn(Exception):
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
        self._interrupted_by: str | None = None
        self._branch_stays = False

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
        """Do what a person asks for.

        Raises:
            OSError: it can not be recorded; a stop is obeyed all the same.
        """
        try:
            return commands.answer(self.state, command, self._record_command)
        except OSError:
            if isinstance(command, Stop):
                self.interrupt(f"{command.by} stopped it")
            raise

    def _record_command(self, fact: KnownFact) -> None:
        self.record(fact)
        match fact:
            case events.KillRequested() if self._job:
                self._job.kill(f"killed by {fact.by}")
            case events.StopRequested(now=now):
                if now:
                    self.interrupt(f"{fact.by} stopped it")
                elif self._proposal:
                    self._proposal.cancel()
            case _:
                pass

    def interrupt(self, reason: str) -> None:
        """End the lab now: the run in flight is ended, and goes back to the queue."""
        self._interrupted_by = reason
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
            except CanNotGoOn as trouble:
                end = events.LabStopped(at=time.time(), reason=str(trouble), trouble=True)
                break
        self.record(end)
        return end

    def reconcile(self) -> None:
        """Make git, the journal and the folder agree again after an end at any moment.

        A fact may be on the disk whose references were not moved yet; and a run that was in
        flight is gone.
        """
        repository = self._tools.repository
        repository.clear_stale_locks()
        for experiment in self.state.experiments.values():
            repository.reference_experiment(experiment.number, experiment.commit)
        self._move_branch()
        current = self.state.current
        if current and current.phase in (Phase.STARTING, Phase.TRAINING):
            self._end_run(current, self._what_a_dead_lab_left(current))
        notebook.write_results(self._session.results, self.state)

    def _what_a_dead_lab_left(self, experiment: Experiment) -> Ended:
        deaths = sum(run.reason == INTERRUPTED_BY_LAB for run in experiment.runs)
        if deaths + 1 >= LAB_DEATHS_ALLOWED:
            reason = f"the lab died {deaths + 1} times while it ran"
            return Ended(outcome=RunOutcome.CRASH, reason=reason)
        return Ended(outcome=RunOutcome.INTERRUPTED, reason=INTERRUPTED_BY_LAB)

    def _move_branch(self) -> None:
        """Have the branch follow the incumbent."""
        best = self.state.best
        if best is None:
            return
        kept = [e.commit for e in self.state.experiments.values() if e.status is Status.KEEP]
        there = self._tools.repository.move_branch(kept[:-1], best.commit)
        if not there and not self._branch_stays:
            branch = self._tools.repository.branch
            text = (
                f"{branch} is checked out, so that it can not follow the keeps. It will at the "
                "first keep after another branch is checked out."
            )
            self.record(events.Notice(at=time.time(), level=Level.WARNING, text=text))
        self._branch_stays = not there

    def _end(self) -> events.LabStopped | None:
        state, now = self.state, time.time()
        in_flight = state.current is not None and state.current.phase in (
            Phase.EVALUATING,
            Phase.EVALUATED,
        )
        if self._interrupted_by is not None:
            return events.LabStopped(at=now, reason=self._interrupted_by)
        if state.stop_requested and not in_flight:
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
            case Phase.EVALUATING if experiment.killed_by:
                self._end_killed(experiment)
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._left_s()):
                await self._changed.wait()

    def _left_s(self) -> float | None:
        """Return the seconds until a limit of time is reached; none without such a limit."""
        limit_at = self._tools.limits.next_at()
        return None if limit_at is None else max(0.0, limit_at - time.time())

    async def _next_experiment(self) -> None:
        if self.state.incumbent is None:
            self._refuse_second_failure()
            try:
                self._proposer.baseline(self.state, self.record)
            except NoProposal as error:
                raise CanNotGoOn(str(error)) from error
            return
        if self.state.paused:
            await self._wait()
            return
        self._proposal = proposal = asyncio.create_task(self._propose())
        await asyncio.wait([proposal], timeout=self._left_s())
        self._proposal = None
        # A limit of time was reached, or a person asked for the end.
        proposal.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await proposal

    def _refuse_second_failure(self) -> None:
        """End a session whose baseline failed under this lab: there is nothing to improve on."""
        started_at = self.state.lab_started_at or 0.0
        failed = [e for e in self.state.experiments.values() if (e.judged_at or 0.0) > started_at]
        if failed:
            baseline = failed[-1]
            raise CanNotGoOn(
                f"train.py as it stands did not give a result ({baseline.status}: "
                f"{baseline.reason}), so there is nothing to improve on. Its output is in "
                f"{self._session.output(baseline.number)}. Mend train.py, then go on with: "
                f"autoresearch run --tag {self._session.tag}"
            )

    async def _propose(self) -> None:
        try:
            await self._proposer.propose(self.state, self.record)
        except NoProposal as error:
            raise CanNotGoOn(str(error)) from error

    async def _train(self, experiment: Experiment) -> None:
        self._refuse_full_disk()
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
        running = await self._launch(job, experiment)
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

    def _refuse_full_disk(self) -> None:
        free_mb = stages.free_mb(self._session)
        if free_mb < FREE_MB_WANTED:
            raise CanNotGoOn(
                f"{free_mb:.0f} MiB are free on the disk of {self._session.folder}; a run wants "
                f"{FREE_MB_WANTED:g}. Make room, then go on with: "
                f"autoresearch run --tag {self._session.tag}"
            )

    async def _launch(self, job: Job, experiment: Experiment) -> RunningJob:
        try:
            running = await self._tools.executor.launch(job)
        except ExecutorError as error:
            raise CanNotGoOn(str(error)) from error
        self._job = running
        # What was asked for while the job started.
        if self._interrupted_by is not None:
            running.kill(self._interrupted_by)
        elif experiment.killed_by:
            running.kill(f"killed by {experiment.killed_by}")
        return running

    def _end_run(self, experiment: Experiment, ended: Ended) -> None:
        outcome = ended.outcome
        reason = stages.explain(ended, self._session.output(experiment.number))
        if experiment.killed_by:
            outcome, reason = RunOutcome.KILLED, f"killed by {experiment.killed_by}"
        elif outcome is RunOutcome.KILLED and self._interrupted_by is not None:
            outcome = RunOutcome.INTERRUPTED
        elif outcome is RunOutcome.CRASH and stages.free_mb(self._session) < FREE_MB_WANTED:
            outcome, reason = RunOutcome.INTERRUPTED, f"the disk is full ({reason})"
        run = experiment.last_run
        self.record(
            events.RunEnded(
                at=time.time(),
                experiment=experiment.number,
                replicate=run.replicate if run else 0,
                outcome=outcome,
                reason=reason,
                trained_s=ended.trained_s,
                overrun_s=ended.overrun_s,
                tokens=ended.tokens,
                steps=ended.steps,
                peak_memory_mb=ended.peak_memory_mb,
                exit_code=ended.exit_code,
            )
        )

    def _end_killed(self, experiment: Experiment) -> None:
        """End an experiment that was killed after it had trained; its run keeps its figures."""
        run = experiment.last_run
        assert run is not None
        self._end_run(
            experiment,
            Ended(
                outcome=RunOutcome.KILLED,
                reason="",
                trained_s=run.trained_s,
                overrun_s=run.overrun_s,
                tokens=run.tokens,
                steps=run.steps,
                peak_memory_mb=run.peak_memory_mb,
            ),
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
            reason = "it finished without saving weights"
            self._record_evaluation(experiment, stages.Evaluation(valid=False, reason=reason), 0.0)
            return
        running = await self._launch(job, experiment)
        started = time.monotonic()
        async for event in running.events():
            if isinstance(event, Ended):
                self._end_evaluation(experiment, event, time.monotonic() - started)
        self._job = None

    def _end_evaluation(self, experiment: Experiment, ended: Ended, seconds: float) -> None:
        if ended.outcome in (RunOutcome.KILLED, RunOutcome.INTERRUPTED):
            # The next step ends a killed experiment; an interrupted evaluation is made again.
            return
        found = stages.read_evaluation(self._session, experiment.number, ended)
        self._record_evaluation(experiment, found, seconds)

    def _record_evaluation(
        self, experiment: Experiment, found: stages.Evaluation, seconds: float
    ) -> None:
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
        kept = verdict.status is Status.KEEP
        stages.tidy(self._session, number, keep_weights=kept)
        if kept:
            self._move_branch()
            if incumbent is not None:
                stages.tidy(self._session, incumbent.number, keep_weights=False)
        notebook.write_results(self._session.results, self.state)

    def _train_file(self, experiment: Experiment) -> str:
        return self._tools.repository.train(experiment.commit)
