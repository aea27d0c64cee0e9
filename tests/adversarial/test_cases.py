"""Scripts that cheat or err end as invalid, crash or timeout, or gain nothing; and break nothing.

Each file of `cases/` says in its docstring what it tries and how that must end.
"""

import ast
import re
import socket
from collections.abc import Callable

import pytest

from autoresearch_tui.executors.sandbox import NO_SANDBOX, Level, Sandbox
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from tests.adversarial import bench, case
from tests.adversarial.bench import Outcome
from tests.adversarial.case import Case
from tests.adversarial.conftest import PLANTED, Lanes

CASES = {name: Case.read(name) for name in case.names()}
IDLE = {name for name, case in CASES.items() if case.idle}
UNDER_LANDLOCK = (
    *(name for name in CASES if name.startswith("writes_")),
    "opens_a_connection",
    "reads_the_users_key",
    "stops_its_supervisor",
    "validation_rows_by_heart",
)
"""Those that are run in the weaker sandbox as well."""
WITHOUT_SANDBOX = (
    "trains_on_validation_rows",
    "validation_rows_by_heart",
    "weights_of_the_incumbent",
)
"""Those that would gain where nothing confines them, as docs/sandbox.md says."""
STATUS = {"invalid": Status.INVALID, "crash": Status.CRASH, "timeout": Status.TIMEOUT}


@pytest.fixture(scope="module", autouse=True)
def _all_start(
    request: pytest.FixtureRequest, lanes: Lanes, sandboxes: dict[Level, Sandbox]
) -> None:
    """Start every case that was chosen; each test then waits for its own."""
    lanes.start("honest")
    mine = (item for item in request.session.items if item.path == request.path)
    callspecs = (getattr(item, "callspec", None) for item in mine)
    chosen = [spec.params for spec in callspecs if spec]
    # Those that sleep have lanes of their own, and take longest.
    for parameters in sorted(chosen, key=lambda each: IDLE.isdisjoint(each.values())):
        match parameters:
            case {"name": str(name)} if sandbox := sandbox_of(CASES[name], sandboxes):
                lanes.start(name, sandbox)
            case {"landlocked": str(name)} if sandbox := sandboxes.get(Level.LANDLOCK):
                lanes.start(name, sandbox)
            case {"unconfined": str(name)}:
                lanes.start(name)
            case _:
                pass


def sandbox_of(case: Case, sandboxes: dict[Level, Sandbox]) -> Sandbox | None:
    """Return in what a case is run; none where what it needs is not there."""
    if case.sandbox != "needed":
        return NO_SANDBOX
    return next(iter(sandboxes.values()), None)


def check(case: Case, outcome: Outcome, honest: Outcome) -> None:
    """Assert that a case ended as it should, and that it left and changed nothing."""
    verdict = outcome.verdict
    story = f"{verdict}\n{outcome.output[-2000:]}\n{outcome.evaluation_log[-2000:]}"
    if case.ends == "same weights":
        assert outcome.run.outcome is RunOutcome.TRAINED, story
        assert outcome.weights == honest.weights, story
    elif case.ends == "same score":
        assert outcome.val_bpb == pytest.approx(honest.val_bpb, rel=bench.SCORE_TOLERANCE), story
    elif case.ends == "no better":
        assert outcome.val_bpb is not None, story
        assert honest.val_bpb is not None
        assert outcome.val_bpb >= honest.val_bpb * (1 - bench.SCORE_TOLERANCE), story
    else:
        assert verdict.status is STATUS[case.ends], story
        assert verdict.val_bpb is None
        assert case.reason
        assert_reason(case, verdict.reason)
    assert outcome.left == []
    assert outcome.changed == []
    assert PLANTED not in outcome.output + outcome.evaluation_log


def assert_reason(case: Case, reason: str) -> None:
    assert re.search(case.reason, reason), reason


def line_of(case: Case, outcome: Outcome) -> str:
    """Return how a case ended, for the summary."""
    if case.ends in STATUS:
        return f"{case.name:<36} {outcome.verdict.status}: {outcome.verdict.reason[:100]}"
    return f"{case.name:<36} {case.ends} as the honest script"


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_caught(
    name: str,
    lanes: Lanes,
    sandboxes: dict[Level, Sandbox],
    listener: socket.socket,
    record_property: Callable[[str, str], None],
) -> None:
    case = CASES[name]
    sandbox = sandbox_of(case, sandboxes)
    if sandbox is None:
        pytest.skip("neither bubblewrap nor Landlock works here")
    outcome, honest = lanes.start(name, sandbox).result(), lanes.start("honest").result()
    check(case, outcome, honest)
    record_property("case", line_of(case, outcome))
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    "unscored", [n for n, case in CASES.items() if case.ends == "same weights"]
)
def test_what_is_judged_by_its_weights_has_the_honest_model(unscored: str) -> None:
    tree = ast.parse((case.CASES / f"{unscored}.py").read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert "main" in defined
    assert not defined & {"build_model", "Honest"}


@pytest.mark.parametrize("landlocked", UNDER_LANDLOCK)
def test_landlock_stops_it_too(
    landlocked: str, lanes: Lanes, sandboxes: dict[Level, Sandbox]
) -> None:
    if Level.LANDLOCK not in sandboxes:
        pytest.skip("this kernel has no Landlock")
    outcome = lanes.start(landlocked, sandboxes[Level.LANDLOCK]).result()
    check(CASES[landlocked], outcome, lanes.start("honest").result())


@pytest.mark.parametrize("unconfined", WITHOUT_SANDBOX)
def test_without_a_sandbox_it_gains(unconfined: str, lanes: Lanes) -> None:
    """The lab warns of it; and a case that gains nothing anywhere would prove nothing."""
    outcome, honest = (lanes.start(name).result() for name in (unconfined, "honest"))
    assert outcome.val_bpb is not None, outcome.verdict
    assert honest.val_bpb is not None
    assert outcome.val_bpb < 0.95 * honest.val_bpb


def test_the_honest_script_is_kept(lanes: Lanes) -> None:
    outcome = lanes.start("honest").result()
    assert outcome.run.outcome is RunOutcome.TRAINED
    assert outcome.verdict.status is Status.KEEP, outcome.verdict
    assert (outcome.left, outcome.changed) == ([], [])
