"""Notifications of the terminal itself: OSC 9, or OSC 777 where that is what it knows.

In tmux they are wrapped for its passthrough, which `set -g allow-passthrough on` opens; a tmux
without it drops them, as terminals do that know neither.
"""

from collections.abc import Mapping

from autoresearch_tui.tui.ascii import to_ascii

TEXT_CHARS = 200
_DEAF = ("linux", "dumb", "screen")
"""What would draw them as text, or has nobody to pass them to; tmux says `screen` too."""
_SPEAKS_777 = ("rxvt", "foot")


def notification(title: str, text: str, environ: Mapping[str, str]) -> str:
    """Return what to write to the terminal of `environ`; empty where it would do harm."""
    terminal, in_tmux = environ.get("TERM", "dumb"), "TMUX" in environ
    if terminal.startswith(_DEAF) and not in_tmux:
        return ""
    title, text = _plain(title), _plain(text)[:TEXT_CHARS]
    if terminal.startswith(_SPEAKS_777) or "VTE_VERSION" in environ:
        sequence = f"\x1b]777;notify;{title};{text}\x1b\\"
    else:
        sequence = f"\x1b]9;{title}: {text}\x1b\\"
    if in_tmux:
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


def _plain(text: str) -> str:
    """Return text that can not end the sequence, nor one of its fields."""
    line = "".join(char if char.isprintable() else " " for char in to_ascii(text))
    return " ".join(line.replace(";", ",").split())
