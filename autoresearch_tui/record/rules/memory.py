"""Facts about what outlasts a proposal: ideas, the notebook's page, what a person froze."""

from autoresearch_tui.record import events
from autoresearch_tui.record.state import Experiment, Idea, SessionState


def add_idea(state: SessionState, fact: events.IdeaAdded) -> None:
    """An idea waits, at its place."""
    state.ideas = max(state.ideas, fact.idea)
    place = len(state.backlog) if fact.place is None else max(0, fact.place - 1)
    state.backlog.insert(place, Idea(fact.idea, fact.text, fact.by, fact.is_agents, fact.at))


def order_ideas(state: SessionState, fact: events.IdeasOrdered) -> None:
    """The ideas that wait stand in another order."""
    place = {idea: at for at, idea in enumerate(fact.ideas)}
    # Sorting keeps the order of those that are not named.
    state.backlog.sort(key=lambda idea: place.get(idea.idea, len(place)))


def drop_idea(state: SessionState, fact: events.IdeaDropped) -> None:
    """An idea waits no more."""
    state.backlog = [idea for idea in state.backlog if idea.idea != fact.idea]


def take_idea(state: SessionState, fact: events.Proposed) -> None:
    """Have the idea that a proposal tries wait no more."""
    for place, idea in enumerate(state.backlog):
        if idea.idea == fact.idea:
            del state.backlog[place]
            idea.experiment = fact.experiment
            state.taken_ideas[idea.idea] = idea
            return


def give_idea_back(state: SessionState, experiment: Experiment) -> None:
    """Have the idea of an experiment that was never tried come next."""
    idea = None if experiment.idea is None else state.taken_ideas.pop(experiment.idea, None)
    if idea is not None:
        idea.experiment = None
        state.backlog.insert(0, idea)


def write_page(state: SessionState, fact: events.PageWritten) -> None:
    """The notebook has a new page."""
    state.page = fact.page
    state.page_by = fact.by


def freeze(state: SessionState, fact: events.Frozen) -> None:
    """No agent may change a name."""
    state.frozen_by_hand = list(dict.fromkeys([*state.frozen_by_hand, fact.name]))


def thaw(state: SessionState, fact: events.Thawed) -> None:
    """Agents may change it again."""
    state.frozen_by_hand = [name for name in state.frozen_by_hand if name != fact.name]
