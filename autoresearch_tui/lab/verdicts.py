"""What a verdict changes: objects first, then the fact, then references, files and the table.

An end at any moment in between is mended by `reconcile`.
"""

from autoresearch_tui.executors.base import Ended
from autoresearch_tui.lab import clock, notebook, stages
from autoresearch_tui.lab.judge import Verdict
from autoresearch_tui.lab.runs import record_end
from autoresearch_tui.lab.storing import commit_below, show_again
from autoresearch_tui.lab.tools import Record, Tools
from autoresearch_tui.record import events
from autoresearch_tui.record.state import IN_A_RUN, Experiment, SessionState
from autoresearch_tui.record.vocabulary import Level, RunOutcome, Status

INTERRUPTED_BY_LAB = "the lab ended while it ran"
INTERRUPTED_AHEAD = "the lab ended while it started up"
REFERENCES_CHECKED = 1000
"""How many experiments' references a start looks at, the latest: a week of nights. What an end at
any moment left undone is among the last few."""
TIDIED = 3
"""How many of the latest verdicts a start tidies up after once more."""
LAB_DEATHS_ALLOWED = 3
"""How often a lab may die during runs of one experiment before that is taken for its doing."""


class Verdicts:
    """Keeps git, the journal and the session's folder in agreement."""

    def __init__(self, tools: Tools, state: SessionState, record: Record) -> None:
        self._tools = tools
        self._state = state
        self._record = record
        self._branch_stays = False
        self._lost: dict[int, str] = {}
        """Verdicts that were lost with their facts and will be given again, by experiment."""
        self._followed: str | None = None
        """Where the branch was put last, or would have been if nobody had it checked out."""

    def reconcile(self) -> None:
        """Make them agree again after an end at any moment.

        A fact may be on the disk whose references were not moved yet, and files whose fact is not;
        and runs that were in flight are gone.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: the session's branch is not where it was left.
        """
        repository = self._tools.repository
        repository.clear_stale_locks()
        for number in self._state.open_experiments:
            if lost := repository.lost_verdict(number, self._state.experiments[number].commit):
                self._lost[number] = lost
        for number in sorted(self._state.experiments)[-REFERENCES_CHECKED:]:
            # Where a verdict was lost, its reference tells that the branch's commit is ours.
            if number not in self._lost:
                repository.reference_experiment(number, self._state.experiments[number].commit)
        for queued in self._state.queued_edits:
            repository.reference_edit(queued.edit, queued.commit)
        self.follow_incumbent()
        for number in self._state.open_experiments:
            experiment = self._state.experiments[number]
            show_again(self._tools.session, repository, self._state, experiment)
            if experiment.phase in IN_A_RUN:
                ended = self._what_a_dead_lab_left(experiment)
                record_end(self._tools, self._record, experiment, ended)
        self._tidy_what_was_left()
        notebook.write_results(self._tools.session.results, self._state)

    def _tidy_what_was_left(self) -> None:
        """Free what an end right after a verdict left there; the best keeps its weights."""
        state, best = self._state, self._state.best
        judged = [each.number for each in state.experiments.values() if each.status is not None]
        left = {*judged[-TIDIED:], *([] if best is None or best.parent is None else [best.parent])}
        for number in left - set(state.open_experiments):
            keep_weights = number == state.incumbent
            stages.tidy(self._tools.session, number, keep_weights=keep_weights)

    def _what_a_dead_lab_left(self, experiment: Experiment) -> Ended:
        if experiment is not self._state.current:
            # Whatever the lab died of, another experiment was in flight.
            return Ended(outcome=RunOutcome.INTERRUPTED, reason=INTERRUPTED_AHEAD)
        deaths = sum(run.reason == INTERRUPTED_BY_LAB for run in experiment.runs)
        if deaths + 1 >= LAB_DEATHS_ALLOWED:
            reason = f"the lab died {deaths + 1} times while it ran"
            return Ended(outcome=RunOutcome.CRASH, reason=reason)
        return Ended(outcome=RunOutcome.INTERRUPTED, reason=INTERRUPTED_BY_LAB)

    def pass_on(self, experiment: Experiment, verdict: Verdict) -> None:
        """Record a verdict, and do what follows from it.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: the session's branch is not where it was left.
        """
        state, repository, number = self._state, self._tools.repository, experiment.number
        incumbent = state.best
        commit = repository.store(
            repository.train(experiment.commit),
            commit_below(state, experiment.parent),
            notebook.verdict_message(state, experiment, verdict),
            experiment.agent,
        )
        self._record(
            events.Judged(
                at=clock.now(),
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
        stages.tidy(self._tools.session, number, keep_weights=kept)
        if kept:
            self.follow_incumbent()
            if incumbent is not None:
                stages.tidy(self._tools.session, incumbent.number, keep_weights=False)
        notebook.add_result(self._tools.session.results, state, experiment)

    def follow_incumbent(self) -> None:
        """Have the branch follow the keeps and what was undone of them; it only goes forward.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: the session's branch is not where it was left.
        """
        head = self._state.branch_commit
        if head is None or head == self._followed:
            return
        earlier = self._state.branch_commits[:-1]
        there = self._tools.repository.move_branch(earlier, head, self._lost.values())
        if there:
            self._lost.clear()
        if not there and not self._branch_stays:
            branch = self._tools.repository.branch
            text = (
                f"{branch} is checked out, so that it can not follow the keeps. It will at the "
                "first keep after another branch is checked out."
            )
            self._record(events.Notice(at=clock.now(), level=Level.WARNING, text=text))
        self._branch_stays = not there
        self._followed = head
