"""The frame around the panes: header, machine, sessions, what is kept and what is copied."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.samples import DeviceSample, TelemetrySample
from autoresearch_tui.record.state import Activity
from autoresearch_tui.tui import layout, themes
from autoresearch_tui.tui.app import Cockpit
from autoresearch_tui.tui.screens.cockpit import CockpitScreen
from autoresearch_tui.tui.screens.picker import PickerScreen, Sessions
from autoresearch_tui.tui.text import width_of
from autoresearch_tui.tui.widgets import ledger, machine
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.header import Field, laid_out
from tests.tui import nights
from tests.tui.nights import Ending, MadeNight, make_night
from tests.tui.watching import look, plain, settle, shown, watching

NUMBER = 6


def tell(made: MadeNight, *facts: events.KnownFact) -> None:
    journal = Journal(made.session.journal)
    for fact in facts:
        journal.append(fact)
    journal.close()


words = st.text("abc", max_size=12)
fields = st.lists(
    st.tuples(words, st.lists(st.tuples(st.integers(0, 9), words), max_size=3)), min_size=1
)


class TestHeader:
    """Two rows that say what matters at any width."""

    @given(fields, st.integers(1, 120))
    def test_what_must_be_there_is_whole_wherever_it_fits(
        self, made: list[tuple[str, list[tuple[int, str]]]], width: int
    ) -> None:
        laid = laid_out(
            [
                Field(((short, ""),) if short else (), tuple((r, ((f, ""),)) for r, f in more))
                for short, more in made
            ],
            width,
        )
        shorts = [short for short, _ in made if short]
        if 1 + sum(map(len, shorts)) + 2 * max(0, len(shorts) - 1) <= width:
            assert width_of(laid) <= width

    @pytest.mark.parametrize("width", [60, 80, 120, 200])
    async def test_it_names_everything_that_a_glance_is_for(
        self, tmp_path: Path, width: int
    ) -> None:
        made = make_night(tmp_path, Ending.TRAINING, gpu=True)
        async with watching(made, (width, 24)) as pilot:
            text = shown(pilot, "Header")
        for word in ("nov23", "training", "2:00 left", "auto", "claude", "0.994548", "-3.4 mbpb"):
            assert word in text
        for word in ("24 done", "11/h", "busy 83%", "$0.00"):
            assert word in text
        assert ("measured, unconfirmed" in text) == (width >= 80)
        assert ("GPU busy" in text) == (width != 80)

    async def test_it_names_all_agents_of_a_contest_where_there_is_room(
        self, tmp_path: Path
    ) -> None:
        made = make_night(tmp_path, Ending.TRAINING)
        (begun,) = [
            fact
            for fact in JournalReader(made.session.journal).read()
            if isinstance(fact, events.LabStarted)
        ]
        async with watching(made) as pilot:
            for rivals, words in ((["claude", "x"], "tpe, claude, x"), (["x" * 60], "2 agents")):
                tell(made, msgspec.structs.replace(begun, agent="tpe", rivals=rivals))
                await look(pilot)
                assert words in shown(pilot, "Header")

    async def test_it_says_how_far_the_session_has_to_go(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.TRAINING, gpu=True)
        (first,) = [
            fact
            for line in made.session.journal.read_bytes().splitlines()
            if isinstance(fact := events.decode(line), events.LabStarted)
        ]
        ends_at = "2026-01-01T07:00+00:00"
        for limits, word in (
            ({"experiments": "100"}, "ends in ~7h"),
            ({"it is 07:00": ends_at, "US dollars": "5"}, "$0.00 of $5"),
        ):
            state = events.LabStarted(
                **{
                    name: getattr(first, name)
                    for name in first.__struct_fields__
                    if name not in ("limits", "v")
                },
                limits=limits,
            )
            lines = made.session.journal.read_bytes().splitlines()
            kept = [x for x in lines if not isinstance(events.decode(x), events.LabStarted)]
            kept.insert(1, events.encode(state))
            made.session.journal.write_bytes(b"\n".join(kept) + b"\n")
            async with watching(made, (200, 24)) as pilot:
                assert word in shown(pilot, "Header")

    async def test_facts_of_a_newer_version_are_counted_and_the_rest_is_shown(
        self, tmp_path: Path
    ) -> None:
        made = make_night(tmp_path, Ending.PAUSED, NUMBER)
        with made.session.journal.open("ab") as file:
            for kind in ("dreamt", "judged"):
                fact = {"kind": kind, "at": made.now, "v": 9, "experiment": "seven"}
                file.write(json.dumps(fact).encode() + b"\n")
        async with watching(made) as pilot:
            text = shown(pilot, "Header")
            assert "! 2 newer" in text
            assert f"{NUMBER} done" in text
            await pilot.resize_terminal(160, 24)
            await settle(pilot)
            assert "2 facts of a newer version not shown" in shown(pilot, "Header")


def sampled(at: float, devices: int, throttle: str | None = None) -> TelemetrySample:
    device = DeviceSample(
        name="NVIDIA H100", utilization_percent=97, memory_used_mb=45_000, memory_total_mb=81_559,
        power_w=650, power_limit_w=700, temperature_c=64, temperature_limit_c=90, clock_mhz=1_900,
        clock_limit_mhz=1_980, throttle=throttle,
    )  # fmt: skip
    return TelemetrySample(
        at=at, cpu_percent=50, memory_used_mb=6e3, memory_total_mb=2e4, devices=[device] * devices
    )


class TestMachine:
    """Every device, as much of it as there is room for, and the account of time."""

    @pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
    async def test_the_account_of_time_and_every_device_are_in_view(
        self, tmp_path: Path, size: tuple[int, int]
    ) -> None:
        made = make_night(tmp_path, Ending.TRAINING, NUMBER)
        async with watching(made, size) as pilot:
            pane = pilot.app.screen.query_one("#machine", Pane)
            for devices in (0, 1, 2, 8):
                pane.night.telemetry.clear()
                for second in range(90):
                    throttle = "heat" if second == 89 else None
                    pane.night.telemetry.append(sampled(made.now + second, devices, throttle))
                rows = [plain(line) for line in pane.rows(pane.content_size.width)]
                assert len(rows) <= pane.content_size.height
                assert "train" in rows[-1] or "train" in rows[-2]
                told = [row for row in rows if row.startswith("GPU")]
                more = [row for row in rows if row.startswith("and ")]
                assert len(told) + sum(int(row.split()[1]) for row in more) == devices
                if size == (200, 60):
                    assert all("slowed: heat" in row for row in told)
                assert devices or any("50 %" in row for row in rows)

    async def test_filled_it_has_heat_and_clock_with_their_histories(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.TRAINING, NUMBER, gpu=True)
        async with watching(made, (120, 40)) as pilot:
            await pilot.press("3", "z")
            await settle(pilot)
            text = shown(pilot, "#machine")
        for label in ("load", "mem", "power", "heat", "clock", "cpu", "ram", "training"):
            assert label in text

    @given(
        st.dictionaries(st.sampled_from(Activity), st.floats(0, 1e5, width=32), min_size=1),
        st.integers(20, 160),
        st.integers(1, 4),
    )
    def test_the_bar_is_full_and_its_words_fit(
        self, spent: dict[Activity, float], width: int, rows: int
    ) -> None:
        spent.pop(Activity.OFF, None)
        shares = ledger.parts(spent)
        if not shares:
            assert sum(spent.values()) == 0
            return
        assert sum(part.share for part in shares) == pytest.approx(1)
        assert width_of(ledger.bar(shares, width)) == width
        legend = ledger.legend(shares, width, rows)
        assert len(legend) <= rows
        assert all(width_of(line) <= width for line in legend)
        largest = max(shares, key=lambda part: part.share)
        assert any(largest.short in plain(line) or largest.name in plain(line) for line in legend)

    @given(st.lists(st.integers(0, 400), min_size=1, max_size=60), st.integers(1, 90))
    def test_a_history_moves_only_at_its_end(self, seconds: list[int], cells: int) -> None:
        samples = [sampled(1e6 + second, 1) for second in sorted(seconds)]
        before = machine.History(samples, cells).of_device(0, lambda each: each.power_w)
        assert len(before) == cells
        assert before[-1] == 650
        step = max(1, round(machine.SPAN_S / cells))
        later = sampled(samples[-1].at // step * step + step - 0.001, 1)
        after = machine.History([*samples, later], cells).of_device(0, lambda each: each.power_w)
        assert [each is None for each in after] == [each is None for each in before]


class TestSessions:
    """Going from one night to another."""

    async def test_enter_opens_another_night_and_escape_stays(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.TRAINING, NUMBER)
        make_night(tmp_path, Ending.FINISHED, 9, tag="nov21")
        async with watching(made) as pilot:
            await pilot.press("t")
            await settle(pilot)
            assert isinstance(pilot.app.screen, PickerScreen)
            rows = shown(pilot, "Sessions").splitlines()
            assert "nov23" in rows[1]
            assert "training" in rows[1]
            assert rows[1].startswith(">")
            assert "nov21" in rows[2]
            assert "finished" in rows[2]
            await pilot.press("escape")
            await settle(pilot)
            assert f"{NUMBER} done" in shown(pilot, "Header")
            await pilot.press("t")
            await settle(pilot)
            await pilot.press("down", "enter")
            await settle(pilot)
            assert isinstance(pilot.app.screen, CockpitScreen)
            assert "9 done" in shown(pilot, "Header")
            tell(made, events.Paused(at=made.now, by="ada"))
            await look(pilot)
            assert "nov21" in shown(pilot, "Header")

    async def test_it_asks_first_where_nobody_named_one(self, tmp_path: Path) -> None:
        made = make_night(tmp_path, Ending.PAUSED, NUMBER)
        make_night(tmp_path, Ending.DEAD, 3, tag="nov22")
        async with watching(made, pick=True) as pilot:
            assert isinstance(pilot.app.screen, PickerScreen)
            assert "lab dead" in shown(pilot, "Sessions")
            broken = made.session.folder.parent / "nov20"
            broken.mkdir()
            (broken / "journal.jsonl").write_bytes(b"\x00\xff no fact\n")
            pilot.app.screen.look()
            await settle(pilot)
            assert len(pilot.app.screen.query_one(Sessions).rows) == 3


class TestKept:
    """What a person chose is there the next time."""

    async def test_view_filled_pane_and_theme_come_back(self, tmp_path: Path) -> None:
        made = make_night(tmp_path / "night", Ending.PAUSED, NUMBER)
        home = tmp_path / "home"
        async with watching(made, folder=home) as pilot:
            await pilot.press("v", "2", "z")
            pilot.app.theme = themes.SAFE.name
            await settle(pilot)
        async with watching(made, folder=home) as pilot:
            await settle(pilot)
            assert pilot.app.theme == themes.SAFE.name
            assert pilot.app.screen.query_one("#diff").size.width >= 79
            await pilot.press("z")
            await settle(pilot)
            assert pilot.app.screen.query_one("#loss").display
        async with watching(made, folder=home, theme=themes.DAY.name) as pilot:
            assert pilot.app.theme == themes.DAY.name
            assert not pilot.app.screen.has_class("-zoomed")

    @pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b'{"theme": 3}', b""])
    def test_a_broken_file_means_the_defaults(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / layout.FILE_NAME).write_bytes(content)
        kept = layout.Layout(tmp_path)
        assert kept.get("theme", "default") == "default"
        kept.put("theme", "x")
        assert layout.Layout(tmp_path).get("theme") == "x"

    def test_where_nothing_can_be_written_the_screen_still_knows(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("no folder")
        kept = layout.Layout(blocked)
        kept.put("theme", "x")
        assert kept.get("theme") == "x"

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"]))))
    def test_two_screens_of_one_person_lose_nothing(
        self, tmp_path_factory: pytest.TempPathFactory, choices: list[tuple[str, str]]
    ) -> None:
        folder = tmp_path_factory.mktemp("home")
        screens = [layout.Layout(folder), layout.Layout(folder)]
        last: dict[str, str] = {}
        for index, (name, value) in enumerate(choices):
            here = screens[index % 2]
            if here.get(name) != value:
                last[name] = value
            here.put(name, value)
        kept = layout.Layout(folder)
        assert {name: kept.get(name) for name in last} == last


async def test_y_copies_what_is_in_view_and_says_where(tmp_path: Path) -> None:
    made = make_night(tmp_path / "night", Ending.PAUSED, NUMBER)
    home = tmp_path / "home"
    async with watching(made, (120, 40), folder=home) as pilot:
        await pilot.press("3", "y")
        await settle(pilot)
        said = shown(pilot, "Footer")
        assert said.startswith(" Copied to ")
        copied = (home / "copied.txt").read_text()
        assert "cpu" in copied
        assert pilot.app.clipboard == copied
    assert (home / "copied.txt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"TERM": "xterm-256color"}, themes.NIGHT.name),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, themes.NIGHT.name),
        ({"TERM": "xterm"}, themes.SIXTEEN.name),
        ({"TERM": "linux"}, themes.SIXTEEN.name),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, themes.SIXTEEN.name),
    ],
)
def test_colours_follow_the_terminal(environ: dict[str, str], name: str) -> None:
    assert themes.default(environ).name == name


@pytest.mark.parametrize("theme", themes.OURS, ids=lambda theme: theme.name)
async def test_every_theme_draws(tmp_path: Path, theme: object) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    async with watching(made, theme=getattr(theme, "name", None)) as pilot:
        assert pilot.app.theme == getattr(theme, "name", None)
        assert "training" in shown(pilot, "Header")


async def test_a_lab_whose_process_is_gone_is_dead_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    async with watching(made) as pilot:
        cockpit = pilot.app
        assert isinstance(cockpit, Cockpit)
        nights.end_labs()
        monkeypatch.setattr("autoresearch_tui.tui.night.LIFE_POLL_INTERVAL_S", 0.0)
        await look(pilot)
        assert "lab dead" in shown(pilot, "Header")
        assert "autoresearch run --tag nov23" in shown(pilot, "Footer")


async def test_in_ascii_everything_is(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER, gpu=True)
    async with watching(made, ascii_only=True) as pilot:
        for keys in (
            [],
            ["3", "question_mark"],
            ["escape", "t"],
            ["escape", "k"],
            ["escape", "colon"],
        ):
            await pilot.press(*keys)
            await settle(pilot)
            rows = pilot.app.screen._compositor.render_strips()  # pyright: ignore
            text = "\n".join("".join(segment.text for segment in strip) for strip in rows)
            assert text.isascii(), {char for char in text if not char.isascii()}
