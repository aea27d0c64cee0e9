"""A person freezes what agents may not change, and thaws it again."""

from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import Reply, done, nothing, refused
from autoresearch_tui.lab import clock, frozen
from autoresearch_tui.lab.hand import HUMAN_AGENT
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.state import NOT_STARTED, SessionState

NAME_CHARACTERS = 100


def freeze(
    state: SessionState, command: messages.Freeze, record: Record, repository: ExperimentRepository
) -> Reply:
    """Keep agents from changing a name; an edit that waits and changes it is skipped.

    Raises:
        OSError: it can not be recorded.
        RepositoryError: git can not be read.
    """
    name = frozen.bare(command.name)
    if not name or len(name) > NAME_CHARACTERS:
        return refused("name a constant, a function, a class or a method, as Block.forward")
    if name in map(frozen.bare, state.frozen):
        return nothing(f"{name} is frozen already")
    incumbent = state.best
    if incumbent is None:
        return refused("nothing is kept yet; freeze it in [agent] of autoresearch.toml")
    train = repository.train(incumbent.commit)
    if missing := frozen.nearest(train, name):
        return refused(
            f"nothing is frozen: of #{incumbent.number}'s {state.edited_file}, {missing}"
        )
    record(events.Frozen(at=clock.now(), name=name, by=command.by))
    for number in list(state.open_experiments):
        each = state.experiments[number]
        if each.phase not in NOT_STARTED or each.agent == HUMAN_AGENT or each.parent is None:
            continue
        before = repository.train(state.experiments[each.parent].commit)
        if trouble := frozen.violation(before, repository.train(each.commit), [name]):
            now, by = clock.now(), command.by
            record(events.SkipRequested(at=now, experiment=number, by=by, reason=trouble))
    return done(f"{name} is frozen: no agent changes it")


def thaw(state: SessionState, command: messages.Thaw, record: Record) -> Reply:
    """Let agents change a name again.

    Raises:
        OSError: it can not be recorded.
    """
    name = frozen.bare(command.name)
    if name in map(frozen.bare, state.frozen_in_settings):
        return refused(f"{name} is frozen in [agent] of autoresearch.toml; take it out there")
    if name not in state.frozen_by_hand:
        return nothing(f"{name} is not frozen by name")
    record(events.Thawed(at=clock.now(), name=name, by=command.by))
    return done(f"agents may change {name} again")
