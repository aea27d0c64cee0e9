"""Several agents in one night: all have turns, each has its standing, none ends it alone."""

import msgspec
import pytest

from autoresearch_tui import headless
from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.lab.earlier import EarlierSessions, compares
from autoresearch_tui.record import events
from autoresearch_tui.record.standings import standings
from autoresearch_tui.record.vocabulary import Usage
from autoresearch_tui.report import night, summary
from autoresearch_tui.report import standings as shown
from autoresearch_tui.report.tally import tally
from autoresearch_tui.session import LabLife, Session
from autoresearch_tui.settings import AgentSettings, Price, Settings
from tests.workshop import ScriptedAgent, Workshop


def named(name: str, *steps: float | str | ProposalError) -> ScriptedAgent:
    agent = ScriptedAgent(*steps)
    agent.name = name
    return agent


async def test_all_have_turns_and_their_standings_are_told(workshop: Workshop) -> None:
    good, bad = named("good", 0.03, 0.025, 0.02), named("bad", 0.5, 0.6, 0.7)
    lab = workshop.lab(good, rivals=[bad], max_experiments=6)
    assert (await lab.run()).finished
    assert {each.agent for each in lab.state.experiments.values()} == {"baseline", "good", "bad"}
    status = summary.status(workshop.session, lab.state, LabLife.NONE, lab.state.last_fact_at)
    assert "agents      good, bad, auto" in status
    (started,) = [fact for fact in workshop.facts() if isinstance(fact, events.LabStarted)]
    assert "a contest: good, bad" in headless.lines(lab.state, started)
    by_name = {each.agent: each for each in standings(lab.state)}
    assert by_name["good"].keeps >= 2
    assert by_name["good"].gain > 0
    assert by_name["bad"].gain == by_name["bad"].keeps == 0
    total = sum(each.gain for each in by_name.values())
    first, best = lab.state.experiments[0].val_bpb, lab.state.best
    assert best is not None
    assert best.val_bpb is not None
    assert first is not None
    assert total == pytest.approx(first - best.val_bpb)
    report = night.report(workshop.session)
    assert "## The agents" in report
    assert "\n".join(shown.lines(tally(workshop.facts()))).count("gain/h") == 2


async def test_one_that_can_not_go_on_leaves_the_contest_and_the_night_goes_on(
    workshop: Workshop,
) -> None:
    gone = named("gone", ProposalError("its key is wrong", fatal=True))
    lab = workshop.lab(gone, rivals=[named("other")], fallback=named("last"), max_experiments=4)
    assert (await lab.run()).finished
    assert {each.agent for each in lab.state.experiments.values()} == {"baseline", "other"}
    assert any("gone is out of the contest" in notice.text for notice in lab.state.notices)


async def test_where_all_are_gone_the_fallback_has_the_night_and_the_report_says_so(
    workshop: Workshop,
) -> None:
    wrong = ProposalError("its key is wrong", fatal=True)
    lab = workshop.lab(
        named("one", wrong), rivals=[named("two", wrong)], fallback=named("last"),
        max_experiments=3,
    )  # fmt: skip
    assert (await lab.run()).finished
    assert {each.agent for each in lab.state.experiments.values()} == {"baseline", "last"}
    report = night.report(workshop.session)
    assert lab.state.contest == []
    assert "Who had the agent's place" in report
    assert "last from #1: its key is wrong" in report


async def test_an_agent_whose_budget_is_spent_is_replaced(workshop: Workshop) -> None:
    agent = named("dear", ProposalError("hm", Usage(input_tokens=10**6)))
    agent.model = "m"
    settings = Settings(agent=AgentSettings(max_cost=3.0), prices={"m": Price(input=4, output=0)})
    lab = workshop.lab(agent, settings, fallback=named("last"), max_experiments=3)
    assert (await lab.run()).finished
    assert {each.agent for each in lab.state.experiments.values()} == {"baseline", "last"}
    assert any("budget of 3 US dollars is spent" in n.text for n in lab.state.notices)


async def test_earlier_sessions_are_those_whose_results_compare(workshop: Workshop) -> None:
    await workshop.lab(named("a", 0.03), max_experiments=2).run()
    session = workshop.session
    before = workshop.state()
    assert list(EarlierSessions(session, before).read()) == []
    later = Session(session.folder.with_name("later"))
    (found,) = EarlierSessions(later, before).read()
    assert list(found.state.experiments) == [0, 1]
    assert "LEARNING_RATE = 0.03" in found.archive.train(1)
    other = workshop.state()
    other.budget_s += 1
    assert not compares(before, other)
    assert list(EarlierSessions(later, other).read()) == []


def test_what_an_older_journal_does_not_say_has_its_default() -> None:
    fact = events.decode(
        b'{"kind":"proposed","at":1,"experiment":1,"parent":0,"commit":"c",'
        b'"title":"t","hypothesis":"","expected_change":null,"agent":"tpe"}'
    )
    assert isinstance(fact, events.Proposed)
    assert fact.by == ""
    assert msgspec.to_builtins(fact)["agent"] == "tpe"
