"""Whether an edit waits for a person, whatever its settings, its phase and the time."""

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.lab import approval
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.state import Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Absence, ApprovalMode, Usage
from autoresearch_tui.settings import ApprovalSettings

policies = st.none() | st.tuples(st.floats(0.001, 1e6), st.sampled_from(Absence))


def settings_of(mode: ApprovalMode, policy: tuple[float, Absence] | None) -> ApprovalSettings:
    timeout_s, then = policy or (None, None)
    return ApprovalSettings(mode=mode, timeout_s=timeout_s, then=then)


def proposal(*, parent: int | None, edit: int | None) -> Experiment:
    return Experiment(
        number=1, parent=parent, commit="c", title="t", hypothesis="h", expected_change=None,
        agent="a", model=None, lines_added=1, lines_removed=1, usage=Usage(), proposed_at=0.0,
        edit=edit,
    )  # fmt: skip


@given(
    st.sampled_from(ApprovalMode),
    policies,
    policies,
    st.sampled_from([(None, None), (0, None), (0, 1)]),
    st.lists(st.floats(0.0, 1e6), min_size=1, max_size=8),
)
def test_every_edit_is_asked_about_and_decided_at_most_once(
    mode: ApprovalMode,
    policy: tuple[float, Absence] | None,
    later: tuple[float, Absence] | None,
    kind: tuple[int | None, int | None],
    steps: list[float],
) -> None:
    parent, edit = kind
    experiment, now = proposal(parent=parent, edit=edit), 1000.0
    state = SessionState(experiments={1: experiment}, open_experiments=[1])
    taken: list[approval.Decision] = []
    for index, wait in enumerate(steps):
        # A lab may be started again with another policy while the question stands.
        chosen = settings_of(mode, policy if index < len(steps) // 2 else later)
        fact = approval.next_step(experiment, chosen, now)
        if fact is not None:
            taken.append(fact)
            apply(state, fact)
        if isinstance(fact, events.Rejected):
            break
        # What is due wakes the lab, and nothing else does.
        next_at = approval.next_at(state)
        if next_at is not None:
            assert experiment.phase is Phase.WAITING_FOR_APPROVAL
            assert next_at == experiment.decide_at
        now += wait
    asked = [fact for fact in taken if isinstance(fact, events.ApprovalRequested)]
    decided = [fact for fact in taken if not isinstance(fact, events.ApprovalRequested)]
    if mode is ApprovalMode.AUTO or parent is None or edit is not None:
        assert taken == []
        return
    assert len(asked) <= 2
    assert len(decided) <= 1
    for fact in decided:
        put = asked[-1]
        assert put.decide_at is not None
        assert fact.at >= put.decide_at
        assert isinstance(fact, events.Approved) == (put.then is Absence.APPROVE)


@given(st.floats(0.0, 1e9))
def test_without_a_policy_a_question_stands_for_ever(now: float) -> None:
    experiment = proposal(parent=0, edit=None)
    state = SessionState(experiments={1: experiment}, open_experiments=[1])
    asks = ApprovalSettings(mode=ApprovalMode.ASK)
    first = approval.next_step(experiment, asks, 0.0)
    assert isinstance(first, events.ApprovalRequested)
    apply(state, first)
    assert approval.next_step(experiment, asks, now) is None
    assert approval.next_at(state) is None
