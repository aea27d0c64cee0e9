"""Nights whose train.py reaches for what is not its own, with a sandbox and without one."""

import json
import subprocess
from pathlib import Path

import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.executors.sandbox import Level, Sandbox, choose, try_out
from autoresearch_tui.lab.stages import MODEL_PLACES, Machine, evaluation_job
from autoresearch_tui.record import events
from autoresearch_tui.record.vocabulary import Status
from autoresearch_tui.session import Session
from tests.workshop import BUDGET_S, Workshop

needs_sandbox = pytest.mark.skipif(choose("auto").level is Level.NONE, reason="no sandbox here")

MEDDLING = """
import os, pathlib, tempfile
run = pathlib.Path(os.environ["AUTORESEARCH_RUN_DIR"])
session = run.parents[2]
def reach(name, action):
    try:
        action()
        print(name, "done", flush=True)
    except OSError:
        print(name, "refused", flush=True)
"""


class Night(Workshop):
    """A workshop whose session was begun by the command."""

    @property
    def session(self) -> Session:
        return sessions.sessions(self.root)[-1]

    def meddle(self, *lines: str) -> None:
        """Have the baseline do something as soon as its clock runs."""
        train = (self.root / "train.py").read_text()
        meddling = MEDDLING + "\n".join(lines)
        body = "".join(f"\n    {line}" for line in meddling.splitlines())
        (self.root / "train.py").write_text(
            train.replace("    trial.start()", "    trial.start()" + body)
        )

    def printed(self) -> list[str]:
        return self.session.output(0).read_text().splitlines()

    def sandbox(self) -> str:
        return next(fact.sandbox for fact in self.facts() if isinstance(fact, events.LabStarted))


@pytest.fixture
def night(workshop: Workshop) -> Night:
    return Night(workshop.root)


def quick(choice: str) -> tuple[str, ...]:
    budget = ("--budget", str(BUDGET_S), "--max-experiments", "1")
    return ("run", "--headless", "--agent", "tpe", "--sandbox", choice, *budget)


REFEREE = 'reach("referee", lambda: open(session / "pristine" / "prepare.py", "a").write("#"))'
JOURNAL = 'reach("journal", lambda: open(session / "journal.jsonl", "a").write("{}\\n"))'


@needs_sandbox
def test_a_confined_run_changes_nothing_and_the_night_goes_on(night: Night) -> None:
    night.meddle(
        REFEREE,
        JOURNAL,
        'reach("reading the journal", lambda: open(session / "journal.jsonl").read())',
        'reach("settings of another", lambda: os.listdir(session / "experiments" / "0001"))',
        'reach("own", lambda: (run / "mine").touch())',
        'reach("home", lambda: (pathlib.Path.home() / "mine").touch())',
        'reach("temporary", lambda: tempfile.TemporaryFile().close())',
    )
    done = night.done(*quick("require"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert night.sandbox() == choose("auto").level
    assert night.state().status_counts == {Status.KEEP: 1}
    assert night.printed() == [
        "referee refused",
        "journal refused",
        "reading the journal refused",
        "settings of another refused",
        "own done",
        "home done",
        "temporary done",
    ]
    assert not (Path.home() / "mine").exists()


@pytest.mark.parametrize(
    ("line", "name"), [(REFEREE, "pristine/prepare.py"), (JOURNAL, "journal.jsonl")]
)
def test_without_a_sandbox_a_changed_file_stops_the_night_before_it_scores(
    night: Night, line: str, name: str
) -> None:
    night.meddle(line)
    done = night.done(*quick("off"))
    assert done.returncode == 1
    assert night.sandbox() == "none"
    state = night.state()
    assert state.trouble
    assert name in state.stop_reason
    assert state.judged_count == 0
    assert not any(
        isinstance(fact, events.Notice) and "confined" in fact.text for fact in state.notices
    )


def test_changed_data_is_refused_at_the_next_start_too(night: Night) -> None:
    night.meddle(REFEREE)
    night.done(*quick("off"))
    done = night.done(*quick("off"))
    assert done.returncode == 1
    assert "prepare.py was changed" in done.stderr


@needs_sandbox
def test_what_a_run_compiles_before_its_clock_serves_the_next_one(night: Night) -> None:
    train = (night.root / "train.py").read_text()
    before = """
    import os, pathlib
    kernel = pathlib.Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "kernel"
    print("found" if kernel.exists() else "compiled", flush=True)
    kernel.parent.mkdir(exist_ok=True)
    kernel.touch()
    trial.start()
    kernel.with_name("rows").touch()
    print(sorted(path.name for path in kernel.parent.iterdir()), flush=True)
"""
    (night.root / "train.py").write_text(train.replace("    trial.start()\n", before))
    night.done(*quick("auto"), "--max-experiments", "2")
    output = [night.session.output(number).read_text().split("\n")[:2] for number in (0, 1)]
    assert output == [["compiled", "['kernel', 'rows']"], ["found", "['kernel', 'rows']"]]
    assert [path.name for path in (night.session.folder / "cache").rglob("*")] == [
        "inductor",
        "kernel",
    ]


@pytest.mark.parametrize("level", [Level.BWRAP, Level.LANDLOCK])
def test_a_model_that_stands_by_reads_what_is_handed_over_later(
    level: Level, tmp_path: Path
) -> None:
    if reason := try_out(Sandbox(level)):
        pytest.skip(reason)
    session = Session(tmp_path / "git" / "autoresearch" / "night")
    session.pristine.mkdir(parents=True)
    machine = Machine(device="cpu", data_folder=tmp_path, sandbox=Sandbox(level))
    job = evaluation_job(session, machine, 0, 60.0, stand_by=True)
    prefixes = [json.loads(each) for each in job.command if each.startswith("[")]
    assert len(prefixes) == 2
    script = 'echo ready; read go; cat "$1/train.py"; echo mine > "$2/mine"; cat "$3"/* 2>&-'
    places = [job.folder.with_name(f"{job.folder.name}-{name}") for name in MODEL_PLACES]
    for place in places:
        (place / "secret").write_text("of the other\n")
    for prefix, own, other in zip(prefixes, places, reversed(places), strict=True):
        arguments = ("sh", "-c", script, "sh", *map(str, (job.folder, own, other)))
        with subprocess.Popen(
            [*prefix, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as model:
            assert model.stdin is not None
            assert model.stdout is not None
            assert model.stdout.readline() == "ready\n"
            (job.folder / "train.py").write_text("handed over\n")
            model.stdin.write("go\n")
            model.stdin.flush()
            assert model.stdout.read() == "handed over\n"
        assert (own / "mine").exists()
        (job.folder / "train.py").unlink()
