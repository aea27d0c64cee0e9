"""Prepares the process for Textual, which reads its environment when it is imported."""

import gc
import os
import select
import signal
import sys
from threading import Thread

SSH_DEFAULTS = {
    "TEXTUAL_FPS": "30",
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
    "TEXTUAL_DISABLE_KITTY_KEY": "1",
}
"""What keeps a slow link quiet; what the user has set stands.

The screen moves by itself twice a second, so frames are limited for the sake of a key that is held
down. One that is pressed right after a frame waits for the next: at 15 a second that was seen.
"""
HUNG_UP = 128 + signal.SIGHUP
"""The exit code of a screen whose terminal is gone, as shells count it."""


def over_ssh() -> bool:
    """Return whether the terminal is at the other end of an SSH link."""
    return any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


def prepare() -> None:
    """Set what Textual must find when it is imported."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if over_ssh():
        for name, value in SSH_DEFAULTS.items():
            os.environ.setdefault(name, value)
    # Where a hang-up is ignored (nohup), it is not meant to be: the lab is what goes on.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def starting() -> None:
    """Look for no garbage until `started`: there is next to none, and the search takes long."""
    gc.disable()


def started() -> None:
    """Look for garbage again, but not among what the start brought: that stays."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def end_when_hung_up() -> None:
    """From here on, end this process as soon as its terminal is gone, with or without a signal.

    A terminal that is not the controlling one sends none. Textual would read the end of its input
    over and over, and wait for ever to write; it may already be waiting for a terminal that
    stalled. So a thread of its own waits for the hang-up, and takes no processor time for that.
    """
    watch = select.poll()
    for stream in (sys.__stdin__, sys.__stderr__):
        if stream is not None:
            # A hang-up is reported whatever is asked for.
            watch.register(stream.fileno(), 0)
    Thread(target=_end_with, args=(watch,), name="hang-up", daemon=True).start()


def _end_with(watch: select.poll) -> None:
    if any(event & (select.POLLHUP | select.POLLERR) for _, event in watch.poll()):
        # There is nothing left to restore, and nobody to tell.
        os._exit(HUNG_UP)


def speaks_utf8() -> bool:
    """Return whether the locale can show more than ASCII."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return encoding == "utf8"
