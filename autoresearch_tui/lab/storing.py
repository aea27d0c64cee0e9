"""An edit as the session keeps it: its commit's parent, its change, and its three files."""

from dataclasses import dataclass

import msgspec

from autoresearch_tui.lab import foreign, likeness, notebook
from autoresearch_tui.lab.look import new_marks
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.record import events
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.session import Session


@dataclass(frozen=True)
class Change:
    """What an edit does to the file that it was made to."""

    diff: str = ""
    added: int = 0
    removed: int = 0
    marks: tuple[str, ...] = ()
    """What in it deserves a person's eye, a sentence each."""
    touched: tuple[str, ...] = ()
    """The names that it changes, variables with their values."""


def change_between(before: str, after: str, edited: str, state: SessionState) -> Change:
    """Return the change from one version of the file `edited` to another."""
    diff = notebook.unified_diff(before, after, edited)
    added, removed = notebook.changed_lines(diff)
    marks = [str(mark) for mark in new_marks(before, after)] + foreign.marks(diff, state)
    return Change(diff, added, removed, tuple(marks), tuple(likeness.touched(before, after)))


def commit_below(state: SessionState, parent: int | None) -> str | None:
    """Return the commit that an experiment's own is stored on.

    Edits of the incumbent stand on the branch's head, which is its keep or a revert to it, so that
    the branch goes forward whichever of them is kept.
    """
    if parent is None:
        return state.base_commit
    if parent == state.incumbent and state.branch_commit is not None:
        return state.branch_commit
    return state.experiments[parent].commit


def restated(
    experiment: Experiment, parent: int | None, commit: str, change: Change, tree_digest: str
) -> events.Proposed:
    """Return the proposal of an experiment as another commit holds it, for its files."""
    return events.Proposed(
        at=experiment.proposed_at,
        experiment=experiment.number,
        parent=parent,
        commit=commit,
        title=experiment.title,
        hypothesis=experiment.hypothesis,
        expected_change=experiment.expected_change,
        agent=experiment.agent,
        model=experiment.model,
        lines_added=change.added,
        lines_removed=change.removed,
        usage=experiment.usage,
        marks=list(change.marks),
        edit=experiment.edit,
        repairs=experiment.repairs,
        touched=list(change.touched),
        tree_digest=tree_digest,
        idea=experiment.idea,
        by=experiment.by,
    )


def write_files(session: Session, proposed: events.Proposed, train: str, diff: str) -> None:
    """Write an experiment's `train.py`, `change.diff` and `proposal.json`.

    Raises:
        OSError: the disk is full or gone.
    """
    number = proposed.experiment
    folder = session.experiment(number)
    folder.mkdir(parents=True, exist_ok=True)
    session.train_file(number).write_bytes(train.encode())
    session.diff(number).write_bytes(diff.encode())
    told = msgspec.json.format(msgspec.json.encode(proposed))
    (folder / "proposal.json").write_bytes(told + b"\n")


def show_again(
    session: Session,
    repository: ExperimentRepository,
    state: SessionState,
    experiment: Experiment,
) -> None:
    """Write an experiment's files anew, as its commit has them, which is what runs.

    Those of an edit that is carried over or changed are on the disk before its fact is, and that
    may never come.

    Raises:
        OSError: the disk is full or gone.
        RepositoryError: git can not be read.
    """
    parent, train, change = experiment.parent, repository.train(experiment.commit), Change()
    if parent is not None:
        before = repository.train(state.experiments[parent].commit)
        change = change_between(before, train, repository.edited, state)
    proposed = restated(experiment, parent, experiment.commit, change, experiment.tree_digest)
    write_files(session, proposed, train, change.diff)
