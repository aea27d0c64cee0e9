"""Settings come from where they should, and what is wrong is named."""

from pathlib import Path

import pytest

from autoresearch_tui import settings
from autoresearch_tui.record.vocabulary import ApprovalMode
from autoresearch_tui.settings import (
    AgentSettings,
    LimitSettings,
    NotifySettings,
    Price,
    RunSettings,
    Settings,
    SettingsError,
)


def write(folder: Path, text: str) -> None:
    (folder / settings.FILE_NAME).write_text(text)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert settings.load(tmp_path, {}, {}) == Settings()


def test_flags_beat_the_environment_and_that_beats_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[agent]\nkind = "tpe"\nmodel = "file"\nbase_url = "file"\n')
    environ = {"AUTORESEARCH_AGENT_MODEL": "environ", "AUTORESEARCH_AGENT_BASE_URL": "environ"}
    found = settings.load(tmp_path, environ, {"agent": {"base_url": "flag"}})
    assert found.agent == AgentSettings(kind="tpe", model="environ", base_url="flag")


def test_the_environment_holds_numbers_and_words(tmp_path: Path) -> None:
    environ = {"AUTORESEARCH_RUN_BUDGET_S": "60", "AUTORESEARCH_APPROVAL_MODE": "ask"}
    found = settings.load(tmp_path, environ, {})
    assert found.run.budget_s == 60
    assert found.approval.mode is ApprovalMode.ASK


def test_variables_of_others_are_passed_over(tmp_path: Path) -> None:
    environ = {"AUTORESEARCH_RUN_DIR": "/x", "AUTORESEARCH_DATA": "/y"}
    assert settings.load(tmp_path, environ, {}) == Settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[runn]\n", ["[runn]", "did you mean run"]),
        ("[run]\nbudgets = 3\n", ["budgets", "[run]", "did you mean budget_s"]),
        ('[run]\nbudget_s = "long"\n', ["Expected `float", "run.budget_s"]),
        ("[run]\nbudget_s = 0\n", ["run.budget_s", "greater than zero"]),
        (
            '[agent]\npermissions = "ask"\npermission_wait_s = 300\n',
            ["agent.permission_wait_s", "agent.limit_s"],
        ),
        ("[limits]\nmax_experiments = -1\n", ["limits.max_experiments"]),
        ('[approval]\nmode = "maybe"\n', ["'maybe'", "approval.mode"]),
        ("run = 3\n", ["run"]),
        ("[run\n", ["can not be read"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        settings.load(tmp_path, {}, {})
    assert all(word in str(raised.value) for word in [*words])


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AUTORESEARCH_RUN_BUDGET_S='soon'"):
        settings.load(tmp_path, {"AUTORESEARCH_RUN_BUDGET_S": "soon"}, {})


def test_a_session_keeps_what_it_was_run_with_but_for_its_limits(tmp_path: Path) -> None:
    chosen = Settings(
        run=RunSettings(budget_s=7.5),
        limits=LimitSettings(until="07:00", max_experiments=3),
    )
    settings.write(tmp_path / "session.toml", chosen)
    kept = settings.load(tmp_path, {}, {}, tmp_path / "session.toml")
    assert kept == Settings(run=RunSettings(budget_s=7.5))
    flags = {"run": {"budget_s": 9.0}}
    assert settings.load(tmp_path, {}, flags, tmp_path / "session.toml").run.budget_s == 9.0


def test_a_price_of_ones_own_is_kept_by_the_session_and_zero_is_one(tmp_path: Path) -> None:
    write(tmp_path, '[prices."my.model"]\ninput = 0\noutput = 2.5\n')
    found = settings.load(tmp_path, {}, {})
    assert found.prices == {"my.model": Price(input=0, output=2.5)}
    settings.write(tmp_path / "session.toml", found)
    write(tmp_path, "")
    assert settings.load(tmp_path, {}, {}, tmp_path / "session.toml").prices == found.prices
    write(tmp_path, '[prices."my.model"]\ninput = -1\noutput = 2.5\n')
    with pytest.raises(SettingsError, match=r"my\.model.*zero or more"):
        settings.load(tmp_path, {}, {})


def test_addresses_come_from_the_environment_and_are_stored_nowhere(tmp_path: Path) -> None:
    environ = {"AUTORESEARCH_NOTIFY_URLS": "ntfy://topic  mailto://user:hunter2@example.org"}
    found = settings.load(tmp_path, environ, {"notify": {"desktop": True}})
    assert found.notify.urls == ["ntfy://topic", "mailto://user:hunter2@example.org"]
    settings.write(tmp_path / "session.toml", found)
    assert "hunter2" not in (tmp_path / "session.toml").read_text()
    again = settings.load(tmp_path, {}, {}, tmp_path / "session.toml")
    assert again.notify == NotifySettings(desktop=True)


CONTEST = """
[[agent]]
kind = "claude"
name = "cloud"
max_cost = 5.0

[[agent]]
kind = "tpe"
ideas = true
"""


def test_of_several_agents_the_first_leads_and_all_are_kept(tmp_path: Path) -> None:
    write(tmp_path, CONTEST)
    found = settings.load(tmp_path, {}, {})
    assert found.agent == AgentSettings(kind="claude", name="cloud", max_cost=5.0)
    assert found.rivals == [AgentSettings(kind="tpe", ideas=True)]
    kept = tmp_path / "session.toml"
    settings.write(kept, found)
    (tmp_path / settings.FILE_NAME).unlink()
    assert settings.load(tmp_path, {}, {}, kept) == found
    # Who names an agent names it alone.
    assert settings.load(tmp_path, {}, {"agent": {"kind": "tpe"}}, kept).rivals == []


def test_what_one_of_several_agents_freezes_holds_for_all(tmp_path: Path) -> None:
    write(
        tmp_path, '[[agent]]\nfrozen = ["A", "B"]\n[[agent]]\nkind = "tpe"\nfrozen = ["B", "C"]\n'
    )
    assert settings.load(tmp_path, {}, {}).frozen == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[agent]]\nkind = "tpe"\n[[agent]]\nknid = "tpe"\n', ["knid", "did you mean kind"]),
        ('[[agent]]\nkind = "tpe"\n[[agent]]\nmax_turns = 0\n', ["agent.max_turns of auto"]),
        ("agent = []\n", ["an empty list of agents"]),
    ],
)
def test_what_is_wrong_in_a_contest_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        settings.load(tmp_path, {}, {})
    for word in words:
        assert word in str(raised.value)
