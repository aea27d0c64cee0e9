"""Whatever a repository's own command prints and does is judged right."""

import sys
from pathlib import Path

import pytest

from autoresearch_tui.lab import doctor
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.seal import SealBroken
from autoresearch_tui.record.vocabulary import Direction, RunOutcome, Standing, Status
from autoresearch_tui.session import SessionError
from autoresearch_tui.settings import Settings
from tests.foreign.workbench import begin, lab, run_settings
from tests.workshop import ScriptedAgent, Workshop

BASELINE = "print('val_bpb: 1.0')\n"
ODD: list[tuple[str, Status, str]] = [
    (r"print('step 1\rstep 2 | loss: 3\rval_bpb: 0.99\r', end='')", Status.KEEP, "0.990000"),
    ("print('val_bpb: 2.0\\n---\\nval_bpb: 0.98')", Status.KEEP, "0.980000"),
    ("print('\\x1b[32mval_bpb=\\x1b[0m9.7e-01')", Status.KEEP, "0.970000"),
    ("print('val_bpb: 0.97')", Status.DISCARD, "no better"),
    ("print('val_bpb: nan')", Status.INVALID, "val_bpb of nan"),
    ("print('val_bpb: -inf')", Status.INVALID, "val_bpb of -inf"),
    ("print('val_bpb: 0.000000')", Status.INVALID, "greater than zero"),
    ("print('val_bpb: 0.1')\nimport sys\nsys.exit(3)", Status.CRASH, "code 3 after it had printed"),
    ("print('val_bpb: 0.1')\n1 / 0", Status.CRASH, "val_bpb 0.1: ZeroDivisionError"),
    ("print('about to')\nraise ValueError('no width')", Status.CRASH, "ValueError: no width"),
    ("print('loss: 0.1')\nprint('bye')", Status.CRASH, "begins with `val_bpb:`: bye"),
    ("", Status.CRASH, "begins with `val_bpb:`"),
    (
        "print('val_bpb: 0.1\\ntraining_seconds: 60.0')",
        Status.INVALID,
        "trained 60 s, and its budget is 0.1",
    ),
]


def workshop(root: Path, **files: str) -> Workshop:
    named = {name.replace("_py", ".py"): text for name, text in files.items()}
    return begin(root / "repository", {"train.py": BASELINE, **named})


async def test_each_odd_output_is_judged_right(tmp_path: Path) -> None:
    agent = ScriptedAgent(*(source + "\n" for source, _, _ in ODD))
    night = lab(workshop(tmp_path), agent, run_settings(), 1 + len(ODD))
    assert (await night.run()).finished
    for (source, status, reason), each in zip(
        ODD, list(night.state.experiments.values())[1:], strict=True
    ):
        assert each.status is status, source
        assert reason in each.reason, source
    assert night.state.experiments[2].standing is Standing.REPORTED
    run = night.state.experiments[8].last_run
    assert run is not None
    assert run.exit_code == 3


async def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    endless = "import time\nprint('val_bpb: 0.5', flush=True)\ntime.sleep(600)\n"
    night = lab(workshop(tmp_path), ScriptedAgent(endless), run_settings(limit_s=0.5), 2)
    await night.run()
    failed = night.state.experiments[1]
    assert failed.status is Status.TIMEOUT
    assert "within 0.5 s after it had printed val_bpb 0.5" in failed.reason


async def test_a_command_that_went_away_is_named(tmp_path: Path) -> None:
    program = tmp_path / "trainer"
    program.touch(mode=0o755)
    settings = run_settings(command=f"{program} train.py", sandbox="off")
    night = lab(workshop(tmp_path), ScriptedAgent(), settings, 2)
    program.unlink()
    end = await night.run()
    assert end.trouble
    assert "crash: it could not be started" in end.reason
    assert str(program) in end.reason


async def test_more_is_better_where_the_settings_say_so(tmp_path: Path) -> None:
    repository = begin(tmp_path / "repository", {"train.py": "print('accuracy: 0.0')\n"})
    steps = [f"print('accuracy: {value}')\n" for value in (0.5, 0.4, 0.75, "nan")]
    run = run_settings(metric="accuracy", direction=Direction.HIGHER)
    night = lab(repository, ScriptedAgent(*steps), run, 5)
    await night.run()
    state = night.state
    assert [each.status for each in state.experiments.values()] == [
        Status.KEEP,
        Status.KEEP,
        Status.DISCARD,
        Status.KEEP,
        Status.INVALID,
    ]
    assert state.incumbent == 3
    assert [each.change for each in state.experiments.values()][1:4] == [
        0.5,
        pytest.approx(-0.1),
        0.25,
    ]
    # Who changes the line that the result is read from is looked at.
    assert any("with `accuracy`" in mark for mark in state.experiments[1].marks)
    trailers = repository.git("log", "-1", "--format=%(trailers)", "autoresearch/test")
    assert "Accuracy: 0.750000 reported" in trailers
    assert repository.git("log", "-1", "--format=%s", "autoresearch/test").endswith(
        "(0.750000, +0.250000)\n"
    )
    status = repository.done("status", "--tag", "test").stdout
    assert "0.750000 accuracy (reported by the script)" in status
    assert "0.750000 better than the baseline's 0.000000" in status


async def test_any_one_file_can_be_the_edited_one(tmp_path: Path) -> None:
    repository = begin(
        tmp_path / "repository",
        {
            "README.md": "a larger repository",
            "lm/run.sh": f"cd sub && {sys.executable} ../main.py\n",
            "lm/main.py": "import sys\nsys.path[:0] = ['..']\nfrom model import WIDTH\n"
            "print('val_bpb:', 1 / WIDTH)\n",
            "lm/sub/keep": "",
            "lm/model.py": "WIDTH = 1\n",
        },
    )
    run = run_settings(command="sh run.sh", edit="model.py")
    night = lab(repository, ScriptedAgent("WIDTH = 2\n"), run, 2, folder="lm")
    await night.run()
    assert night.state.experiments[1].val_bpb == 0.5
    assert "baseline: model.py as it stands" in night.state.experiments[0].title
    shown = repository.git("show", "--stat", "--format=", "autoresearch/test")
    assert shown.split()[0] == "lm/model.py"
    assert "+++ b/model.py" in repository.session.diff(1).read_text()


SURROUNDINGS = """\
import os, pathlib
pathlib.Path('left.txt').write_text('a run was here')
pathlib.Path('kept.txt').open('a').write('!')
seen = sorted(os.listdir())
print(seen, pathlib.Path('kept.txt').read_text())
print(pathlib.Path('data/rows').read_text(), os.environ['AUTORESEARCH_SEED'])
print('val_bpb:', 1.0 if 'left.txt' in seen and len(seen) == 6 else 9.0)
"""


async def test_each_run_finds_the_tree_as_the_session_found_it(tmp_path: Path) -> None:
    repository = begin(
        tmp_path / "repository",
        {
            "train.py": SURROUNDINGS,
            "kept.txt": "kept",
            ".gitignore": "data/\n*.log\n__pycache__/\n",
        },
    )
    (repository.root / "mine.txt").write_text("not committed, and not ignored")
    (repository.root / "data").mkdir()
    (repository.root / "data" / "rows").write_text("rows")
    (repository.root / "run.log").write_text("of the user")
    (repository.root / "autoresearch.toml").write_text("")
    before = repository.tree()
    night = lab(repository, ScriptedAgent(SURROUNDINGS + "again = 2\n"), run_settings(), 2)
    await night.run()
    for number in (0, 1):
        assert night.state.experiments[number].val_bpb == 1.0
        printed = repository.session.output(number).read_text()
        assert "'data', 'kept.txt', 'left.txt', 'mine.txt', 'train.py'] kept!\nrows " in printed
        run = night.state.experiments[number].last_run
        assert run is not None
        assert str(run.seed) in printed
        assert run.outcome == RunOutcome.TRAINED
        assert run.startup_s == 0
        # A run's copies are gone with its verdict.
        assert list(repository.session.run_folder(number).iterdir()) == []
    assert repository.tree() == before


async def test_what_runs_are_made_from_is_sealed(tmp_path: Path) -> None:
    repository = workshop(tmp_path, helper_py="x = 1\n")
    night = lab(repository, ScriptedAgent(BASELINE + "again = 2\n"), run_settings(), 2)
    await night.run()
    # What nobody copied is no part of any run; what was is guarded.
    (repository.session.pristine / "tree" / "sitecustomize.py").write_text("raise SystemExit(1)")
    again = lab(repository, ScriptedAgent(BASELINE + "again = 3\n"), run_settings(), 3)
    await again.run()
    assert again.state.experiments[2].val_bpb == 1.0
    (repository.session.pristine / "tree" / "helper.py").write_text("x = 2\n")
    with pytest.raises(SealBroken, match=r"helper\.py was changed .*run --new"):
        lab(repository, ScriptedAgent(), run_settings(), 4)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"command": f"{sys.executable} -u train.py"}, "begun with the command"),
        ({"command": None}, "would use `none`"),
        ({"metric": "val_loss"}, "begun with the metric `val_bpb`"),
        ({"direction": Direction.HIGHER}, "begun with the direction `lower`"),
        ({"edit": "other.py"}, "begun with the edited file `train.py`"),
        ({"budget_s": 0.2}, "measured with budget 0.1 s"),
    ],
)
async def test_a_session_keeps_to_the_way_it_was_begun_in(
    tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    repository = workshop(tmp_path, other_py="print('val_bpb: 1')\n")
    await lab(repository, ScriptedAgent(), run_settings(), 1).run()
    with pytest.raises(SessionError, match=sentence):
        lab(repository, ScriptedAgent(), run_settings(**changed), 2)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"command": "no-such-program train.py"}, "there is no program no-such-program"),
        ({"command": ".venv/bin/python train.py"}, "there is no program"),
        ({"command": "  "}, "run.command is empty"),
        ({"command": "python 'train.py"}, "No closing quotation"),
        ({"edit": "../train.py"}, "below the folder"),
        ({"command": None, "direction": Direction.HIGHER}, "go with a run.command"),
        ({"edit": "absent.py"}, "There is no "),
        ({"edit": "notes.txt"}, "Python files only"),
    ],
)
def test_settings_that_can_not_work_are_refused_in_a_sentence(
    tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SessionError, match=sentence):
        lab(workshop(tmp_path), ScriptedAgent(), run_settings(**changed), 1)


def test_doctor_examines_a_repositorys_own_way(tmp_path: Path) -> None:
    root = workshop(tmp_path).root
    well = doctor.examine(root, Settings(run=run_settings()), {})
    assert {finding.subject for finding in well} >= {"train.py", "machine", "metric"}
    assert all(finding.grade is not doctor.Grade.FAIL for finding in well)
    ill = doctor.examine(root, Settings(run=run_settings(command="no-such-program")), {})
    assert any("no-such-program" in finding.sentence for finding in ill)


def test_two_harnesses_have_two_fingerprints(tmp_path: Path) -> None:
    def fingerprint(name: str, files: dict[str, str]) -> str:
        repository = begin(tmp_path / name, files)
        night = lab(repository, ScriptedAgent(), run_settings(), 1)
        assert night.state.data is not None
        return night.state.data.fingerprint

    one = fingerprint("one", {"train.py": BASELINE, "prepare.py": "T = 1\n"})
    assert one == fingerprint("same", {"train.py": "# edited\n", "prepare.py": "T = 1\n"})
    assert one != fingerprint("other", {"train.py": BASELINE, "prepare.py": "T = 2\n"})
    assert one != fingerprint("more", {"train.py": BASELINE, "prepare.py": "T = 1\n", "a": ""})


def test_an_executable_script_stays_one(tmp_path: Path) -> None:
    repository = workshop(tmp_path)
    (repository.root / "train.py").chmod(0o755)
    repository.git("commit", "-qam", "executable")
    git = ExperimentRepository(repository.root, "test")
    commit = git.store("print(1)\n", git.head(), "message", "agent")
    assert repository.git("ls-tree", commit, "train.py").startswith("100755 ")
