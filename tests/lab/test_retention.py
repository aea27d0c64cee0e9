"""What is not needed goes, what happened stays, and a living lab is not disturbed."""

from pathlib import Path

import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.lab import retention
from autoresearch_tui.lab.retention import Kind
from autoresearch_tui.record.events import KnownFact, RunStarted
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.session import Session, SessionLock
from autoresearch_tui.settings import RetentionSettings
from tests.record.test_fold import NIGHT, one_experiment, proposed

DAY_S = 86_400.0
JUDGED_BY = 200.0
KEPT_FOR_EVER = (
    "train.py", "change.diff", "proposal.json", "verdict.json",
)  # fmt: skip
OF_A_RUN = (
    "output.log", "evaluation.log", "run/metrics.jsonl", "run/weights.safetensors",
    "run/scratch/compiled/kernel.so", "evaluation/weights.safetensors",
    "evaluation/scratch/tmp/x", "evaluation/model-0/x",
)  # fmt: skip
BEST, DISCARDED, OPEN = 2, 1, 4


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Return a session of three verdicts, a crash and a run in flight, with every file there is."""
    session = Session(tmp_path / "nov24")
    session.folder.mkdir()
    journal = Journal(session.journal)
    start = RunStarted(at=131, experiment=OPEN, replicate=0, seed=1, pid=9, threads=1, budget_s=20)
    crash = one_experiment(90, 3, 2, Status.CRASH, 2.0)
    for fact in [*NIGHT, *crash, proposed(130, OPEN, 2), start]:
        assert isinstance(fact, KnownFact)
        journal.append(fact)
    journal.close()
    for number in range(5):
        for name in (*KEPT_FOR_EVER, *OF_A_RUN):
            write(session.experiment(number) / name)
    for name in ("reasoning.jsonl", "results.tsv", "pristine/prepare.py", "cache/triton/kernel"):
        write(session.folder / name)
    write(session.folder / "results.tmp")
    return session


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 5000)


def files(session: Session) -> set[str]:
    found = (path for path in session.folder.rglob("*") if path.is_file())
    return {str(path.relative_to(session.folder)) for path in found} - {"lab.lock", "lab.json"}


def of(number: int, *names: str) -> set[str]:
    return {f"experiments/{number:04d}/{name}" for name in names}


def policy(days: float = 30.0) -> RetentionSettings:
    return RetentionSettings(outputs_days=days)


def test_a_look_changes_nothing_and_freeing_does_what_the_look_said(session: Session) -> None:
    before = files(session)
    found = retention.waste(session, policy(), JUDGED_BY)
    assert files(session) == before
    freed = retention.free(session, policy(), JUDGED_BY)
    assert freed == found
    assert sum(each.size_bytes for each in freed) >= 5000 * len(before - files(session))
    assert not any(each.path.exists() for each in freed)
    assert retention.free(session, policy(), JUDGED_BY) == []


def test_facts_and_code_stay_and_so_do_the_weights_of_the_best(session: Session) -> None:
    before = files(session)
    retention.free(session, policy(0.0), JUDGED_BY + 400 * DAY_S)
    left = files(session)
    for number in range(5):
        assert of(number, *KEPT_FOR_EVER) <= left
    assert {"journal.jsonl", "reasoning.jsonl", "results.tsv", "pristine/prepare.py"} <= left
    assert of(BEST, "evaluation/weights.safetensors", "output.log", "run/metrics.jsonl") <= left
    # What its next run makes anew is all that goes of an experiment without a verdict.
    open_before = {name for name in before if name.startswith(f"experiments/{OPEN:04d}")}
    assert open_before - left == of(OPEN, "run/scratch/compiled/kernel.so")
    weights = {name for name in left if name.endswith(".safetensors")}
    assert weights == of(BEST, "evaluation/weights.safetensors") | of(
        OPEN, "evaluation/weights.safetensors", "run/weights.safetensors"
    )


@pytest.mark.parametrize(("days", "gone"), [(10.0, False), (9.0, True)])
def test_outputs_of_what_was_not_kept_go_when_they_are_old(
    session: Session, days: float, gone: bool
) -> None:
    now = 57.0 + 9.5 * DAY_S
    retention.free(session, policy(days), now)
    outputs = of(DISCARDED, "output.log", "evaluation.log", "run/metrics.jsonl")
    assert (outputs & files(session) == set()) == gone
    assert of(BEST, "output.log", "run/metrics.jsonl") <= files(session)


def test_beside_a_living_lab_only_what_has_a_verdict_goes(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoresearch_tui.session.life.LOCK_PATIENCE_S", 0.0)
    lock = SessionLock(session)
    sessions.write_lab_file(session, session.new_socket(), "0")
    open_before = {name for name in files(session) if f"experiments/{OPEN:04d}" in name}
    found = retention.waste(session, policy(), JUDGED_BY)
    assert retention.free(session, policy(), JUDGED_BY) == found
    lock.release()
    left = files(session)
    assert open_before | {"cache/triton/kernel", "results.tmp"} <= left
    assert {each.kind for each in found} == {Kind.WEIGHTS, Kind.SCRATCH}
    assert not of(DISCARDED, "evaluation/weights.safetensors") & left


def test_links_that_a_run_left_are_removed_and_not_followed(
    session: Session, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    write(others / "thesis.tex")
    (session.run_folder(DISCARDED) / "out").symlink_to(others)
    evaluation = session.experiment(3) / "evaluation"
    for path in evaluation.rglob("*"):
        path.unlink() if path.is_file() else None
    (evaluation / "scratch" / "home").symlink_to(others)
    found = retention.free(session, policy(), JUDGED_BY)
    assert (others / "thesis.tex").exists()
    assert not (session.run_folder(DISCARDED) / "out").is_symlink()
    assert not evaluation.exists()
    assert sum(each.size_bytes for each in found if "out" in each.path.name) < 5000


def test_a_link_in_place_of_a_runs_folder_is_left_alone(session: Session, tmp_path: Path) -> None:
    others = tmp_path / "others"
    for name in ("thesis.tex", "metrics.jsonl", "scratch/x"):
        write(others / name)
    run = session.run_folder(DISCARDED)
    run.rename(tmp_path / "moved")
    run.symlink_to(others)
    retention.free(session, policy(0.0), JUDGED_BY + DAY_S)
    assert sorted(path.name for path in others.iterdir()) == [
        "metrics.jsonl", "scratch", "thesis.tex"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (9, "9.0 B"), (999, "999 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")],
)
def test_sizes_are_said_as_people_say_them(count: int, words: str) -> None:
    assert retention.in_words(count) == words
