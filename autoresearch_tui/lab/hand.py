"""What a person does by hand: undo a keep, promote one, queue an edit of their own."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import Reply, done, nothing, refused
from autoresearch_tui.lab import clock, notebook
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.syntax import syntax_trouble

HUMAN_AGENT = "human"
"""Who proposed a person's own edit, as the journal and git name them."""


def undo(
    state: SessionState, command: messages.Undo, record: Record, repository: ExperimentRepository
) -> Reply:
    """Make an earlier keep the incumbent again: a commit that reverts to it, then the fact.

    The branch follows at the lab's next turn, or at its next start.

    Raises:
        OSError: it can not be recorded.
        RepositoryError: git can not store it.
    """
    incumbent = state.best
    if incumbent is None:
        return refused("nothing is kept yet, so there is nothing to undo")
    number = incumbent.parent if command.experiment is None else command.experiment
    if number is None:
        return refused(f"#{incumbent.number} is the baseline; there is no keep before it")
    if number == incumbent.number:
        return nothing(f"#{number} is the incumbent already")
    target = state.experiments.get(number)
    if target is None or target.status is not Status.KEEP:
        return refused(f"{_what_it_is(target, number)}; only a keep can be the incumbent again")
    commit = repository.store(
        repository.train(target.commit),
        state.branch_commit,
        notebook.undo_message(target, command.by, command.reason),
        HUMAN_AGENT,
    )
    record(
        events.Undone(
            at=clock.now(), experiment=number, commit=commit, by=command.by, reason=command.reason
        )
    )
    return done(f"#{number} is the incumbent again, in place of #{incumbent.number}")


def queue(
    state: SessionState, command: messages.Try, record: Record, repository: ExperimentRepository
) -> Reply:
    """Queue a person's own edit: its commit, then the fact, then its reference.

    Raises:
        OSError: it can not be recorded.
        RepositoryError: git can not store it.
    """
    if trouble := syntax_trouble(command.train):
        return refused(f"it is not queued: {trouble}")
    base = state.best or _baseline(state)
    if base is None:
        return refused("the baseline is not recorded yet; try again in a moment")
    if command.train == repository.train(base.commit):
        return refused(f"it is not queued: it is what #{base.number} is already")
    for queued in state.queued_edits:
        if repository.train(queued.commit) == command.train:
            return nothing(f"it is queued already, as edit {queued.edit} by {queued.by}")
    for number in state.open_experiments:
        if repository.train(state.experiments[number].commit) == command.train:
            return nothing(f"it is #{number} already, and has no verdict yet")
    edit, title = state.edits + 1, notebook.one_line(command.title) or "a person's edit"
    commit = repository.store(
        command.train,
        state.branch_commit or base.commit,
        notebook.edit_message(edit, title, command.hypothesis),
        HUMAN_AGENT,
    )
    record(
        events.EditQueued(
            at=clock.now(),
            edit=edit,
            by=command.by,
            title=title,
            hypothesis=command.hypothesis.strip(),
            commit=commit,
        )
    )
    repository.reference_edit(edit, commit)
    return done(f"queued as edit {edit}; it comes before the agent's next proposal")


def promote(
    state: SessionState, command: messages.Promote, record: Record, repository: ExperimentRepository
) -> Reply:
    """Write a keep's file into the user's work tree, unless something of theirs would be lost.

    Raises:
        OSError: it can not be written or recorded.
        RepositoryError: git can not be read.
    """
    number = state.incumbent if command.experiment is None else command.experiment
    if number is None:
        return refused("nothing is kept yet, so there is nothing to promote")
    keep = state.experiments.get(number)
    if keep is None or keep.status is not Status.KEEP:
        return refused(f"{_what_it_is(keep, number)}; only a keep is promoted")
    path, train = repository.work_file, repository.train(keep.commit).encode()
    try:
        before = path.lstat()
        there = path.read_bytes()
    except OSError as error:
        return refused(f"nothing was written: {path} can not be read ({error.strerror or error})")
    if not stat.S_ISREG(before.st_mode):
        return refused(f"nothing was written: {path} is a link or no file; write it yourself")
    if there == train:
        return nothing(f"{path} is #{number}'s already")
    if not (_is_known(state, there, repository) or repository.is_work_file_committed()):
        return refused(
            f"nothing was written: {path} has changes that are in no commit of yours and in no "
            "keep of this session. Commit them or put them aside, then promote again"
        )
    if not _replace(path, train, before):
        return refused(f"nothing was written: {path} changed at this very moment")
    record(events.Promoted(at=clock.now(), experiment=number, path=str(path), by=command.by))
    return done(f"{path} is #{number}'s now; git's index and HEAD are as they were")


def _baseline(state: SessionState) -> Experiment | None:
    """Return the user's own file as it was recorded last."""
    baselines = [each for each in state.experiments.values() if each.parent is None]
    return baselines[-1] if baselines else None


def _is_known(state: SessionState, there: bytes, repository: ExperimentRepository) -> bool:
    """Return whether bytes are those of a baseline or a keep, so that git has them."""
    return any(
        repository.train(each.commit).encode() == there
        for each in state.experiments.values()
        if each.parent is None or each.status is Status.KEEP
    )


def _replace(path: Path, content: bytes, before: os.stat_result) -> bool:
    """Put a file in another's place, with its mode; return false where that one just changed."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.chmod(stat.S_IMODE(before.st_mode))
        now = path.lstat()
        if (now.st_ino, now.st_mtime_ns, now.st_size) != (
            before.st_ino,
            before.st_mtime_ns,
            before.st_size,
        ):
            return False
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    return True


def _what_it_is(experiment: Experiment | None, number: int) -> str:
    if experiment is None:
        return f"there is no #{number}"
    return f"#{number} was not kept ({experiment.status or experiment.phase})"
