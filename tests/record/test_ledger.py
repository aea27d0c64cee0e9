"""Every second of a living lab is in one activity, whatever happens to labs and runs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.state import Activity
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from tests.record.test_fold import lab_started, proposed

STAGES = (Activity.STARTING, Activity.COMPILING, Activity.TRAINING, Activity.EVALUATING)
SECONDS = st.integers(0, 9)
"""Whole ones, so that sums are exact."""
NUMBERS = st.integers(0, 3)


def run_started(at: float, number: int) -> events.RunStarted:
    return events.RunStarted(
        at=at, experiment=number, replicate=0, seed=1, pid=9, threads=2, budget_s=20
    )


def run_ended(at: float, number: int, outcome: RunOutcome) -> events.RunEnded:
    return events.RunEnded(at=at, experiment=number, replicate=0, outcome=outcome, reason="r")


def evaluated(at: float, number: int) -> events.Evaluated:
    return events.Evaluated(
        at=at, experiment=number, replicate=0, valid=True, reason=None, val_bpb=1.0
    )


def judged(at: float, number: int, status: Status) -> events.Judged:
    return events.Judged(at=at, experiment=number, status=status, reason="r", commit="j")


@st.composite
def stories(draw: st.DrawFn) -> list[AnyFact]:
    """Any facts that change the activity, in any order, at moments that never go back."""
    at, facts = draw(st.integers(0, 5)), list[AnyFact]()
    for kind in draw(st.lists(st.sampled_from(range(17)), max_size=60)):
        at += draw(SECONDS)
        number = draw(NUMBERS)
        beat = draw(st.none() | st.integers(at - 20, at + 20))
        outcome, status = draw(st.sampled_from(RunOutcome)), draw(st.sampled_from(Status))
        started = msgspec.structs.replace(lab_started(at), last_beat_at=beat)
        facts.append(
            [
                started,
                started,
                events.LabStopped(at=at, reason="r"),
                events.ProposalStarted(at=at, experiment=number, agent="a"),
                events.ProposalFailed(at=at, experiment=number, agent="a", reason="r"),
                proposed(at, number, None),
                proposed(at, number, None),
                events.ApprovalRequested(at=at, experiment=number),
                events.Approved(at=at, experiment=number, by="me"),
                run_started(at, number),
                events.TrialOpened(at=at, experiment=number, replicate=0),
                events.ClockStarted(at=at, experiment=number, replicate=0, startup_s=1.0),
                run_ended(at, number, outcome),
                evaluated(at, number),
                judged(at, number, status),
                events.Paused(at=at, by="me") if number else events.Resumed(at=at, by="me"),
                events.BackedOff(at=at, reason="r", until=at + 5.0),
            ][kind]
        )
    return facts


def known_to_live(facts: Iterable[AnyFact], now: float) -> float:
    """Return for how long labs lived, by their facts and by the last beats of those that died."""
    total, since, last = 0.0, None, 0.0
    for fact in facts:
        if isinstance(fact, events.LabStarted):
            if since is not None:
                died_at = min(fact.at, max(last, fact.last_beat_at or 0.0))
                total += died_at - since
            since = fact.at
        elif isinstance(fact, events.LabStopped) and since is not None:
            total += fact.at - since
            since = None
        last = fact.at
    return total if since is None else total + now - since


@given(stories(), st.integers(0, 30))
def test_the_sum_is_the_time_that_labs_lived(facts: list[AnyFact], seconds: int) -> None:
    state = fold(facts)
    now = state.last_fact_at + seconds
    ledger = state.ledger_at(now)
    assert sum(ledger.values()) == known_to_live(facts, now)
    assert all(each >= 0 for each in (*ledger.values(), *state.run_ledger_s.values()))
    assert Activity.OFF not in ledger


@given(stories(), st.lists(st.floats(-30, 30), min_size=60, max_size=60))
def test_a_clock_that_jumps_makes_nothing_negative(
    facts: list[AnyFact], jumps: list[float]
) -> None:
    state = fold(
        msgspec.structs.replace(fact, at=fact.at + jump)
        for fact, jump in zip(facts, jumps, strict=False)
    )
    assert all(each >= 0 for each in state.ledger_at(state.last_fact_at).values())


class End(Enum):
    """How an attempt at an experiment ends, in the stage where it does."""

    KEPT = auto()
    FOUND_INVALID = auto()
    CRASHED = auto()
    KILLED = auto()
    INTERRUPTED = auto()
    LAB_DIED = auto()


@dataclass(frozen=True)
class Attempt:
    spent: list[int]
    """In each stage, up to the last one that it reached."""
    end: End
    silent_for: int
    """How long a lab that died beat on, and how long none ran after that."""


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    end = draw(st.sampled_from(End))
    whole = end in (End.KEPT, End.FOUND_INVALID)
    reached = 4 if whole else draw(st.integers(1, 4 if end is End.KILLED else 3))
    spent = draw(st.lists(SECONDS, min_size=reached, max_size=reached))
    return Attempt(spent, end, draw(SECONDS))


class Told:
    """A night told fact by fact, and what its ledger has to be."""

    def __init__(self) -> None:
        self.at = 0
        self.facts: list[AnyFact] = [lab_started(0)]
        self.expected: Counter[Activity] = Counter()

    def run(self, number: int, attempt: Attempt) -> bool:
        """Tell of one attempt, and return whether that is the end of the experiment."""
        self.facts.append(run_started(self.at, number))
        spent: Counter[Activity] = Counter()
        for index, seconds in enumerate(attempt.spent):
            if index == 1:
                opened = events.TrialOpened(at=self.at, experiment=number, replicate=0)
                self.facts.append(opened)
            if index == 2:
                clock = events.ClockStarted(
                    at=self.at, experiment=number, replicate=0, startup_s=1.0
                )
                self.facts.append(clock)
            if index == 3:
                self.facts.append(run_ended(self.at, number, RunOutcome.TRAINED))
            spent[STAGES[index]] += seconds
            self.at += seconds
        if attempt.end is End.LAB_DIED:
            last = STAGES[len(attempt.spent) - 1]
            spent[last] += attempt.silent_for
            self.at += attempt.silent_for
            beat, self.at = self.at, self.at + attempt.silent_for
            self.facts.append(msgspec.structs.replace(lab_started(self.at), last_beat_at=beat))
        if attempt.end is End.KEPT:
            self.expected += spent
        else:
            self.expected[Activity.FAILED] += spent.total()
        return self._end(number, attempt.end)

    def _end(self, number: int, end: End) -> bool:
        match end:
            case End.KEPT:
                tail = [evaluated(self.at, number), judged(self.at, number, Status.KEEP)]
            case End.FOUND_INVALID:
                tail = [evaluated(self.at, number), judged(self.at, number, Status.INVALID)]
            case End.CRASHED:
                crash = run_ended(self.at, number, RunOutcome.CRASH)
                tail = [crash, judged(self.at, number, Status.CRASH)]
            case End.KILLED:
                killed = run_ended(self.at, number, RunOutcome.KILLED)
                tail = [killed, judged(self.at, number, Status.KILLED)]
            case End.INTERRUPTED | End.LAB_DIED:
                tail = [run_ended(self.at, number, RunOutcome.INTERRUPTED)]
        self.facts += tail
        return isinstance(tail[-1], events.Judged)


@given(st.lists(st.tuples(SECONDS, st.lists(attempts(), min_size=1, max_size=3)), max_size=4))
def test_a_run_that_came_to_nothing_is_time_that_failed(
    lives: list[tuple[int, list[Attempt]]],
) -> None:
    told = Told()
    for number, (agent_s, tries) in enumerate(lives):
        told.facts.append(events.ProposalStarted(at=told.at, experiment=number, agent="a"))
        told.at += agent_s
        told.expected[Activity.WAITING_FOR_AGENT] += agent_s
        told.facts.append(proposed(told.at, number, None))
        if not any(told.run(number, attempt) for attempt in tries):
            told.facts.append(judged(told.at, number, Status.SKIPPED))
    ledger = fold(told.facts).ledger_at(told.at)
    assert {key: each for key, each in ledger.items() if each} == dict(+told.expected)


def test_the_pauses_between_an_agents_attempts_are_spent_waiting_for_it() -> None:
    def failed(at: float) -> list[AnyFact]:
        return [
            events.ProposalStarted(at=at, experiment=0, agent="a"),
            events.ProposalFailed(at=at + 1, experiment=0, agent="a", reason="r"),
        ]

    state = fold([lab_started(0), *failed(0), *failed(10), lab_started(20), *failed(20)])
    assert state.ledger_at(30) == {Activity.WAITING_FOR_AGENT: 11 + 10}
