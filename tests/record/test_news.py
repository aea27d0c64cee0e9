"""What is told to who is away: enough, once, and nothing that can wait."""

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.events import AnyFact
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.news import STREAK, TEXT_CHARS, news
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Level, Status
from tests.record.test_fold import NIGHT, lab_started, proposed


def told(*facts: AnyFact) -> list[str]:
    """Return what is told of facts that follow a night's."""
    state = SessionState()
    for fact in NIGHT:
        apply(state, fact)
    sentences: list[str] = []
    for fact in facts:
        apply(state, fact)
        if text := news(state, fact):
            sentences.append(text)
    return sentences


def judged(number: int, status: Status, change: float | None = None) -> list[AnyFact]:
    bpb = None if change is None else 1.9 + change
    return [
        proposed(200 + number, number, 2),
        events.Judged(
            at=201 + number, experiment=number, status=status, reason="why", commit=f"j{number}",
            val_bpb=bpb, change=change,
        ),
    ]  # fmt: skip


def test_a_new_best_is_told_and_a_baseline_and_a_discard_are_not() -> None:
    state, sentences = SessionState(), []
    for fact in NIGHT:
        apply(state, fact)
        sentences += filter(None, [news(state, fact)])
    assert sentences == []
    (best,) = told(*judged(3, Status.DISCARD, 0.1), *judged(4, Status.KEEP, -0.002))
    assert best == "new best val_bpb 1.898000, 2.0 mbpb lower: #4 t"


def test_a_streak_of_crashes_is_told_once() -> None:
    crashes = [fact for number in range(3, 12) for fact in judged(number, Status.CRASH)]
    (text,) = told(*crashes)
    assert text.startswith(f"{STREAK} experiments in a row")
    broken = [*crashes[:6], *judged(20, Status.DISCARD, 0.1), *crashes[6:12]]
    assert told(*broken) == []


def test_an_end_is_told_unless_a_person_wanted_it() -> None:
    stop = events.StopRequested(at=300, by="ada@lab")
    assert told(stop, events.LabStopped(at=301, reason="a person stopped it")) == []
    (reboot,) = told(events.LabStopped(at=301, reason="its process was sent SIGTERM"))
    assert "SIGTERM" in reboot
    (over,) = told(events.LabStopped(at=301, reason="it is 07:00", finished=True))
    assert over == "finished: it is 07:00. Best val_bpb 1.900000, #2 t."
    (trouble,) = told(events.LabStopped(at=301, reason="the disk is full", trouble=True))
    assert "needs somebody" in trouble


def test_a_question_and_another_agent_are_told_and_the_latter_not_twice() -> None:
    (question,) = told(proposed(299, 3, 2), events.ApprovalRequested(at=300, experiment=3))
    assert question == "needs approval: #3 t"
    change = events.AgentChanged(at=300, agent="tpe", model=None, reason="the key was refused")
    assert told(change) == ["the agent is tpe from here on: the key was refused"]
    notice = events.Notice(at=299.9, level=Level.ERROR, text="claude can not go on")
    assert told(notice, change) == ["claude can not go on"]


def test_what_a_person_did_and_what_is_only_worth_knowing_is_not_told() -> None:
    assert (
        told(
            lab_started(300),
            events.Paused(at=301, by="ada@lab"),
            events.Steered(at=302, by="ada@lab", text="smaller"),
            events.Notice(at=303, level=Level.INFO, text="no key, so tpe"),
            *judged(3, Status.KILLED),
        )
        == []
    )


def test_a_long_text_is_cut_and_is_one_line() -> None:
    (text,) = told(events.Notice(at=300, level=Level.ERROR, text="much\nto say " * 100))
    assert len(text) == TEXT_CHARS
    assert "\n" not in text


@given(st.permutations([*NIGHT, *judged(3, Status.KEEP, -0.1), *judged(4, Status.CRASH)]))
def test_facts_in_any_order_are_told_without_harm(facts: list[AnyFact]) -> None:
    state = SessionState()
    for fact in facts:
        apply(state, fact)
        assert news(state, fact) != ""
