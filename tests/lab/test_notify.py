"""Messages go out beside the lab, and neither a service nor a secret gets into its way."""

import asyncio
import json
import logging
import os
from pathlib import Path

import pytest

from autoresearch_tui.lab import notify
from autoresearch_tui.lab.notify import Notifier
from autoresearch_tui.record import events
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.settings import NotifySettings
from tests.workshop import wait_until

SECRET = "json://user:hunter2@example.org/"
STAND_IN = """
import json, pathlib, sys, time
class Apprise:
    def __init__(self): self.urls = []
    def add(self, url): self.urls.append(url); return not url.startswith("unknown")
    def notify(self, body, title):
        print("calling", self.urls, file=sys.stderr)
        {act}
        with pathlib.Path({sent!r}).open("a") as out:
            out.write(json.dumps([self.urls, title, body]) + "\\n")
        return True
"""
TROUBLE = events.Notice(at=0, level=Level.ERROR, text="the disk is full")


class Services:
    """What stands in for apprise in the processes that ask it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent_file = folder / "sent"
        self.act("pass")

    def act(self, code: str) -> None:
        source = STAND_IN.format(act=code, sent=str(self.sent_file))
        (self.folder / "apprise.py").write_text(source)

    @property
    def sent(self) -> list[list[object]]:
        if not self.sent_file.exists():
            return []
        return [json.loads(line) for line in self.sent_file.read_text().splitlines()]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    return Services(tmp_path)


def notifier(*urls: str, desktop: bool = False) -> Notifier:
    return Notifier(NotifySettings(urls=list(urls), desktop=desktop), "nov24")


async def test_news_is_sent_and_nothing_else(services: Services) -> None:
    teller = notifier(SECRET)
    teller.hear(SessionState(), events.Paused(at=0, by="ada"))
    assert services.sent == []
    teller.hear(SessionState(), TROUBLE)
    await teller.finish()
    assert services.sent == [[[SECRET], "autoresearch nov24", "the disk is full"]]


async def test_what_happens_while_one_is_sent_is_one_message(services: Services) -> None:
    teller = notifier(SECRET)
    for number in range(50):
        fact = events.Notice(at=0, level=Level.ERROR, text=f"trouble {number}")
        teller.hear(SessionState(), fact)
    await teller.finish()
    ((_, _, body),) = services.sent
    assert body == "\n".join(f"trouble {number}" for number in range(30, 50))


@pytest.mark.parametrize(
    ("act", "urls", "says"),
    [
        ("time.sleep(60)", [SECRET], "is not there"),
        ("raise OSError(self.urls)", [SECRET], "is not there"),
        ("pass", [SECRET, "unknown://hunter2"], "unknown to apprise"),
    ],
)
async def test_a_service_in_trouble_is_a_line_in_the_log_without_its_address(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    act: str,
    urls: list[str],
    says: str,
) -> None:
    monkeypatch.setattr(notify, "SEND_LIMIT_S", 0.6)
    services.act(act)
    teller = notifier(*urls)
    with caplog.at_level(logging.DEBUG):
        teller.hear(SessionState(), TROUBLE)
        await teller.finish()
    assert says in caplog.text
    assert "hunter2" not in caplog.text + "".join(capfd.readouterr())


async def test_without_apprise_the_log_says_how_to_get_it(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    (services.folder / "apprise.py").write_text("raise ImportError('none here')\n")
    teller = notifier(SECRET)
    teller.hear(SessionState(), TROUBLE)
    await teller.finish()
    assert "pip install apprise" in caplog.text


async def test_the_end_of_a_lab_does_not_wait_for_ever(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "FINISH_LIMIT_S", 0.3)
    services.act(f"pathlib.Path({str(services.folder / 'began')!r}).touch(); time.sleep(600)")
    teller = notifier(SECRET)
    teller.hear(SessionState(), TROUBLE)
    async with asyncio.timeout(30):
        await teller.finish()
    assert services.sent == []


async def test_the_desktop_is_told_by_its_own_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    teller = notifier(desktop=True)
    teller.hear(SessionState(), TROUBLE)
    await teller.finish()
    assert "neither notify-send nor osascript" in caplog.text
    program, shown = tmp_path / "notify-send", tmp_path / "shown"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {shown}\n')
    program.chmod(0o755)
    odd = events.Notice(at=0, level=Level.ERROR, text="--help $(id) `id`")
    teller.hear(SessionState(), odd)
    await teller.finish()
    wait_until(lambda: shown.exists() and shown.read_text(), "the program's word")
    assert shown.read_text().endswith("--|autoresearch nov24|--help $(id) `id`|")
