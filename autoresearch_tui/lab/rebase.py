"""Edits that meet another incumbent than they were made to: carried over in memory, or passed over.

What is merged is stored as a new commit of the same experiment, whose diff is against the new
incumbent, so that the diff that is shown is the diff that is run.
"""

from dataclasses import dataclass

from autoresearch_tui.agents import edits
from autoresearch_tui.lab import clock, judge, likeness, notebook
from autoresearch_tui.lab.judge import Verdict
from autoresearch_tui.lab.merging import merge_lines
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.storing import change_between, commit_below, restated, write_files
from autoresearch_tui.lab.tools import Record, Tools
from autoresearch_tui.record import events
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Level, Status


@dataclass(frozen=True)
class Merge:
    """What came of carrying an edit over: a file, or why there is none."""

    train: str | None
    trouble: str = ""
    """A clause, where there is no file."""


def merge(repository: ExperimentRepository, base: str, incumbent: Experiment, edit: str) -> Merge:
    """Carry what the commit `edit` changed since the commit `base` over to an incumbent."""
    number = incumbent.number
    train = repository.train(incumbent.commit)
    merged = merge_lines(repository.train(base), train, repository.train(edit))
    if merged is None:
        return Merge(None, f"its edit does not merge onto #{number}")
    try:
        edits.check(merged, train)
    except edits.EditError:
        if merged == train:
            return Merge(None, f"#{number} has all of its edit already")
        return Merge(None, f"merged onto #{number}, its edit does not parse")
    return Merge(merged)


class Rebaser:
    """Has open experiments follow the incumbent."""

    def __init__(self, tools: Tools, state: SessionState, record: Record) -> None:
        self._tools = tools
        self._state = state
        self._record = record
        self._blobs: dict[str, str | None] = {}
        """The file of each commit that was compared, so that a long night is read but once."""

    def follow(self, experiment: Experiment) -> Verdict | None:
        """Carry an open edit over to the incumbent; return the verdict where that can not be.

        A person's own file is run as it is where it does not merge: theirs is the word.

        Raises:
            OSError: the disk is full or gone.
            RepositoryError: git can not store it.
        """
        state, repository = self._state, self._tools.repository
        incumbent = state.best
        assert incumbent is not None
        assert experiment.parent is not None
        reason = judge.no_longer_incumbent(experiment)
        made_to = state.experiments[experiment.parent].commit
        merged = merge(repository, made_to, incumbent, experiment.commit)
        train = merged.train
        if train is None and experiment.edit is not None:
            theirs = repository.train(experiment.commit)
            if theirs != repository.train(incumbent.commit):
                self._record(as_it_is(experiment.number, merged.trouble))
                train = theirs
        if train is None:
            return judge.skip(f"{reason}, and {merged.trouble}")
        commit = repository.store(
            train,
            commit_below(state, incumbent.number),
            notebook.proposal_message(experiment.number, experiment.title, experiment.hypothesis),
            experiment.agent,
        )
        same = self._same(experiment, commit, likeness.tree_digest(train))
        if experiment.edit is None and same is not None:
            return judge.skip(
                f"{reason}, and merged onto #{incumbent.number} it is what #{same} was"
            )
        self._store(experiment, incumbent, train, commit)
        return None

    def _same(self, experiment: Experiment, commit: str, tree: str) -> int | None:
        """Return the experiment that is or was this file or its like, but for those passed over."""
        blob = self._blob(commit)
        for other in self._state.experiments.values():
            if other is experiment or other.status is Status.SKIPPED:
                continue
            # Where both have a digest, git need not be asked: one file has one.
            known = tree and other.tree_digest
            if other.tree_digest == tree if known else self._blob(other.commit) == blob:
                return other.number
        return None

    def _blob(self, commit: str) -> str | None:
        if commit not in self._blobs:
            self._blobs[commit] = self._tools.repository.blob(commit)
        return self._blobs[commit]

    def _store(
        self, experiment: Experiment, incumbent: Experiment, train: str, commit: str
    ) -> None:
        """Write the files, then the fact, then move the reference."""
        repository, number = self._tools.repository, experiment.number
        change = change_between(
            repository.train(incumbent.commit), train, repository.edited, self._state
        )
        rebased = events.Rebased(
            at=clock.now(),
            experiment=number,
            parent=incumbent.number,
            commit=commit,
            lines_added=change.added,
            lines_removed=change.removed,
            marks=list(change.marks),
            tree_digest=likeness.tree_digest(train),
        )
        proposed = restated(experiment, incumbent.number, commit, change, rebased.tree_digest)
        write_files(self._tools.session, proposed, train, change.diff)
        self._record(rebased)
        repository.reference_experiment(number, commit)


def as_it_is(number: int, trouble: str) -> events.Notice:
    """Return the notice that a person's file is run though the incumbent changed meanwhile."""
    text = (
        f"#{number} is run as the person wrote it: {trouble}. Its diff shows what it changes, "
        "and what it takes back."
    )
    return events.Notice(at=clock.now(), level=Level.WARNING, text=text)
