"""What an agent asks to be allowed, on the screen: shown, deaf at first, answered, taken down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from autoresearch_tui.control.messages import Permit
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.tui.screens import approval
from autoresearch_tui.tui.screens.approval import ApprovalScreen
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.permission import PermissionScreen
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import ListeningLab, look, settle, shown, watching

NUMBER = 6


def tell(made: MadeNight, *facts: KnownFact) -> None:
    journal = Journal(made.session.journal)
    for fact in facts:
        journal.append(fact)
    journal.close()


def request(made: MadeNight, number: int = 1) -> events.PermissionRequested:
    return events.PermissionRequested(
        at=made.now,
        request=number,
        experiment=NUMBER + 1,
        agent="coder",
        what="execute  git log",
        detail='{"command": "git log \x1b[2J -3"}',
        reason="Only reading this folder is allowed here.",
        options=["Yes", "No"],
        decide_at=made.now + 45,
    )


@asynccontextmanager
async def asked(
    folder: Path, ending: Ending = Ending.TRAINING
) -> AsyncIterator[tuple[MadeNight, ListeningLab, Pilot[None]]]:
    made = make_night(folder, ending, NUMBER)
    async with ListeningLab(made) as lab, watching(made) as pilot:
        tell(made, request(made))
        await look(pilot)
        yield made, lab, pilot


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "GRACE_S", 0.0)


async def test_keys_are_deaf_at_first_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "GRACE_S", 1e6)
    async with asked(tmp_path) as (_, lab, pilot):
        assert "keys count in half a second" in shown(pilot, "Plea")
        await pilot.press("l", "f", "escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, PermissionScreen)
        assert lab.commands == []


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("key", "allowed"), [("l", True), ("f", False)])
async def test_a_key_answers_what_is_shown(tmp_path: Path, key: str, allowed: bool) -> None:
    async with asked(tmp_path) as (_, lab, pilot):
        text = shown(pilot, "Plea")
        for words in ("coder wants, for #7", "git log", "waits 0:45, then: refuse", '"Yes"'):
            assert words in text
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(pilot.app.screen, CockpitScreen)
        (command,) = lab.commands
    assert isinstance(command, Permit)
    assert (command.request, command.allowed) == (1, allowed)


@pytest.mark.usefixtures("_quick")
async def test_later_leaves_it_to_the_verbs(tmp_path: Path) -> None:
    async with asked(tmp_path) as (made, lab, pilot):
        await pilot.press("escape")
        await look(pilot)
        assert isinstance(pilot.app.screen, CockpitScreen)
        offered = {each.title for each in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"Allow", "Refuse"} <= offered
        await pilot.press("l")
        await settle(pilot)
        assert isinstance(pilot.app.screen, PermissionScreen)
        assert lab.commands == []
        await pilot.press("escape", "f")
        await settle(pilot)
        (command,) = lab.commands
        assert isinstance(command, Permit)
        assert not command.allowed
        tell(made, events.PermissionAnswered(at=made.now, request=1, allowed=False, by="ada"))
        await look(pilot)
        offered = {each.title for each in pilot.app.get_system_commands(pilot.app.screen)}
        assert "Allow" not in offered


@pytest.mark.usefixtures("_quick")
async def test_it_goes_away_when_answered_elsewhere_and_the_next_one_comes(tmp_path: Path) -> None:
    async with asked(tmp_path) as (made, _, pilot):
        answer = events.PermissionAnswered(at=made.now, request=1, allowed=True, by="bob@there")
        tell(made, answer)
        await look(pilot)
        assert isinstance(pilot.app.screen, CockpitScreen)
        assert "allowed by bob@there" in shown(pilot, "Footer")
        tell(made, request(made, 2))
        await look(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, PermissionScreen)
        assert screen.permission.request == 2


@pytest.mark.usefixtures("_quick")
async def test_it_comes_before_the_question_about_an_edit_and_leaves_it_standing(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path, Ending.APPROVAL) as (_, lab, pilot):
        assert isinstance(pilot.app.screen, PermissionScreen)
        await pilot.press("a", "f")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ApprovalScreen)
        assert [type(command) for command in lab.commands] == [Permit]
