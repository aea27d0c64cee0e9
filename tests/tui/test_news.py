"""The terminal is told of what is news, in a form that can do nothing else."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record import events
from autoresearch_tui.record.journal import Journal
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.tui.news import notification
from tests.tui.nights import Ending, make_night
from tests.tui.test_terminal import PATIENCE_S, Terminal

XTERM, FOOT = {"TERM": "xterm-256color"}, {"TERM": "foot"}
TMUX = {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"}


@given(st.text(), st.text())
def test_a_sequence_ends_where_it_should_and_is_ascii(title: str, text: str) -> None:
    osc_9, osc_777 = notification(title, text, XTERM), notification(title, text, FOOT)
    assert re.fullmatch(r"\x1b\]9;[ -~]*\x1b\\", osc_9)
    assert re.fullmatch(r"\x1b\]777;notify;[ -:<-~]*;[ -:<-~]*\x1b\\", osc_777)
    wrapped = notification(title, text, TMUX)
    inner = re.fullmatch(r"\x1bPtmux;(.*)\x1b\\", wrapped, re.DOTALL)
    assert inner is not None
    assert inner.group(1).replace("\x1b\x1b", "\x1b") == osc_9


@pytest.mark.parametrize("terminal", ["linux", "dumb", "screen-256color"])
def test_a_terminal_that_would_show_it_as_text_is_spared(terminal: str) -> None:
    assert notification("t", "x", {"TERM": terminal}) == ""
    assert notification("t", "x", {}) == ""


def bytes_until(terminal: Terminal, word: str) -> bytes:
    """Return what the cockpit writes until a word is on the screen."""
    written, end = b"", time.monotonic() + PATIENCE_S
    while word not in terminal.text:
        assert time.monotonic() < end, terminal.text
        written += terminal.read(0.1)
    return written


def test_what_happens_now_is_told_and_what_is_replayed_is_not(tmp_path: Path) -> None:
    made = make_night(tmp_path, Ending.PAUSED, 3)
    journal = Journal(made.session.journal)

    def notice(text: str) -> None:
        journal.append(events.Notice(at=made.now, level=Level.ERROR, text=text))

    notice("of long ago")
    with Terminal(made, 80, 24) as terminal:
        opening = bytes_until(terminal, "3 done")
        notice("a caf\u00e9; and\x07 more")
        later = bytes_until(terminal, "and more") + terminal.read(0.2)
    journal.close()
    assert b"\x1b]9;" not in opening
    assert later.count(b"\x1b]9;autoresearch nov23: a caf?, and more\x1b\\") == 1
