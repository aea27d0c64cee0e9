"""The person's own editor: which one, on what, and what becomes of what it leaves."""

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from autoresearch_tui.control.messages import Amend, Reply
from autoresearch_tui.record.events import SessionStarted, UnknownFact
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.tui import editor
from autoresearch_tui.tui.editor import Draft, EditorError
from tests.tui.nights import TRAIN, Ending, make_night
from tests.tui.test_terminal import PATIENCE_S, Terminal
from tests.tui.watching import ListeningLab

NUMBER = 6


def script(folder: Path, *lines: str) -> Path:
    """Return an editor that does what these lines of shell say."""
    path = folder / "editor.sh"
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def test_visual_comes_before_editor_and_options_stay_with_it() -> None:
    environ = {"VISUAL": "code --wait", "EDITOR": "vi"}
    assert editor.command(environ) == ["code", "--wait"]
    assert editor.command({"EDITOR": "'my editor' -x"}) == ["my editor", "-x"]
    with pytest.raises(EditorError, match="EDITOR"):
        editor.command({"EDITOR": "'half"})
    with pytest.raises(EditorError, match="set EDITOR"):
        editor.command({"PATH": "/nowhere"})


def test_a_draft_is_nobody_elses_and_leaves_nothing(tmp_path: Path) -> None:
    draft = Draft("train.py", "a\r\n")
    assert stat.S_IMODE(draft.path.parent.stat().st_mode) == 0o700
    assert draft.text() == "a\r\n"
    draft.discard()
    assert not draft.path.parent.exists()
    with pytest.raises(EditorError, match="can not be read back"):
        draft.text()


@pytest.mark.parametrize("words", ["false", "no-such-editor-anywhere"])
def test_an_editor_that_fails_is_said(words: str) -> None:
    with pytest.raises(EditorError, match=words):
        editor.run(Path("/dev/null"), {"EDITOR": words})


async def test_an_edit_is_changed_in_the_terminals_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_night(tmp_path / "night", Ending.APPROVAL, NUMBER)
    made.session.train_file(NUMBER).write_text(TRAIN)
    # The first time it leaves what does not parse, then it mends that; it reads from the terminal.
    path = script(
        tmp_path,
        "echo THE EDITOR HAS IT; read answer",
        "if [ $answer = break ]; then echo 'if x' >>\"$1\"; fi",
        "if [ $answer = mend ]; then sed -i 's/^if x$/DEPTH = 3/' \"$1\"; fi",
    )
    monkeypatch.setenv("EDITOR", str(path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)
    async with ListeningLab(made) as lab:
        lab.reply = Reply(ok=True, changed=True, detail="#6 is changed")
        with Terminal(made, 80, 24) as terminal:
            await asyncio.to_thread(_decide, terminal, "e")
            terminal.child.send("nothing\n")
            await asyncio.to_thread(terminal.wait_for, "May this edit run?", "nothing was changed")
            await asyncio.to_thread(_decide, terminal, "e")
            terminal.child.send("break\n")
            await asyncio.to_thread(terminal.wait_for, "#6 can not run so", "does not parse")
            assert lab.commands == []
            terminal.child.send("e")
            await asyncio.to_thread(terminal.wait_for, "THE EDITOR HAS IT")
            terminal.child.send("mend\n")
            await asyncio.to_thread(terminal.wait_for, "May this edit run?")
            async with asyncio.timeout(PATIENCE_S):
                while not lab.commands:
                    await asyncio.to_thread(terminal.read, 0.05)
    (command,) = lab.commands
    assert isinstance(command, Amend)
    assert command.experiment == NUMBER
    assert command.train == TRAIN + "DEPTH = 3\n"


def _decide(terminal: Terminal, key: str) -> None:
    """Wait until keys count, press one, and wait for the editor."""
    terminal.wait_for("May this edit run?")
    while "half a second" in terminal.text:
        terminal.read(0.05)
    terminal.child.send(key)
    terminal.wait_for("THE EDITOR HAS IT")


async def test_the_instructions_are_shown_and_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_night(tmp_path / "night", Ending.PAUSED, NUMBER)
    _move(made.session.journal, tmp_path)
    (tmp_path / "program.md").write_text("# Goal\n\nMake it **small**.\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("VISUAL", str(script(tmp_path, "echo 'No new packages.' >>\"$1\"")))

    def see() -> None:
        with Terminal(made, 80, 24) as terminal:
            terminal.wait_for("6 done")
            terminal.child.send("i")
            terminal.wait_for("Goal", "Make it small.", "e edit")
            terminal.child.send("e")
            terminal.wait_for("No new packages.")

    await asyncio.to_thread(see)
    assert (tmp_path / "program.md").read_text().endswith("No new packages.\n")


def _move(journal: Path, repository: Path) -> None:
    """Have the session be one of another repository."""
    facts = list(JournalReader(journal).read())
    journal.unlink()
    writer = Journal(journal)
    for fact in facts:
        assert not isinstance(fact, UnknownFact)
        of_it = isinstance(fact, SessionStarted)
        writer.append(msgspec.structs.replace(fact, repository=str(repository)) if of_it else fact)
    writer.close()
