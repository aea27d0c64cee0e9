"""Verbs are keys, palette entries and commands alike; keys are the person's to choose."""

import shlex
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.screen import ModalScreen

from autoresearch_tui import settings
from autoresearch_tui.cli import parser
from autoresearch_tui.control.messages import Pause
from autoresearch_tui.settings import SettingsError
from autoresearch_tui.tui import keys
from autoresearch_tui.tui.app import Cockpit
from autoresearch_tui.tui.verbs import VERBS, Verb
from autoresearch_tui.tui.widgets.canvas import Pane
from tests.tui.nights import Ending, make_night
from tests.tui.watching import ListeningLab, settle, shown, watching

NUMBER = 6
SCREEN_ALONE = {"detach", "copy", "commands", "help"}
"""What means nothing without a screen."""
MEANT_BY_ALL = {"pause", "steer", "stop", "detach", "help", "sessions", "commands", "copy"}


def parses(words: list[str]) -> bool:
    try:
        parser.build().parse_args(words)
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.id)
def test_every_verb_is_an_action_and_a_command(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(getattr(Cockpit, f"action_{verb.id}", None))
    assert verb.tooltip
    assert verb.tooltip.endswith(".")
    if verb.id in SCREEN_ALONE or not verb.command:
        return
    words = shlex.split(verb.command)
    # Some want a sentence, a number, or both.
    assert any(parses([*words, *more]) for more in ([], ["1"], ["1", "x"])), capsys.readouterr().err


def test_every_verb_but_those_of_the_screen_alone_is_a_command() -> None:
    assert {verb.id for verb in VERBS if not verb.command} <= SCREEN_ALONE


def test_no_two_verbs_have_one_key() -> None:
    taken = [key for verb in VERBS for key in verb.key.split(",")]
    assert len(taken) == len(set(taken))


async def test_every_verb_that_means_something_is_in_the_palette_by_its_name(
    tmp_path: Path,
) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    async with watching(made) as pilot:
        commands = list(pilot.app.get_system_commands(pilot.app.screen))
        meant = {verb.id for verb in VERBS if verb.means_something(made_night(pilot.app))}
    assert {verb.name.capitalize() for verb in VERBS if verb.id in meant} <= {
        each.title for each in commands
    }
    assert "p  Start nothing new" in next(each.help for each in commands if each.title == "Pause")
    assert meant >= MEANT_BY_ALL


def made_night(app: object):  # noqa: ANN201
    assert isinstance(app, Cockpit)
    return app.night


def test_every_binding_can_be_named_explained_and_given_another_key() -> None:
    everything = [each for place in keys.places() for each in place.bindings]
    assert all(each.id and each.description for each in everything)
    for each in everything:
        assert each.tooltip or not each.show, each.id
    owners: dict[str, set[str]] = {}
    for place in keys.places():
        for each in place.bindings:
            owners.setdefault(each.id or "", set()).add(each.action)
    assert {name: does for name, does in owners.items() if len(does) > 1} == {}


def test_what_is_wished_for_is_normalised() -> None:
    wished = {"pause": "f9", "steer": "!", "help": "?,f1", "view.open": "f8"}
    assert keys.keymap(wished) == {
        "pause": "f9",
        "steer": "exclamation_mark",
        "help": "question_mark,f1",
        "view.open": "f8",
    }


def test_two_verbs_may_change_places() -> None:
    assert keys.keymap({"pause": "s", "steer": "p"}) == {"pause": "s", "steer": "p"}


@pytest.mark.parametrize(
    ("wished", "words"),
    [
        ({"pausee": "space"}, ["pausee", "did you mean pause"]),
        ({"pause": "s"}, ["pause", "steer", "already"]),
        ({"pause": "1"}, ["pause", "pane.1", "already"]),
        ({"pause": "enter"}, ["view.open", "already"]),
        ({"pause": "spaceship"}, ["pause", "'spaceship'", "f5"]),
        ({"pause": ""}, ["pause", "''"]),
    ],
)
def test_what_can_not_be_is_a_sentence(wished: dict[str, str], words: list[str]) -> None:
    with pytest.raises(keys.KeysError) as raised:
        keys.keymap(wished)
    assert all(word in str(raised.value) for word in words)


def test_keys_of_panes_and_questions_do_not_meet() -> None:
    class One(Pane):
        BINDINGS = [Binding("j", "x", "x", id="one.x")]  # noqa: RUF012

    class Other(Pane):
        BINDINGS = [Binding("j", "y", "y", id="other.y")]  # noqa: RUF012

    class Question(ModalScreen[None]):
        BINDINGS = [Binding("j", "z", "z", id="question.z")]  # noqa: RUF012

    one, other, question = (keys.Place(each, ()) for each in (One, Other, Question))
    pane, app = keys.Place(Pane, ()), keys.Place(Cockpit, ())
    assert not one.meets(other)
    assert one.meets(pane)
    assert one.meets(app)
    assert not question.meets(app)
    assert not question.meets(one)


def test_the_settings_hold_keys_with_and_without_quotes(tmp_path: Path) -> None:
    file = tmp_path / settings.FILE_NAME
    file.write_text('[tui.keys]\npause = "f9"\nview.open = "f8"\n"pane.zoom" = "f"\n')
    wished = settings.load_tui(tmp_path, {}).keys
    assert wished == {"pause": "f9", "view.open": "f8", "pane.zoom": "f"}
    assert settings.load(tmp_path, {}, {}).tui.keys == wished


def test_the_screen_opens_whatever_is_wrong_elsewhere_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / settings.FILE_NAME
    file.write_text('[run]\nbudget_s = "long"\n[tui]\ntheme = "autoresearch-day"\n')
    assert settings.load_tui(tmp_path, {}).theme == "autoresearch-day"
    file.write_text("[tui]\ntheem = 1\n")
    with pytest.raises(SettingsError, match="did you mean theme"):
        settings.load_tui(tmp_path, {})


async def test_another_key_does_it_and_is_shown(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.TRAINING, NUMBER)
    keymap = keys.keymap({"pause": "f9"})
    async with ListeningLab(made) as lab, watching(made, keymap=keymap) as pilot:
        assert "f9 pause" in shown(pilot, "Footer")
        await pilot.press("p")
        await settle(pilot)
        assert lab.commands == []
        await pilot.press("f9")
        await settle(pilot)
        assert [type(command) for command in lab.commands] == [Pause]
