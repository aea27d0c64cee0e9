"""Tests of following a session's files."""

import os
from pathlib import Path

import pytest

from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.session import Session
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.words import Word
from tests.tui.nights import BUDGET_S, Ending, make_night

WORDS = {
    Ending.WAITING: Word.THINKING,
    Ending.TRAINING: Word.TRAINING,
    Ending.APPROVAL: Word.YOUR_TURN,
    Ending.PAUSED: Word.PAUSED,
    Ending.FINISHED: Word.FINISHED,
    Ending.DEAD: Word.DEAD,
}


def opened(folder: Path, ending: Ending, experiments: int = 4) -> Night:
    made = make_night(folder, ending, experiments)
    night = Night(made.session, lambda: made.now)
    night.read()
    return night


@pytest.mark.parametrize("ending", Ending)
def test_each_ending_has_its_word(tmp_path: Path, ending: Ending) -> None:
    night = opened(tmp_path, ending)
    assert night.word is WORDS[ending]
    assert night.lively == (ending in (Ending.WAITING, Ending.TRAINING))
    assert (night.awaiting is not None) == (ending is Ending.APPROVAL)


def test_a_session_that_has_no_file_yet_is_read_without_harm(tmp_path: Path) -> None:
    night = Night(Session(tmp_path / "nothing"))
    night.read()
    assert night.word is Word.NO_LAB
    assert night.diff(0) == night.output_tail(0) == ""


def test_pause_and_stop_during_a_run_are_said(tmp_path: Path) -> None:
    night = opened(tmp_path, Ending.TRAINING)
    journal = Journal(night.session.journal)
    journal.append(events.Paused(at=night.now(), by="ada"))
    night.read()
    assert night.word is Word.PAUSING
    assert night.lively
    journal.append(events.StopRequested(at=night.now(), by="ada"))
    night.read()
    assert night.word is Word.STOPPING
    journal.append(events.LabStopped(at=night.now(), reason="asked to"))
    night.read()
    assert night.word is Word.STOPPED
    journal.close()


def test_time_left_is_counted_only_while_a_clock_runs(tmp_path: Path) -> None:
    night = opened(tmp_path / "one", Ending.TRAINING)
    assert night.seconds_left == pytest.approx(0.4 * BUDGET_S)
    assert opened(tmp_path / "two", Ending.DEAD).seconds_left is None


def test_fragments_are_joined_and_made_safe(tmp_path: Path) -> None:
    night = opened(tmp_path, Ending.PAUSED)
    before = len(night.thoughts.blocks)
    with night.session.reasoning.open("ab") as file:
        for text in ("It ", "\\u001b[31mreads", " on."):
            line = f'{{"at":1,"experiment":9,"kind":"text","text":"{text}"}}\n'
            file.write(line.encode())
        file.write(b'{"at":1,"experiment":9,"kind":"to')
    night.read()
    assert len(night.thoughts.blocks) == before + 1
    assert night.thoughts.blocks[-1].kind is ThoughtKind.TEXT
    assert night.thoughts.blocks[-1].text == "It reads on."


def test_a_run_that_begins_anew_begins_its_curve_anew(tmp_path: Path) -> None:
    night = opened(tmp_path, Ending.TRAINING)
    assert night.curve is not None
    assert len(night.curve.points) == 120
    night.session.metrics(4).write_text('{"t":0.5,"step":1,"tokens":9,"loss":3.25}\n')
    night.read()
    assert night.curve.points == [(0.5, 3.25)]


def test_what_a_training_process_writes_is_not_believed(tmp_path: Path) -> None:
    night = opened(tmp_path, Ending.TRAINING)
    with night.session.metrics(4).open("ab") as file:
        file.write(b'nonsense\n{"t":99,"step":1,"tokens":9,"loss":1e999}\n\xff\xfe\n{"t":"x"}\n')
    night.read()
    assert night.curve is not None
    assert len(night.curve.points) == 120


def test_what_an_experiment_put_in_place_of_its_output_is_not_followed(tmp_path: Path) -> None:
    night = opened(tmp_path, Ending.TRAINING)
    assert "step" in night.output_tail(4)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    output = night.session.output(4)
    output.unlink()
    output.symlink_to(secret)
    assert night.output_tail(4) == ""
    output.unlink()
    os.mkfifo(output)
    assert night.output_tail(4) == ""
