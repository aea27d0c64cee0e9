"""Prepares the process for Textual, which reads its environment when it is imported."""

import os
import signal
import sys

SSH_DEFAULTS = {
    "TEXTUAL_FPS": "15",
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
    "TEXTUAL_DISABLE_KITTY_KEY": "1",
}
"""What keeps a slow link quiet; what the user has set stands."""


def over_ssh() -> bool:
    """Return whether the terminal is at the other end of an SSH link."""
    return any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


def prepare() -> None:
    """Set what Textual must find when it is imported."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if over_ssh():
        for name, value in SSH_DEFAULTS.items():
            os.environ.setdefault(name, value)
    # With hang-ups ignored (nohup), the input thread would spin on a terminal that is gone.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def speaks_utf8() -> bool:
    """Return whether the locale can show more than ASCII."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return encoding == "utf8"
