"""The watchdog's rules, on nights of any shape; and what a real lab does by them."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.control import messages
from autoresearch_tui.executors.base import Ended
from autoresearch_tui.lab import device, watchdog
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import apply, fold
from autoresearch_tui.record.state import Activity, Experiment, SessionState
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from autoresearch_tui.settings import Settings, WatchdogSettings
from tests.workshop import ScriptedAgent, Workshop

FALLBACK = "tpe"
CRASHES = 3
SETTINGS = WatchdogSettings(crashes=CRASHES)
FAILED = [Status.CRASH, Status.TIMEOUT, Status.INVALID]
SILENT = [Status.SKIPPED, Status.REJECTED, Status.KILLED]
GOOD = [Status.KEEP, Status.DISCARD]
CRASHING = "raise SystemExit({})\n"


@dataclass(frozen=True)
class Judgement:
    agent: str
    status: Status


def judgements(
    statuses: list[Status], agents: tuple[str, ...] = ("claude", FALLBACK)
) -> st.SearchStrategy[list[Judgement]]:
    one = st.builds(Judgement, st.sampled_from(agents), st.sampled_from(statuses))
    return st.lists(one, max_size=4 * CRASHES)


def proposed(number: int, agent: str) -> events.Proposed:
    return events.Proposed(
        at=0, experiment=number, parent=0 if number else None, commit=f"{number}", title="t",
        hypothesis="", expected_change=None, agent=agent,
    )  # fmt: skip


def judged(number: int, status: Status, reason: str) -> events.Judged:
    return events.Judged(at=0, experiment=number, status=status, reason=reason, commit=f"{number}")


def begun() -> SessionState:
    state = fold([proposed(0, "baseline"), judged(0, Status.KEEP, "")])
    state.agent = "claude"
    return state


def add(state: SessionState, *history: Judgement) -> SessionState:
    for each in history:
        number = state.next_number
        apply(state, proposed(number, each.agent))
        apply(state, judged(number, each.status, f"RuntimeError: {number} tokens"))
    return state


def remedy(state: SessionState) -> watchdog.Remedy | None:
    return watchdog.remedy(state, SETTINGS, 0.0, fallback=FALLBACK)


@given(judgements([*FAILED, *SILENT, *GOOD]), st.sampled_from(GOOD))
def test_a_result_ends_every_streak(history: list[Judgement], good: Status) -> None:
    assert remedy(add(begun(), *history, Judgement("claude", good))) is None


@given(judgements([*FAILED, *SILENT]))
def test_only_what_failed_counts_and_each_agent_for_itself(history: list[Judgement]) -> None:
    failed = [each.agent for each in history if each.status in FAILED]
    found = remedy(add(begun(), *history))
    # More than twice as many are not looked at.
    latest = failed[-2 * CRASHES :]
    if latest.count(FALLBACK) >= CRASHES:
        assert isinstance(found, watchdog.Pause)
    elif latest.count("claude") >= CRASHES and failed[-1] == "claude":
        assert isinstance(found, watchdog.SwitchAgent)
        assert found.turns == CRASHES
    else:
        assert found is None


@given(judgements(FAILED, agents=(FALLBACK,)))
def test_an_agent_that_is_its_own_fallback_is_never_switched(history: list[Judgement]) -> None:
    state = add(begun(), *history)
    state.agent = FALLBACK
    assert isinstance(remedy(state), watchdog.Pause) == (len(history) >= CRASHES)


@given(judgements([*FAILED, *SILENT]), judgements([*FAILED, *SILENT]))
def test_no_streak_is_answered_twice(before: list[Judgement], after: list[Judgement]) -> None:
    state = add(begun(), *before)
    apply(state, events.Paused(at=0, by=watchdog.NAME))
    assert remedy(state) is None
    apply(state, events.Resumed(at=0, by="me"))
    assert remedy(state) is None
    fresh = remedy(add(begun(), *after))
    again = remedy(add(state, *after))
    assert type(again) is type(fresh)


def test_a_pause_says_what_the_failures_have_in_common() -> None:
    found = remedy(add(begun(), *[Judgement(FALLBACK, Status.CRASH)] * CRASHES))
    assert isinstance(found, watchdog.Pause)
    assert "3 experiments in a row" in found.reason
    assert "3 times 'RuntimeError: 3 tokens'" in found.reason
    assert "autoresearch resume" in found.reason


def test_waits_for_a_device_grow_to_a_limit_and_then_the_lab_stops() -> None:
    state, now, waits = begun(), 1000.0, list[float]()
    while True:
        found = watchdog.remedy(state, SETTINGS, now, fallback=FALLBACK, device_fault="it is gone")
        if not isinstance(found, watchdog.BackOff):
            break
        waits.append(found.until - now)
        apply(state, events.BackedOff(at=now, reason=found.reason, until=found.until))
        assert watchdog.is_backing_off(state, now)
        assert not watchdog.is_backing_off(state, found.until)
        # A clock that was set back a year does not make it wait for a year.
        assert not watchdog.is_backing_off(state, now - 3e7)
        now = found.until
    assert isinstance(found, watchdog.Stop)
    assert "it is gone" in found.reason
    assert waits == [30, 60, 120, 240, 480, *[600] * 5]


async def test_an_agent_whose_edits_crash_has_its_turns_taken_and_returns(
    workshop: Workshop,
) -> None:
    fallback = ScriptedAgent(0.5, 0.6)
    fallback.name = "other"
    agent = ScriptedAgent(CRASHING.format(1), CRASHING.format(2), 0.02)
    settings = Settings(watchdog=WatchdogSettings(crashes=2))
    lab = workshop.lab(agent, settings, fallback=fallback, max_experiments=6)
    assert (await lab.run()).finished
    agents = [each.agent for each in lab.state.experiments.values()][1:]
    assert agents == ["scripted", "scripted", "other", "other", "scripted"]
    assert lab.state.agent == "scripted"


async def test_a_streak_that_no_agent_ends_pauses_the_session_once(workshop: Workshop) -> None:
    crashes = [CRASHING.format(number) for number in range(4)]
    settings = Settings(watchdog=WatchdogSettings(crashes=2))
    lab = workshop.lab(ScriptedAgent(*crashes[:3]), settings)
    night = asyncio.create_task(lab.run())
    await lab.until(lambda state: state.paused)
    assert lab.state.paused_by == watchdog.NAME
    assert "2 experiments in a row" in lab.state.notices[-1].text
    assert lab.state.next_number == 3
    await lab.handle(messages.Resume(by="me"))
    # The third crash in a row is the first one after the pause.
    await lab.until(lambda state: state.next_number == 5)
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    assert sum(isinstance(fact, events.Paused) for fact in workshop.facts()) == 1


async def test_a_contest_in_which_everything_crashes_pauses_and_a_switch_is_no_end(
    workshop: Workshop,
) -> None:
    def named(name: str, *steps: float | str) -> ScriptedAgent:
        agent = ScriptedAgent(*steps)
        agent.name = name
        return agent

    lead = named("lead", *[CRASHING.format(number) for number in range(10)])
    rival = named("rival", *[CRASHING.format(-number) for number in range(1, 10)])
    settings = Settings(watchdog=WatchdogSettings(crashes=2))
    rates = [0.03, 0.5, 0.6, *[CRASHING.format(100 + number) for number in range(10)]]
    lab = workshop.lab(lead, settings, rivals=[rival], fallback=named("other", *rates))
    night = asyncio.create_task(lab.run())
    await lab.until(lambda state: state.paused)
    assert "4 experiments in a row" in lab.state.notices[-1].text
    await lab.handle(messages.Stop(by="me", now=True))
    await night
    switched = [f.agent for f in workshop.facts() if isinstance(f, events.AgentChanged)]
    # Who had their turns taken has them back.
    assert switched[:4:2] == ["other", "other"]
    assert "other" not in switched[1::2]


GONE = "it fell off the bus"


@pytest.mark.parametrize("found", [[GONE, GONE], [None, GONE, GONE]], ids=["run", "evaluation"])
async def test_a_device_that_is_gone_is_waited_for_and_blamed_on_no_experiment(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, found: list[str | None]
) -> None:
    """After its run, or after the evaluation of what it had trained already."""
    monkeypatch.setattr(watchdog, "BACK_OFF_FIRST_S", 0.01)
    left = list(found)

    async def fault(kind: str, ended: Ended, said: str, experiment: Experiment) -> str | None:
        return left.pop(0) if left and experiment.number == 1 else None

    monkeypatch.setattr(device, "fault", fault)
    lab = workshop.lab(ScriptedAgent(0.02), max_experiments=2)
    assert (await lab.run()).finished
    waits = [fact for fact in workshop.facts() if isinstance(fact, events.BackedOff)]
    assert len(waits) == 2
    assert all(GONE in fact.reason for fact in waits)
    experiment = lab.state.experiments[1]
    assert experiment.status is Status.KEEP
    interrupted = [run.outcome for run in experiment.runs[:-1]]
    assert interrupted == [RunOutcome.INTERRUPTED] * (2 if found[0] else 0)
    assert lab.state.ledger_s[Activity.FAILED] > 0
    assert lab.state == fold(workshop.facts())


async def test_a_device_that_stays_away_ends_the_session(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "BACK_OFF_FIRST_S", 0.01)
    monkeypatch.setattr(watchdog, "BACK_OFFS_ALLOWED", 1)

    async def fault(kind: str, ended: Ended, said: str, experiment: Experiment) -> str:
        return "it is gone"

    monkeypatch.setattr(device, "fault", fault)
    (workshop.root / "train.py").write_text("raise SystemExit(1)\n")
    end = await workshop.lab(ScriptedAgent()).run()
    assert end.trouble
    assert "it is gone" in end.reason


CRASH = Ended(outcome=RunOutcome.CRASH, reason="")


async def test_a_device_is_asked_after_a_crash_and_words_are_believed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = begun().experiments[0]
    words = "RuntimeError: No CUDA-capable device is detected"
    monkeypatch.setattr(device, "PROBE", "")
    assert await device.fault("cuda", CRASH, "KeyError: 1", experiment) is None
    assert await device.fault("cuda", CRASH, words, experiment) == words
    assert await device.fault("cpu", CRASH, words, experiment) is None
    trained = Ended(outcome=RunOutcome.TRAINED, reason="")
    assert await device.fault("cuda", trained, words, experiment) is None
    state = begun()
    run = events.RunStarted(at=0, experiment=0, replicate=0, seed=1, pid=1, threads=1, budget_s=1)
    ended = events.RunEnded(
        at=0, experiment=0, replicate=0, outcome=RunOutcome.INTERRUPTED,
        reason=f"{device.FAULT}: {words}",
    )  # fmt: skip
    for fact in (run, ended):
        apply(state, fact)
    assert await device.fault("cuda", CRASH, words, state.experiments[0]) is None
    monkeypatch.setattr(device, "PROBE", "import sys; sys.exit('cuInit fails with error 100')")
    found = await device.fault("cuda", CRASH, "KeyError: 1", state.experiments[0])
    assert found == "cuInit fails with error 100"


async def test_a_device_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(device, "PROBE_LIMIT_S", 0.1)
    assert "did not open within" in (await device.probe() or "")
