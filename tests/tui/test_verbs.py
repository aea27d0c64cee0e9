"""Tests of every verb, from the key to the command at the lab's socket."""

from pathlib import Path

import pytest
from textual.widgets import Static

from autoresearch_tui.control.messages import (
    AnyCommand,
    Approve,
    Kill,
    Pause,
    Promote,
    Reject,
    Reply,
    Resume,
    SendBack,
    SetApproval,
    Skip,
    Steer,
    Stop,
    Undo,
)
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.vocabulary import Absence
from autoresearch_tui.tui.screens import approval
from autoresearch_tui.tui.screens.approval import ApprovalScreen
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from tests.tui.nights import Ending, make_night
from tests.tui.watching import ListeningLab, look, settle, shown, watching

NUMBER = 6
"""The experiment after the judged ones."""


async def sent(
    folder: Path, ending: Ending, *keys: str, reply: Reply | None = None
) -> tuple[list[AnyCommand], str]:
    """Press keys; return what reached the lab, and the last row of the screen."""
    made = make_night(folder, ending, NUMBER)
    async with ListeningLab(made) as lab, watching(made) as pilot:
        lab.reply = reply or lab.reply
        await pilot.press(*keys)
        await settle(pilot)
        assert isinstance(pilot.app.screen, CockpitScreen)
        return lab.commands, shown(pilot, "Footer")


async def test_pause(tmp_path: Path) -> None:
    commands, answer = await sent(tmp_path, Ending.TRAINING, "p")
    assert [type(command) for command in commands] == [Pause]
    assert "it is done" in answer


async def test_the_same_key_resumes(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path, Ending.PAUSED, "p")
    assert [type(command) for command in commands] == [Resume]


async def test_pause_now(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path, Ending.TRAINING, "P")
    assert [isinstance(command, Pause) and command.now for command in commands] == [True]


async def test_skip_takes_a_reason(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path, Ending.TRAINING, "n", *"dull", "enter")
    (command,) = commands
    assert isinstance(command, Skip)
    assert (command.experiment, command.reason) == (NUMBER, "dull")


@pytest.mark.parametrize(("keys", "does"), [(["y"], True), (["escape"], False)])
async def test_undo_and_promote_ask_first_and_name_the_keep(
    tmp_path: Path, keys: list[str], does: bool
) -> None:
    made = make_night(tmp_path / "seen", Ending.TRAINING, NUMBER)
    best = fold(JournalReader(made.session.journal).read()).best
    assert best is not None
    commands, _ = await sent(tmp_path / "night", Ending.TRAINING, "u", *keys, "w", *keys)
    told = [(type(c), c.experiment) for c in commands if isinstance(c, Undo | Promote)]
    assert told == [(Undo, best.parent), (Promote, best.number)] * does


async def test_steer(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path, Ending.TRAINING, "s", *"try q", "enter")
    (command,) = commands
    assert isinstance(command, Steer)
    assert command.text == "try q"


async def test_an_empty_sentence_is_not_sent(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path, Ending.TRAINING, "s", "enter", "escape")
    assert commands == []


@pytest.mark.parametrize(("keys", "kills"), [(["k", "y"], True), (["k", "escape"], False)])
async def test_kill_asks_first(tmp_path: Path, keys: list[str], kills: bool) -> None:
    commands, _ = await sent(tmp_path, Ending.TRAINING, *keys)
    assert [isinstance(each, Kill) and each.experiment for each in commands] == [NUMBER] * kills


async def test_without_a_run_there_is_nothing_to_kill(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path, Ending.WAITING, "k")
    assert commands == []


@pytest.mark.parametrize(
    ("keys", "now"), [(["x", "f"], [False]), (["S", "n"], [True]), (["x", "escape"], [])]
)
async def test_stop_asks_first(tmp_path: Path, keys: list[str], now: list[bool]) -> None:
    commands, _ = await sent(tmp_path, Ending.TRAINING, *keys)
    assert [isinstance(command, Stop) and command.now for command in commands] == now


async def test_a_refusal_is_shown(tmp_path: Path) -> None:
    refusal = Reply(ok=False, changed=False, detail="the lab is stopping \x1b[2J already")
    _, answer = await sent(tmp_path, Ending.TRAINING, "p", reply=refusal)
    assert "the lab is stopping already" in answer


async def test_without_a_lab_the_screen_says_how_to_start_one(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.DEAD, NUMBER)
    async with watching(made, (120, 40)) as pilot:
        assert "lab dead" in shown(pilot, "Header")
        assert "autoresearch run --tag nov23" in shown(pilot, "Footer")
        await pilot.press("p")
        await settle(pilot)
        answer = shown(pilot, "Footer")
    assert answer.startswith(" Not done: no lab is listening.")
    assert "autoresearch run --tag nov23" in answer


async def test_q_leaves_and_asks_nothing_of_the_lab(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    async with ListeningLab(made) as lab, watching(made) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert not pilot.app.is_running or pilot.app.return_code == 0
    assert lab.commands == []


async def test_all_edits_run_or_are_asked_about(tmp_path: Path) -> None:
    commands, _ = await sent(tmp_path / "auto", Ending.TRAINING, "A")
    assert [isinstance(each, SetApproval) and each.mode for each in commands] == ["ask"]
    made = make_night(tmp_path / "ask", Ending.APPROVAL, NUMBER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approval, "GRACE_S", 0.0)
        async with ListeningLab(made) as lab, watching(made) as pilot:
            await pilot.press("escape", "A", "y")
            await settle(pilot)
            (command,) = lab.commands
            assert isinstance(command, SetApproval)
            assert (command.mode, command.experiment) == ("auto", NUMBER)


async def test_an_earlier_sentence_is_shown_and_brought_back(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    journal = Journal(made.session.journal)
    journal.append(events.Steered(at=made.now, by="ada", text="try less"))
    journal.append(
        events.ProposalStarted(
            at=made.now, experiment=NUMBER + 1, agent="tpe", steering=["try less"]
        )
    )
    journal.append(events.Steered(at=made.now, by="ada", text="then more"))
    journal.close()
    async with ListeningLab(made) as lab, watching(made) as pilot:
        await pilot.press("s")
        await settle(pilot)
        said = " ".join(str(each.render()) for each in pilot.app.screen.query(Static))
        assert f"try less  ✓ given to the proposal of #{NUMBER + 1}" in said
        assert "then more  … waits" in said
        await pilot.press("up", "up", *"er", "enter")
        await settle(pilot)
        (command,) = lab.commands
    assert isinstance(command, Steer)
    assert command.text == "try lesser"


async def test_every_verb_is_in_the_palette(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    async with watching(made) as pilot:
        titles = {each.title for each in pilot.app.get_system_commands(pilot.app.screen)}
    assert {"Pause", "Steer", "Kill run", "Stop lab", "Leave", "Help", "Zoom"} <= titles
    assert {"Pause now", "Skip", "Undo keep", "Promote"} <= titles


class TestApproval:
    """The prompt of mode `ask`."""

    async def test_keys_are_deaf_at_first_and_it_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 1e6)
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with ListeningLab(made) as lab, watching(made) as pilot:
            assert "keys count in half a second" in shown(pilot, "Summary")
            await pilot.press("a", "r", "e", "b", "A", "escape")
            await settle(pilot)
            assert isinstance(pilot.app.screen, ApprovalScreen)
            assert lab.commands == []

    async def test_put_off_the_keys_are_still_about_the_waiting_edit(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        async with watching(make_night(tmp_path, Ending.APPROVAL, NUMBER)) as pilot:
            await pilot.press("escape")
            await settle(pilot)
            keys = pilot.app.screen.active_bindings
            wanted = {"a": "approve", "r": "reject", "e": "edit", "b": "send_back"}
            assert {key: keys[key].binding.action for key in wanted} == wanted

    async def test_it_shows_the_diff_and_the_hypothesis(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with watching(made) as pilot:
            assert "Squared units are sparser" in shown(pilot, "Summary")
            assert "+         hidden = torch.relu" in shown(pilot, "DiffPane")

    async def test_approve(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        commands, _ = await sent(tmp_path, Ending.APPROVAL, "a")
        assert [isinstance(each, Approve) and each.experiment for each in commands] == [NUMBER]

    async def test_reject_with_a_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        commands, _ = await sent(tmp_path, Ending.APPROVAL, "r", *"too", "enter")
        (command,) = commands
        assert isinstance(command, Reject)
        assert (command.experiment, command.reason) == (NUMBER, "too")

    async def test_later_keeps_it_waiting_until_it_is_called_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with ListeningLab(made) as lab, watching(made) as pilot:
            await pilot.press("escape")
            await look(pilot)
            assert isinstance(pilot.app.screen, CockpitScreen)
            await pilot.press("a")
            await settle(pilot)
            assert isinstance(pilot.app.screen, ApprovalScreen)
            assert lab.commands == []

    async def test_send_back_with_a_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        commands, _ = await sent(tmp_path, Ending.APPROVAL, "b", *"less", "enter")
        (command,) = commands
        assert isinstance(command, SendBack)
        assert (command.experiment, command.text) == (NUMBER, "less")

    async def test_approve_all_names_what_was_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        commands, _ = await sent(tmp_path, Ending.APPROVAL, "A")
        (command,) = commands
        assert isinstance(command, SetApproval)
        told = (command.mode, command.experiment, command.commit)
        assert told == ("auto", NUMBER, f"{NUMBER:040x}")

    async def test_an_answer_that_is_not_given_leaves_the_question(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with ListeningLab(made) as lab, watching(made) as pilot:
            await pilot.press("r", "escape", "b", "escape")
            await settle(pilot)
            assert isinstance(pilot.app.screen, ApprovalScreen)
            assert lab.commands == []

    async def test_the_deadline_is_counted_down_on_the_screen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        journal = Journal(made.session.journal)
        journal.append(
            events.ApprovalRequested(
                at=made.now, experiment=NUMBER, decide_at=made.now + 90,
                then=Absence.REJECT,
            )
        )  # fmt: skip
        journal.close()
        async with watching(made) as pilot:
            await settle(pilot)
            assert "waits 1:30, then: reject" in shown(pilot, "Summary")

    async def test_who_comes_second_reads_who_came_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with watching(made) as pilot:
            journal = Journal(made.session.journal)
            journal.append(events.Approved(at=made.now, experiment=NUMBER, by="bob@there"))
            journal.close()
            await look(pilot)
            assert f"#{NUMBER} was approved by bob@there" in shown(pilot, "Footer")

    async def test_q_leaves_it_undecided(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with ListeningLab(made) as lab, watching(made) as pilot:
            await pilot.press("q")
            await pilot.pause()
            assert not pilot.app.is_running or pilot.app.return_code == 0
        assert lab.commands == []

    async def test_it_is_asked_anew_when_the_edit_is_carried_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approval, "GRACE_S", 0.0)
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with ListeningLab(made) as lab, watching(made) as pilot:
            made.session.diff(NUMBER).write_text("@@ -1 +1 @@\n-old\n+carried over\n")
            journal = Journal(made.session.journal)
            journal.append(
                events.Rebased(
                    at=made.now, experiment=NUMBER, parent=0, commit="another",
                    lines_added=1, lines_removed=1,
                )
            )  # fmt: skip
            journal.append(events.ApprovalRequested(at=made.now, experiment=NUMBER))
            journal.close()
            await look(pilot)
            assert isinstance(pilot.app.screen, ApprovalScreen)
            assert "carried over" in shown(pilot, "DiffPane")
            await pilot.press("a")
            await settle(pilot)
            (command,) = lab.commands
        assert isinstance(command, Approve)
        assert command.commit == "another"

    async def test_it_goes_away_when_decided_elsewhere(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.APPROVAL, NUMBER)
        async with watching(made) as pilot:
            assert isinstance(pilot.app.screen, ApprovalScreen)
            journal = Journal(made.session.journal)
            journal.append(events.Approved(at=made.now, experiment=NUMBER, by="bob"))
            journal.close()
            await look(pilot)
            assert isinstance(pilot.app.screen, CockpitScreen)
