"""Subcommands that print what a session knows."""

import argparse
import contextlib
import sys
import time
from pathlib import Path

from autoresearch_tui import headless
from autoresearch_tui import session as sessions
from autoresearch_tui.cli import common
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.report import night, standings, summary
from autoresearch_tui.report.tally import tally
from autoresearch_tui.session import SessionError


def status(arguments: argparse.Namespace) -> int:
    """Say where a session stands."""
    session = common.find(arguments)
    state = fold(JournalReader(session.journal).read())
    life = sessions.lab_life(session)
    print(headless.printable_lines(summary.status(session, state, life, time.time())))
    return 0


def log(arguments: argparse.Namespace) -> int:
    """Print what happened, a line a fact."""
    session = common.find(arguments)
    follower = (
        headless.JsonFollower(session, sys.stdout)
        if arguments.json
        else headless.Follower(session, headless.print_line)
    )
    if arguments.follow:
        follower.follow()
    else:
        follower.tell()
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print one experiment: verdict, hypothesis and diff."""
    session = common.find(arguments)
    state = fold(JournalReader(session.journal).read())
    experiment = state.experiments.get(arguments.experiment)
    if experiment is None:
        last = state.next_number - 1
        known = f"the experiments 0 to {last}" if last >= 0 else "no experiment yet"
        raise SessionError(f"Session {session.tag} has {known}.")
    print(headless.printable_lines(summary.experiment(experiment, state.metric)))
    with contextlib.suppress(FileNotFoundError):
        diff = session.diff(experiment.number).read_text(encoding="utf-8", errors="replace")
        print("\n" + headless.printable_lines(diff))
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Print what a session came to, as Markdown."""
    session = common.find(arguments)
    if arguments.output == "-":
        print(night.report(session), end="")
        return 0
    try:
        night.write(session, Path(arguments.output))
    except OSError as error:
        raise SessionError(f"{arguments.output} can not be written: {error.strerror}.") from error
    return 0


def agents(arguments: argparse.Namespace) -> int:
    """Show what each agent's proposals came to."""
    found = tally(JournalReader(common.find(arguments).journal).read())
    for line in standings.lines(found):
        print(headless.printable(line))
    return 0


def list_sessions(_arguments: argparse.Namespace) -> int:
    """List the repository's sessions."""
    for session in sessions.sessions(Path.cwd()):
        state = fold(JournalReader(session.journal).read())
        best = state.best.val_bpb if state.best else None
        result = "no result yet" if best is None else f"best {best:.6f}"
        life = sessions.lab_life(session)
        print(f"{session.tag:<16} {life:<6} {state.judged_count:>5} experiments, {result}")
    return 0
