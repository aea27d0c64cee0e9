"""Whole ideas: each fits today's train.py, does something else, and is offered once."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch_tui.agents.ideas import IDEAS, Idea, fitting
from autoresearch_tui.agents.tpe import IDEA_TITLE, TpeAgent
from autoresearch_tui.record.vocabulary import Status
from tests.agents.night import TRAIN, Thoughts, begun

REAL = (Path(__file__).parents[2] / "train.py").read_text()


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea.name)
def test_every_idea_fits_the_real_script_once(idea: Idea) -> None:
    rewritten = idea.applied(REAL)
    assert rewritten is not None
    assert ast.dump(ast.parse(rewritten)) != ast.dump(ast.parse(REAL))
    assert idea.applied(rewritten) is None
    assert rewritten not in [other for each, other in fitting(REAL) if each is not idea]


def test_an_idea_that_does_not_fit_is_not_offered() -> None:
    assert list(fitting(TRAIN)) == []
    twice = Idea("x", "y", (("print", "repr"),))
    assert twice.applied("print(print)\n") is None
    assert Idea("x", "y", (("a", "("),)).applied("a = 1\n") is None


async def test_ideas_are_proposed_where_they_are_wanted_and_none_twice() -> None:
    night, seen = begun(REAL), set[str]()
    for _ in IDEAS:
        context = replace(night.context(seed=len(seen)), experiment=4)
        proposal = await TpeAgent(ideas=True).propose(context, Thoughts())
        assert proposal.title.startswith(IDEA_TITLE)
        assert proposal.title not in seen
        seen.add(proposal.title)
        night.add(proposal.train, Status.DISCARD, 1.9, parent=0, title=proposal.title)
    context = replace(night.context(), experiment=4)
    assert not (await TpeAgent(ideas=True).propose(context, Thoughts())).title.startswith("idea")
    plain = replace(begun(REAL).context(), experiment=4)
    assert not (await TpeAgent().propose(plain, Thoughts())).title.startswith(IDEA_TITLE)
