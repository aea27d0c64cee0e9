"""Subcommands around the nights: what they need, and what they leave behind."""

import argparse
import os
import sys
import time
from pathlib import Path

from autoresearch_tui import headless, settings
from autoresearch_tui import session as sessions
from autoresearch_tui.cli import common, nights
from autoresearch_tui.settings import SettingsError


def gc(arguments: argparse.Namespace) -> int:
    """Show what can be freed of the repository's sessions, and free it."""
    from autoresearch_tui.lab import retention  # noqa: PLC0415

    tag, now, total = arguments.tag, time.time(), 0
    of_tag = [sessions.find(Path.cwd(), tag)] if tag else sessions.sessions(Path.cwd())
    for session in of_tag:
        policy = settings.load(Path.cwd(), os.environ, {}, session.settings).retention
        look = retention.free if arguments.yes else retention.waste
        found = look(session, policy, now)
        total += sum(each.size_bytes for each in found)
        for kind in retention.Kind:
            sizes = [each.size_bytes for each in found if each.kind is kind]
            if sizes:
                size = retention.in_words(sum(sizes))
                print(f"{session.tag:<16} {size:>9}  {kind} ({len(sizes)})")
    print(f"{'freed' if arguments.yes else 'can be freed':<16} {retention.in_words(total):>9}")
    if total and not arguments.yes:
        print("Free it with: autoresearch gc --yes. Facts, diffs and git's objects stay.")
    return 0


def notify(arguments: argparse.Namespace) -> int:
    """Send a message to all that [notify] names, to see that it works."""
    from autoresearch_tui.lab import notify  # noqa: PLC0415

    known = sessions.sessions(Path.cwd())
    session = sessions.find(Path.cwd(), arguments.tag) if known else None
    last_run = None if session is None else session.settings
    chosen = settings.load(Path.cwd(), os.environ, {}, last_run).notify
    if not (chosen.desktop or chosen.urls):
        raise SettingsError(
            "Nobody is named to be notified: set desktop = true or urls in the section [notify] "
            "of autoresearch.toml, or AUTORESEARCH_NOTIFY_URLS."
        )
    failures = notify.send_now(chosen, "autoresearch", "This is what a message looks like.")
    for failure in failures:
        print(f"autoresearch: {failure}", file=sys.stderr)
    return common.EXIT_TROUBLE if failures else 0


def init(_arguments: argparse.Namespace) -> int:
    """Write autoresearch.toml for a repository that trains in its own way."""
    from autoresearch_tui.lab import layout  # noqa: PLC0415

    for line in layout.init(Path.cwd()):
        print(headless.printable(line))
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Check what a night needs."""
    from autoresearch_tui.lab import doctor  # noqa: PLC0415
    from autoresearch_tui.lab.findings import Grade  # noqa: PLC0415

    chosen = settings.load(Path.cwd(), os.environ, nights.flags(arguments))
    findings = doctor.examine(Path.cwd(), chosen, os.environ, offline=arguments.offline)
    for finding in findings:
        print(f"{finding.grade:<5} {finding.subject:<12} {finding.sentence}")
    return common.EXIT_TROUBLE if any(f.grade is Grade.FAIL for f in findings) else 0
