"""Subcommands that begin a night or show one: run, attach, replay."""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TextIO

from autoresearch_tui import headless, settings
from autoresearch_tui import session as sessions
from autoresearch_tui.cli import common
from autoresearch_tui.control import client, messages
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.vocabulary import ApprovalMode
from autoresearch_tui.report import summary
from autoresearch_tui.session import LabLife, Session, SessionError
from autoresearch_tui.settings import Layer, SettingsError

FLAG_SETTINGS = {
    "budget": ("run", "budget_s"),
    "device": ("run", "device"),
    "sandbox": ("run", "sandbox"),
    "data": ("data", "name"),
    "profile": ("data", "profile"),
    "agent": ("agent", "kind"),
    "model": ("agent", "model"),
    "base_url": ("agent", "base_url"),
    "agent_command": ("agent", "command"),
    "approval": ("approval", "mode"),
    "max_experiments": ("limits", "max_experiments"),
    "timeout": ("approval", "timeout_s"),
    "then": ("approval", "then"),
    "max_hours": ("limits", "max_hours"),
    "max_cost": ("limits", "max_cost"),
    "target_bpb": ("limits", "target_bpb"),
    "until": ("limits", "until"),
}
"""Which setting each flag of `run` stands for."""


def flags(arguments: argparse.Namespace) -> Layer:
    """Return what the flags set, as settings."""
    layer: Layer = {}
    for flag, (section, key) in FLAG_SETTINGS.items():
        value = getattr(arguments, flag, None)
        if value is not None:
            layer.setdefault(section, {})[key] = value
    return layer


def run(arguments: argparse.Namespace) -> int:
    # The lab's rooms load git and more; the other commands do without.
    """Start a night or go on with it, and watch it."""
    from autoresearch_tui.lab import launcher  # noqa: PLC0415
    from autoresearch_tui.lab.repository import RepositoryError  # noqa: PLC0415

    repository = Path.cwd()
    on_screen = not (arguments.headless or arguments.detach)
    if on_screen:
        common.need_terminal()
        _check_screen()
    session = launcher.choose_session(repository, arguments.tag, new=arguments.new)
    chosen = settings.load(repository, os.environ, flags(arguments), session.settings)
    asks = chosen.approval.mode is ApprovalMode.ASK and chosen.approval.then is None
    if arguments.headless and asks:
        raise SettingsError(
            "Nobody is there to approve in a headless run: give --approval auto, or a policy for "
            "absence (--timeout 10m --then approve), or start with --detach and approve from "
            "another shell."
        )
    alive = sessions.lab_life(session) in (LabLife.ALIVE, LabLife.SILENT)
    if alive and on_screen:
        return _watch(session, ascii_only=arguments.ascii)
    started_at, lines_before = time.time(), common.line_count(session)
    try:
        launcher.launch(repository, session, chosen)
    except RepositoryError as error:
        raise SessionError(str(error)) from error
    if on_screen:
        return _watch(session, ascii_only=arguments.ascii)
    if arguments.detach:
        print(f"The lab runs. Watch it with: autoresearch attach --tag {session.tag}")
        return 0
    if arguments.json:
        follower = headless.JsonFollower(session, sys.stdout, from_line=lines_before)
        return _run_headless(session, follower, sys.stderr)
    follower = headless.Follower(session, headless.print_line, since=started_at)
    return _run_headless(session, follower, sys.stdout)


def _run_headless(
    session: Session, follower: headless.Follower | headless.JsonFollower, narration: TextIO
) -> int:
    """Follow the session to its end; Ctrl-C or TERM stops the lab in order, a hang-up does not."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    while True:
        try:
            follower.follow()
            break
        except KeyboardInterrupt:
            print("Stopping; a run in flight is queued again.", file=sys.stderr)
            with contextlib.suppress(client.LabUnreachable):
                client.send(session.socket, messages.Stop(by=client.sender(), now=True))
        except BrokenPipeError:
            tag = session.tag
            print(f"The lab of session {tag} goes on without this reader.", file=sys.stderr)
            raise
    state = fold(JournalReader(session.journal).read())
    died = sessions.lab_life(session) is LabLife.DEAD
    if died:
        print(headless.printable_lines(summary.last_words(session)), file=sys.stderr)
    print("\n" + headless.printable_lines(summary.closing(session, state)), file=narration)
    return common.EXIT_TROUBLE if died or state.trouble else 0


def _raise_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def attach(arguments: argparse.Namespace) -> int:
    """Watch a session on the screen."""
    common.need_terminal()
    # Where nobody names one of several sessions, the screen asks; the last one is at hand.
    pick = arguments.tag is None and len(sessions.sessions(Path.cwd())) > 1
    return _watch(
        common.find(arguments), ascii_only=arguments.ascii, pick=pick, theme=arguments.theme
    )


def _watch(
    session: Session, *, ascii_only: bool, pick: bool = False, theme: str | None = None
) -> int:
    from autoresearch_tui.tui import terminal  # noqa: PLC0415

    terminal.prepare()
    # Textual reads its environment when it is imported.
    from autoresearch_tui.tui import app  # noqa: PLC0415

    theme, keymap = _theme_and_keys(theme)
    print(app.run(session, ascii_only=ascii_only, pick=pick, theme=theme, keymap=keymap))
    return 0


def _theme_and_keys(theme: str | None) -> tuple[str | None, Mapping[str, str]]:
    """Return the screen's theme, the named one before the settings', and its keymap."""
    from autoresearch_tui.tui import app, keys  # noqa: PLC0415

    chosen = settings.load_tui(Path.cwd(), os.environ)
    theme = theme or chosen.theme
    if theme is not None and theme not in (known := app.theme_names()):
        raise SettingsError(f"There is no theme {theme}. There are: {', '.join(known)}.")
    try:
        return theme, keys.keymap(chosen.keys)
    except keys.KeysError as error:
        raise SettingsError(str(error)) from error


def _check_screen() -> None:
    """Say what is wrong with the screen's settings before a night begins."""
    from autoresearch_tui.tui import terminal  # noqa: PLC0415

    terminal.prepare()
    _theme_and_keys(None)


def replay(arguments: argparse.Namespace) -> int:
    """Play a past night on the screen; no lab hears of it."""
    common.need_terminal()
    recorded = common.find(arguments)
    from autoresearch_tui.tui import terminal  # noqa: PLC0415

    terminal.prepare()
    from autoresearch_tui.tui import replay  # noqa: PLC0415

    theme, keymap = _theme_and_keys(arguments.theme)
    said = replay.run(
        recorded,
        arguments.speed,
        start=arguments.start,
        ascii_only=arguments.ascii,
        theme=theme,
        keymap=keymap,
    )
    print(said)
    return 0
