"""The agents' notes and the backlog on the screen: read, and changed by key."""

from pathlib import Path

import pytest

from autoresearch_tui.control.messages import AddIdea, DropIdea, MoveIdea, Reply, WritePage
from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.tui.app import Cockpit
from autoresearch_tui.tui.widgets.canvas import Pane
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import ListeningLab, look, settle, shown, watching

NUMBER = 6


def night(folder: Path) -> MadeNight:
    made = make_night(folder, Ending.TRAINING, NUMBER)
    made.session.page(1).parent.mkdir(parents=True)
    made.session.page(1).write_text("# What helps\n\nwidth \x1b[2J\n")
    journal = Journal(made.session.journal)
    journal.append(events.PageWritten(at=made.now, page=1, by="claude", characters=20))
    for number, text in enumerate(("wider rows", "another norm", "fewer heads"), 1):
        journal.append(events.IdeaAdded(at=made.now, idea=number, by="ada", text=text))
    journal.close()
    return made


async def test_both_are_shown(tmp_path: Path) -> None:
    async with watching(night(tmp_path)) as pilot:
        await pilot.press("g")
        await settle(pilot)
        assert "page 1, by claude" in shown(pilot, "NotesPane")
        assert "What helps" in shown(pilot, "NotesPane")
        ideas = shown(pilot, "IdeasPane").splitlines()
        assert [line.strip() for line in ideas if line.strip()] == [
            ">  1. wider rows (ada)",
            "2. another norm (ada)",
            "3. fewer heads (ada)",
        ]
        await pilot.press("z")
        await settle(pilot)
        shown_now = [each.id for each in pilot.app.screen.query(Pane) if each.display]
        assert shown_now == ["ideas"]


async def test_keys_order_drop_and_add_ideas(tmp_path: Path) -> None:
    made = night(tmp_path)
    async with ListeningLab(made) as lab, watching(made) as pilot:
        await pilot.press("g", "K", "down", "J", "K")
        await settle(pilot)
        assert [(c.idea, c.place) for c in lab.commands if isinstance(c, MoveIdea)] == [
            (2, 3),
            (2, 1),
        ]
        journal = Journal(made.session.journal)
        journal.append(events.IdeasOrdered(at=made.now, ideas=[2, 1, 3], by="ada"))
        journal.close()
        await look(pilot)
        assert "> 1. another norm" in shown(pilot, "IdeasPane").replace("  ", " ")
        await pilot.press("d", "plus", *"more", "enter")
        await settle(pilot)
        drop, add = lab.commands[-2:]
    assert isinstance(drop, DropIdea)
    assert drop.idea == 2
    assert isinstance(add, AddIdea)
    assert add.text == "more"


async def test_the_page_is_edited_and_kept_where_the_lab_does_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def write(_app: Cockpit, path: Path) -> bool:
        written.append(path)
        path.write_text("depth helps\n")
        return True

    monkeypatch.setattr(Cockpit, "run_editor", write)
    made = night(tmp_path)
    async with ListeningLab(made) as lab, watching(made) as pilot:
        await pilot.press("g", "e")
        await settle(pilot)
        (command,) = lab.commands
        assert isinstance(command, WritePage)
        assert (command.text, command.page) == ("depth helps\n", 1)
        assert not written[0].exists()
        lab.reply = Reply(ok=False, changed=False, detail="claude wrote page 2 meanwhile")
        await pilot.press("e")
        await settle(pilot)
        assert "Yours is kept: autoresearch note" in shown(pilot, "Footer")
        assert written[1].read_text() == "depth helps\n"
