"""Tests of the screens of one experiment and of two, and of what can be done with them."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pygit2
import pytest

from autoresearch_tui.control.messages import Reply, Try
from autoresearch_tui.record.samples import StepSample
from autoresearch_tui.stats.race import Lead
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.compare import CompareScreen
from autoresearch_tui.tui.screens.experiment import ExperimentScreen
from autoresearch_tui.tui.widgets.loss import Trace, curve_rows, lead_words
from tests.tui.nights import Ending, make_night
from tests.tui.watching import ListeningLab, look, plain, settle, shown, watching


@pytest.mark.parametrize(
    ("gain", "error", "word"),
    [(0.2, 0.01, "▲ ahead"), (-0.2, 0.01, "▼ behind"), (0.2, 0.5, "= level")],
)
def test_a_lead_is_said_with_a_sign_and_a_word(gain: float, error: float, word: str) -> None:
    lead = Lead(at=12.0, mine=3.0, theirs=3.0 + gain, error=error)
    running, ended = (plain(lead_words(lead, "#7", ended=each)) for each in (False, True))
    assert running.startswith(word)
    assert "#7" in running
    assert "at 12 s" in running
    assert "at the end" in ended
    assert "#7" in plain(lead_words(None, "#7", ended=False))


def test_two_curves_differ_without_colours() -> None:
    falling = [(float(t), 9.0 - 0.05 * t) for t in range(100)]
    solid = curve_rows([Trace("#1", falling, "accent")], 100, 60, 12)
    dashed = curve_rows([Trace("#1", falling, "muted", dashed=True),
                         Trace("#2", falling[:1], "accent")], 100, 60, 12)  # fmt: skip

    def lit(rows: list[tuple[tuple[str, str], ...]]) -> int:
        return sum((ord(char) - 0x2800).bit_count() for row in rows for char in plain(row)
                   if 0x2800 <= ord(char) < 0x2900)  # fmt: skip

    assert 0.3 * lit(solid) < lit(dashed) < 0.8 * lit(solid)


async def test_the_running_curve_is_compared_at_this_second(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    async with watching(made, (120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        before = shown(pilot, "#loss").splitlines()
        assert "0:08 left" in before[0]
        assert " #11 " in before[1]
        assert "at 12 s" in before[1]
        with made.session.metrics(24).open("ab") as file:
            for step in range(60):
                sample = StepSample(t=12 + step / 60, step=200 + step, tokens=1, loss=0.5)
                file.write(msgspec.json.encode(sample) + b"\n")
        await look(pilot)
        assert "▲ ahead of #11" in shown(pilot, "#loss").splitlines()[1]


async def test_one_experiment_is_told_whole(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED)
    async with watching(made, (200, 60)) as pilot:
        await pilot.press("down", "enter")
        await settle(pilot)
        # Without blanks, since lines are wrapped anywhere.
        sheet = "".join(shown(pilot, "#sheet").split())
        expected = ("#22", "expected", "measured", "than expected", "hypothesis", "seed 1022",
                    "AMD EPYC", "torch 2.13.0", "python 3.11.7", "9a3e51c0",
                    f"{22:040x}")  # fmt: skip
        assert [word for word in expected if word.replace(" ", "") not in sheet] == []
        assert "#22" in shown(pilot, "#curve")
        assert "╌ #11" in shown(pilot, "#curve")
        assert "step" in shown(pilot, "#output")
        assert "@@" in shown(pilot, "#diff")
        await pilot.press("left")
        await settle(pilot)
        assert "#21" in shown(pilot, "#curve")
        await pilot.press("right", "right", "right")
        await settle(pilot)
        assert "#23" in shown(pilot, "#curve")


async def test_two_marks_are_compared(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED)
    async with watching(made, (120, 40)) as pilot:
        await pilot.press("m")
        assert "»  23" in shown(pilot, "#experiments")
        await pilot.press("m")
        assert "»" not in shown(pilot, "#experiments")
        await pilot.press("m", "down", "enter")
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CompareScreen)
        assert pilot.app.screen.pair == (23, 22)
        comparison = shown(pilot, "#comparison")
        assert "#22 is better than #23 by" in comparison
        assert "1.788644" in comparison
        assert "1.845182" in comparison
        assert "-         hidden" in shown(pilot, "#diff") or "@@" in shown(pilot, "#diff")
        assert "╌ #23" in shown(pilot, "#curve")
        await pilot.press("left")
        assert pilot.app.screen.pair == (22, 23)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ExperimentScreen)


async def test_y_asks_whether_to_copy_the_commit_or_the_diff(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED)
    copied: list[str] = []
    async with watching(made, (120, 40)) as pilot:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pilot.app, "copy_to_clipboard", copied.append)
            await pilot.press("down", "y", "h")
            await settle(pilot)
            assert copied == [f"{22:040x}"]
            assert "#22" in shown(pilot, "Footer")
            await pilot.press("enter", "y", "d")
            await settle(pilot)
    assert copied[1] == made.session.diff(22).read_text()


async def test_an_experiment_is_run_again_only_when_meant(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING)
    async with ListeningLab(made) as lab, watching(made) as pilot:
        lab.reply = Reply(ok=True, changed=True, detail="queued as edit 1")
        await pilot.press("down", "down", "e", "escape")
        await settle(pilot)
        assert lab.commands == []
        await pilot.press("e", "y")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CockpitScreen)
        (command,) = lab.commands
        assert isinstance(command, Try)
        assert command.train == made.session.train_file(22).read_text()
        assert command.title == "again: square the activation after the gate"
        assert "#22" in command.hypothesis
        assert "queued as edit 1" in shown(pilot, "Footer")


async def test_without_a_lab_or_a_file_it_is_said(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.FINISHED)
    async with watching(made) as pilot:
        await pilot.press("down", "e", "y")
        await settle(pilot)
        assert "no lab is listening" in shown(pilot, "Footer")
        made.session.train_file(22).unlink()
        await pilot.press("e")
        await settle(pilot)
        assert "not stored any more" in shown(pilot, "Footer")


@pytest.mark.long
async def test_the_command_line_runs_one_again_too(tmp_path: Path) -> None:
    pygit2.init_repository(str(tmp_path))
    made = make_night(tmp_path / ".git", Ending.TRAINING)

    async def command(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "autoresearch_tui", *arguments, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    async with ListeningLab(made) as lab:
        code, said = await command("again", "22")
        assert (code, "it is done" in said) == (0, True), said
        (queued,) = lab.commands
        assert isinstance(queued, Try)
        assert queued.train == made.session.train_file(22).read_text()
        code, said = await command("again", "99")
        assert code != 0
        assert "#99" in said
