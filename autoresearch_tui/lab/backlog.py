"""The backlog: ideas of people and agents, in an order that both may change."""

from autoresearch_tui.agents.base import Proposal
from autoresearch_tui.control import messages
from autoresearch_tui.control.messages import Reply, done, nothing, refused
from autoresearch_tui.lab import clock
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.record import events
from autoresearch_tui.record.state import Idea, SessionState

IDEA_CHARACTERS = 300
IDEAS_A_PROPOSAL = 3
AGENTS_IDEAS_WAITING = 30
"""With so many of theirs waiting, agents' new ones are passed over."""


def add(state: SessionState, command: messages.AddIdea, record: Record) -> Reply:
    """Put a person's idea behind people's others, and before the agents'."""
    text = " ".join(command.text.split())
    if not text:
        return refused("say in a sentence what should be tried")
    if len(text) > IDEA_CHARACTERS:
        return refused(f"the idea has {len(text)} characters; {IDEA_CHARACTERS} is the most")
    if (known := _known(state, text)) is not None:
        return nothing(f"it is idea {known.idea} already")
    people = [at for at, idea in enumerate(state.backlog, 1) if not idea.is_agents]
    place = max(people, default=0) + 1
    idea = state.ideas + 1
    record(events.IdeaAdded(at=clock.now(), idea=idea, by=command.by, text=text, place=place))
    return done(f"idea {idea} is at place {place} of the backlog")


def move(state: SessionState, command: messages.MoveIdea, record: Record) -> Reply:
    """Put a waiting idea at another place."""
    waiting = [idea.idea for idea in state.backlog]
    if command.idea not in waiting:
        return refused(_not_waiting(state, command.idea))
    if not 1 <= command.place <= len(waiting):
        return refused(f"there are places 1 to {len(waiting)}")
    order = [idea for idea in waiting if idea != command.idea]
    order.insert(command.place - 1, command.idea)
    if order == waiting:
        return nothing(f"idea {command.idea} is at place {command.place} already")
    record(events.IdeasOrdered(at=clock.now(), ideas=order, by=command.by))
    return done(f"idea {command.idea} is at place {command.place} now")


def drop(state: SessionState, command: messages.DropIdea, record: Record) -> Reply:
    """Take an idea out of the backlog."""
    number = command.idea
    if all(idea.idea != number for idea in state.backlog):
        never = not 1 <= number <= state.ideas
        told = _not_waiting(state, number)
        return refused(told) if never else nothing(told)
    reason = command.reason.strip()
    record(events.IdeaDropped(at=clock.now(), idea=number, by=command.by, reason=reason))
    return done(f"idea {number} is dropped")


def take_in(state: SessionState, proposal: Proposal, by: str, record: Record) -> None:
    """Record what ideas a proposal brings, and which ones it puts first.

    Raises:
        OSError: it can not be recorded.
    """
    theirs = sum(idea.is_agents for idea in state.backlog)
    for idea in proposal.ideas[:IDEAS_A_PROPOSAL]:
        text = " ".join(idea.split())[:IDEA_CHARACTERS].rstrip()
        if not text or _known(state, text) is not None or theirs >= AGENTS_IDEAS_WAITING:
            continue
        theirs += 1
        record(
            events.IdeaAdded(at=clock.now(), idea=state.ideas + 1, by=by, text=text, is_agents=True)
        )
    waiting = [idea.idea for idea in state.backlog]
    first = [idea for idea in dict.fromkeys(proposal.ideas_first) if idea in waiting]
    order = [*first, *(idea for idea in waiting if idea not in first)]
    if order != waiting:
        record(events.IdeasOrdered(at=clock.now(), ideas=order, by=by))


def taken(state: SessionState, proposal: Proposal) -> int | None:
    """Return the waiting idea that a proposal tries; none where it names none that waits."""
    waiting = {idea.idea for idea in state.backlog}
    return proposal.took_idea if proposal.took_idea in waiting else None


def _known(state: SessionState, text: str) -> Idea | None:
    same = (idea for idea in state.backlog if idea.text.casefold() == text.casefold())
    return next(same, None)


def _not_waiting(state: SessionState, number: int) -> str:
    if (idea := state.taken_ideas.get(number)) is not None:
        return f"idea {number} was taken up by #{idea.experiment}"
    if 1 <= number <= state.ideas:
        return f"idea {number} was dropped"
    return f"there is no idea {number}"
