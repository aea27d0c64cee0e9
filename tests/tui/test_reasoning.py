"""Tests of what the agent thinks aloud: the window on its file, Markdown, and the pane."""

import re
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.samples import Thought, ThoughtKind
from autoresearch_tui.tui import markdown, thoughts
from autoresearch_tui.tui.text import clean, width_of
from autoresearch_tui.tui.thoughts import Block, ThoughtLog
from autoresearch_tui.tui.widgets.reasoning import ReasoningPane
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import look, plain, settle, shown, watching

NUMBER = 6


def write(path: Path, *said: Thought) -> None:
    with path.open("ab") as file:
        for each in said:
            file.write(msgspec.json.encode(each) + b"\n")


def thought(
    text: str, *, kind: ThoughtKind = ThoughtKind.TEXT, experiment: int = NUMBER
) -> Thought:
    return Thought(at=1e10, experiment=experiment, kind=kind, text=text)


def told(blocks: list[Block]) -> list[tuple[int, ThoughtKind, str]]:
    return [(block.experiment, block.kind, block.text) for block in blocks]


said = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ThoughtKind), st.text("ab \n", max_size=40)),
    max_size=60,
)


class TestWindow:
    """A window on a file of any length."""

    @given(said, st.integers(60, 400), st.integers(120, 400))
    def test_what_is_read_back_is_what_was_written(
        self, items: list[tuple[int, ThoughtKind, str]], first: int, chunk: int
    ) -> None:
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reasoning.jsonl"
            write(path, *(thought(t, kind=k, experiment=e) for e, k, t in items))
            whole = ThoughtLog(path)
            whole.read()
            patch.setattr(thoughts, "FIRST_BYTES", first)
            patch.setattr(thoughts, "CHUNK_BYTES", chunk)
            log = ThoughtLog(path)
            log.read()
            while log.older():
                pass
            assert log.is_at_start
            assert told(log.blocks) == told(whole.blocks)
            text = "".join(block.text for block in whole.blocks)
            assert text == "".join(t for _, _, t in items)

    def test_it_is_bounded_and_goes_both_ways(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(thoughts, "FIRST_BYTES", 2_000)
        monkeypatch.setattr(thoughts, "CHUNK_BYTES", 2_000)
        monkeypatch.setattr(thoughts, "WINDOW_CHARS", 3_000)
        path = tmp_path / "reasoning.jsonl"
        write(path, *(thought(f"{at:04}" + "x" * 60, experiment=at) for at in range(500)))
        log = ThoughtLog(path)
        log.read()
        assert log.blocks[-1].experiment == 499
        log.is_held = True
        seen = {block.experiment for block in log.blocks}
        while log.older():
            seen |= {block.experiment for block in log.blocks}
            assert sum(len(block.text) for block in log.blocks) <= 3_000
        assert seen == set(range(500))
        assert log.blocks[0].experiment == 0
        assert not log.is_at_end
        log.is_held = False
        while log.newer():
            pass
        assert log.is_at_end
        assert log.blocks[-1].experiment == 499
        write(path, thought("new", experiment=500))
        assert log.read()
        assert log.blocks[-1].experiment == 500

    def test_a_file_that_is_replaced_is_read_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "reasoning.jsonl"
        write(path, thought("long " * 50))
        log = ThoughtLog(path)
        log.read()
        path.unlink()
        write(path, thought("new"))
        assert log.read()
        assert [block.text for block in log.blocks] == ["new"]


def markdown_rows(text: str, width: int = 40) -> list[str]:
    return [plain(row) for row in markdown.rows(text, width)]


class TestMarkdown:
    """What agents write of it."""

    def test_headings_lists_and_code(self) -> None:
        text = "# Plan\n- **widen** to `160`\n2. then *look*\n```python\nx = 1  # one\n```\n> so"
        rows = markdown.rows(text, 40)
        assert [plain(row) for row in rows] == [
            "Plan", "• widen to 160", "2. then look", "▏ x = 1  # one", "│ so",
        ]  # fmt: skip
        styles = {text: style for row in rows for text, style in row}
        assert styles["widen"] == "strong"
        assert styles["look"] == "italic"
        assert styles["# one"] == "code-note"

    def test_signs_that_mark_nothing_stay(self) -> None:
        for text in ("2 * 3 * 4", "snake_case_name and __init__", "a ** b", "* ", "[a](b", "**"):
            assert markdown_rows(text) == [text.rstrip() if text != "* " else "*"]

    @given(st.text(st.sampled_from("ab *_`#->1.\n\u4e2d[]()"), max_size=120), st.integers(2, 40))
    def test_any_text_fits_and_no_word_is_lost(self, text: str, width: int) -> None:
        rows = markdown.rows(clean(text), width)
        assert all(width_of(row) <= max(width, 8) for row in rows)
        kept = "".join(plain(row) for row in rows)
        assert sorted(re.findall("[ab\u4e2d]", kept)) == sorted(re.findall("[ab\u4e2d]", text))


class TestPane:
    """The pane of the cockpit."""

    def talk(self, made: MadeNight, *said: Thought) -> None:
        write(made.session.reasoning, *said)

    async def test_tool_calls_are_a_line_until_they_are_unfolded(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.WAITING, NUMBER)
        call = "read_file train.py\n" + "\n".join(f"row {at}" for at in range(4))
        self.talk(made, thought(call, kind=ThoughtKind.TOOL), thought("It is **wide**."))
        async with watching(made, (120, 40)) as pilot:
            assert "▸ read_file train.py (+4 lines)" in shown(pilot, "#reasoning")
            assert "row 1" not in shown(pilot, "#reasoning")
            await pilot.press("1", "space")
            await settle(pilot)
            assert "▾ read_file train.py\n  row 0\n  row 1" in shown(pilot, "#reasoning")
            await pilot.press("enter")
            await settle(pilot)
            assert "row 1" not in shown(pilot, "#reasoning")

    async def test_calls_are_chosen_by_keys(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.WAITING, NUMBER)
        calls = [thought(f"call {at}\ninside {at}", kind=ThoughtKind.TOOL) for at in range(30)]
        self.talk(made, *calls)
        async with watching(made, (120, 40)) as pilot:
            await pilot.press("1", "J", "J", "J", "space")
            await settle(pilot)
            assert "inside 27" in shown(pilot, "#reasoning")
            await pilot.press("j", "space")
            await settle(pilot)
            assert "inside 28" in shown(pilot, "#reasoning")
            await pilot.press("home", *["J"] * 3, "space")
            await settle(pilot)
            assert pilot.app.screen.query_one(ReasoningPane).following is False

    async def test_markdown_comes_once_a_block_is_finished(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.WAITING, NUMBER)
        self.talk(made, thought("I will **wid"), thought("en** it."))
        async with watching(made, (120, 40)) as pilot:
            assert "I will **widen** it." in shown(pilot, "#reasoning")
            self.talk(made, thought("edit", kind=ThoughtKind.TOOL))
            await look(pilot)
            assert "I will widen it." in shown(pilot, "#reasoning")

    async def test_it_follows_unless_scrolled_up_and_says_what_is_new(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.WAITING, NUMBER)
        self.talk(made, thought("".join(f"line {at}\n" for at in range(100))))
        async with watching(made, (120, 40)) as pilot:
            assert "line 99" in shown(pilot, "#reasoning")
            await pilot.press("1", "pageup")
            await settle(pilot)
            view = shown(pilot, "#reasoning")
            self.talk(made, thought("line 100\nline 101\n"))
            await look(pilot)
            now = shown(pilot, "#reasoning")
            assert now.splitlines()[:-1] == view.splitlines()[:-1]
            assert now.splitlines()[-1] == "↓ 2 new below: End shows it"
            await pilot.press("end")
            await settle(pilot)
            assert "line 101" in shown(pilot, "#reasoning")
            assert "new below" not in shown(pilot, "#reasoning")

    async def test_it_reads_back_to_the_first_word_of_the_night(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(thoughts, "FIRST_BYTES", 1_500)
        monkeypatch.setattr(thoughts, "CHUNK_BYTES", 1_500)
        monkeypatch.setattr(thoughts, "WINDOW_CHARS", 2_000)
        made = make_night(tmp_path, Ending.WAITING, NUMBER)
        made.session.reasoning.unlink()
        lines = (thought(f"word {at}.\n" + "x " * 20, experiment=at) for at in range(80))
        self.talk(made, *lines)
        async with watching(made, (120, 40)) as pilot:
            await pilot.press("1")
            seen = set(re.findall(r"word \d+", shown(pilot, "#reasoning")))
            for _ in range(120):
                await pilot.press("pageup")
                seen |= set(re.findall(r"word \d+", shown(pilot, "#reasoning")))
                if "word 0." in shown(pilot, "#reasoning"):
                    break
            assert len(seen) == 80
            await pilot.press("end", "home")
            await settle(pilot)
            assert "word 0." in shown(pilot, "#reasoning")
            await pilot.press("end")
            await settle(pilot)
            assert "word 79." in shown(pilot, "#reasoning")

    async def test_a_sentence_waits_and_then_says_which_proposal_was_given_it(
        self, tmp_path: Path
    ) -> None:
        made = make_night(tmp_path, Ending.PAUSED, NUMBER)
        journal = Journal(made.session.journal)
        journal.append(events.Steered(at=made.now, by="ada", text="try less"))
        async with watching(made, (120, 40)) as pilot:
            rows = shown(pilot, "#reasoning").splitlines()
            assert rows[-2:] == ["» try less", "  … waits for the next proposal"]
            journal.append(
                events.ProposalStarted(
                    at=made.now, experiment=NUMBER, agent="tpe", steering=["try less"]
                )
            )
            journal.close()
            await look(pilot)
            assert f"✓ given to the proposal of #{NUMBER}" in shown(pilot, "#reasoning")
