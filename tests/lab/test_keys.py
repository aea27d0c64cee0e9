"""Where keys come from, and that no byte of a night holds one."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch_tui import session as sessions
from autoresearch_tui.executors.base import Ended
from autoresearch_tui.lab import doctor, keys, stages
from autoresearch_tui.lab.archive import SessionArchive
from autoresearch_tui.lab.findings import Grade
from autoresearch_tui.record.vocabulary import RunOutcome
from autoresearch_tui.session import Session
from autoresearch_tui.settings import AgentSettings, Settings
from autoresearch_tui.tui import night as nights
from tests.workshop import Workshop

KEY = "planted-by-hand-0123"
KNOWN = "sk-ant-api03-AbCdEf0123456789AbCdEf"

KEYRING = """
import keyring.backend
class Ring(keyring.backend.KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return "from-the-ring" if (service, username) == ("autoresearch", "A_KEY") else None
    def set_password(self, service, username, password): ...
"""


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a keyring that knows one key."""
    (tmp_path / "a_ring.py").write_text(KEYRING)
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "a_ring.Ring")


@pytest.mark.usefixtures("ring")
def test_a_key_comes_from_the_environment_or_else_the_keyring() -> None:
    found = keys.gather({"B_KEY": "b", "A_KEY": " "}, ["A_KEY", "B_KEY", "C_KEY"])
    assert found.environ == {"A_KEY": "from-the-ring", "B_KEY": "b"}
    assert (found.in_keyring, found.trouble) == (("A_KEY",), "")
    assert keys.gather({"A_KEY": "a"}, ["A_KEY"]) == keys.Found({"A_KEY": "a"})


def test_a_machine_without_a_keyring_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    found = keys.gather({}, ["A_KEY", "B_KEY"])
    assert found.environ == {}
    assert "backend" in found.trouble
    chosen = Settings(agent=AgentSettings(kind="claude"))
    told = list(doctor.agent(chosen, {}, offline=True))
    assert [(each.grade, each.subject) for each in told] == [
        (Grade.NOTE, "key"),
        (Grade.FAIL, "agent"),
    ]


def test_a_keyring_that_waits_for_a_person_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_ASK", "import time; time.sleep(60)")
    monkeypatch.setattr(keys, "KEYRING_LIMIT_S", 0.1)
    assert "is it locked" in keys.gather({}, ["A_KEY"]).trouble


def test_keys_are_withdrawn_from_later_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    keys.withdraw(os.environ, ["A_KEY", "B_KEY"])
    code = "import os; print('A_KEY' in os.environ)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_log_holds_no_key() -> None:
    layout = keys.MaskingFormatter("%(message)s", [KEY])
    fault = RuntimeError(f"{KEY} and {KNOWN}")
    record = {"msg": f"a {KEY}", "exc_info": (RuntimeError, fault, None)}
    line = layout.format(logging.makeLogRecord(record))
    assert "RuntimeError" in line
    assert KEY not in line
    assert KNOWN not in line


def test_an_output_is_masked_wherever_it_is_read(workshop: Workshop) -> None:
    session = Session(workshop.session.folder)
    output = session.output(1)
    output.parent.mkdir(parents=True)
    # It begins before what is read of the output, and has no end there.
    block = "-----BEGIN RSA PRIVATE KEY-----\n" + "QUJD" * 500
    output.write_text(f"{block}.{'x' * 15_000}\nwith {KNOWN}\nTOKEN={KEY}9f8e7d6c\n")
    ended = Ended(outcome=RunOutcome.CRASH, reason="exit code 1")
    told = [
        stages.explain(ended, output),
        SessionArchive(session).output_tail(1),
        nights.Night(session).output_tail(1),
    ]
    for text in told:
        assert text
        assert KNOWN not in text
        assert KEY not in text
        assert "QUJD" not in text


AGENT = Path(__file__).parent.parent / "agents" / "acp_rascal.py"


def test_no_byte_of_a_night_holds_the_key(workshop: Workshop, tmp_path: Path) -> None:
    train = workshop.root / "train.py"
    said = "import os\nprint(dict(os.environ), flush=True)\n"
    train.write_text(train.read_text().replace("import prepare\n", f"import prepare\n{said}"))
    command = f"{sys.executable} -I {AGENT} {tmp_path / 'count'} tell-key"
    done = workshop.done(
        *("run", "--agent-command", command, "--budget", "0.1", "--headless"),
        *("--max-experiments", "2"),
        SOME_KEY=KEY,
        AUTORESEARCH_AGENT_ENV="SOME_KEY",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert done.returncode == 0, done.stderr
    night = sessions.sessions(workshop.root)[-1]
    assert "SOME_KEY" in night.settings.read_text()
    journal = night.journal.read_text()
    assert '"agent":"acp"' in journal
    assert "[masked]" in journal
    # What the run prints is its environment, and the agent said what it knows.
    assert "AUTORESEARCH_RUN_DIR" in night.output(1).read_text()
    assert "[masked]" in night.reasoning.read_text()
    places = [night.folder, tmp_path / "cache"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in done.stdout + done.stderr + workshop.git("log", "--all", "-p")
