"""A recorded night, played again: what is there at each moment, and that no lab hears of it."""

import argparse
import itertools
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch_tui.cli.parser import speed_factor
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.session import LabLife, SessionError, lab_life
from autoresearch_tui.tui.night import Night
from autoresearch_tui.tui.replay import Replay, run
from autoresearch_tui.tui.tape import IDLE_AFTER_S, IDLE_WAIT_S, Tape
from autoresearch_tui.tui.words import Word
from tests.tui import nights
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import ListeningLab, settle, shown


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeNight:
    return make_night(tmp_path_factory.mktemp("recorded"), Ending.FINISHED, 6)


def until(path: Path, moment: float) -> bytes:
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if msgspec.json.decode(line)["at"] <= moment)


def played(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


@settings(max_examples=25, deadline=None)
@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_at_any_moment_the_files_are_what_they_were_then(
    made: MadeNight, shares: list[float]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        tape = Tape(made.session, Path(scratch))
        for share in shares:
            moment = tape.began_at + share * (tape.ends_at - tape.began_at)
            tape.seek(moment)
            for name in ("journal.jsonl", "telemetry.jsonl", "reasoning.jsonl"):
                assert played(tape.session.folder / name) == until(
                    made.session.folder / name, moment
                )
            state = fold(JournalReader(tape.session.journal).read())
            for number, each in state.experiments.items():
                if number:
                    assert tape.session.diff(number).is_file()
                steps = played(tape.session.metrics(number)).splitlines()
                run = each.last_run
                if run is not None and run.clock_started_at is not None:
                    clock = moment - run.clock_started_at
                    assert all(
                        msgspec.json.decode(line)["t"] <= clock or run.ended_at for line in steps
                    )
                assert tape.session.output(number).is_file() == (
                    run is not None and run.ended_at is not None
                )
        tape.close()


def test_a_viewer_at_the_end_knows_what_one_of_the_recording_knows(
    made: MadeNight, tmp_path: Path
) -> None:
    tape = Tape(made.session, tmp_path)
    while not tape.ended:
        tape.run(0.5, 30.0)
    recorded, again = Night(made.session), Night(tape.session)
    recorded.read()
    again.read()
    assert again.state == recorded.state
    assert again.word is recorded.word is Word.FINISHED
    assert list(again.telemetry) == list(recorded.telemetry)
    assert again.thoughts.blocks == recorded.thoughts.blocks
    tape.close()


def test_no_wait_before_the_screen_is_long(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED, 2)
    lines = made.session.journal.read_bytes().splitlines(keepends=True)
    late = msgspec.json.decode(lines[-1])
    late["at"] += 40_000.0
    made.session.journal.write_bytes(b"".join(lines) + msgspec.json.encode(late) + b"\n")
    (tmp_path / "again").mkdir()
    tape = Tape(made.session, tmp_path / "again")
    tape.seek(made.now)
    tape.run(0.5, 10.0)
    assert tape.ends_at - tape.moment == pytest.approx(max(IDLE_AFTER_S, 10.0 * IDLE_WAIT_S))
    tape.close()


@pytest.mark.parametrize(
    ("ending", "word", "life"),
    [
        (Ending.DEAD, Word.DEAD, LabLife.DEAD),
        (Ending.TRAINING, Word.TRAINING, LabLife.ALIVE),
        (Ending.FINISHED, Word.FINISHED, LabLife.NONE),
    ],
)
def test_the_end_shows_what_became_of_the_lab(
    tmp_path: Path, ending: Ending, word: Word, life: LabLife
) -> None:
    made = make_night(tmp_path, ending, 2)
    (tmp_path / "again").mkdir()
    tape = Tape(made.session, tmp_path / "again")
    tape.seek(tape.ends_at)
    assert lab_life(tape.session) is life
    night = Night(tape.session, now=lambda: tape.moment)
    night.read()
    assert night.word is word
    tape.close()
    nights.end_labs()


def test_a_session_without_facts_can_not_be_played(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED, 1)
    made.session.journal.write_bytes(b"")
    with pytest.raises(SessionError, match="no facts to play"):
        Tape(made.session, tmp_path / "again")


def test_a_replay_begins_at_an_experiment_that_there_is(made: MadeNight) -> None:
    with pytest.raises(SessionError, match="experiments 0 to 5, and no #17"):
        run(made.session, 60.0, start=17)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast"])
def test_a_speed_is_a_number_above_nothing(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no speed"):
        speed_factor(text)
    assert speed_factor("0.5") == 0.5


async def test_a_screen_that_is_being_taken_down_is_left_alone(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.APPROVAL, 2)
    (tmp_path / "again").mkdir()
    tape = Tape(made.session, tmp_path / "again")
    replay = Replay(tape, 1.0)
    async with replay.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await replay.screen.remove_children()
        replay.look()
    tape.close()


async def test_keys_move_through_the_night_and_no_lab_hears_any(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.APPROVAL, 5)
    (tmp_path / "again").mkdir()
    tape = Tape(made.session, tmp_path / "again")
    tape.seek(tape.proposals[0][0])
    replay = Replay(tape, 1.0)
    async with ListeningLab(made) as lab, replay.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("space")
        replay.look()
        await settle(pilot)
        assert "REPLAY ‖ 1x" in shown(pilot, "ReplayBar")
        await pilot.press("plus", "plus")
        assert replay.speed == 5.0
        await pilot.press("minus")
        assert replay.speed == 2.0
        for number in (1, 2, 3):
            await pilot.press("right")
            await settle(pilot)
            assert max(replay.night.state.experiments) == number
            assert f"#{number} of 5" in shown(pilot, "ReplayBar")
        await pilot.press("left", "left")
        await settle(pilot)
        assert max(replay.night.state.experiments) == 1
        standing = tape.moment
        replay.look()
        assert tape.moment == standing
        await pilot.press(*itertools.repeat("right", 6))
        await settle(pilot)
        assert tape.ended
        # The edit that waited there is asked about by nobody.
        await pilot.press("a", "r", "p", "P", "s", "k", "x", "n", "u", "w")
        await settle(pilot)
        assert len(replay.screen_stack) == 1
        assert lab.commands == []
        await pilot.press("space")
        await settle(pilot)
        assert not tape.ended
    tape.close()
