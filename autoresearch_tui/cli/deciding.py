"""Subcommands of a person who is asked: approve, reject, edit, send back."""

import argparse
import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from autoresearch_tui import headless
from autoresearch_tui.control import client, messages
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.report import summary
from autoresearch_tui.session import SessionError
from autoresearch_tui.syntax import syntax_trouble

if TYPE_CHECKING:
    from autoresearch_tui.tui.editor import Draft
from autoresearch_tui.cli import common


def approve(arguments: argparse.Namespace) -> int:
    """Let the waiting experiment run."""
    waiting, by = _shown_waiting(arguments), client.sender()
    number = arguments.experiment if waiting is None else waiting.number
    # What is approved is the version that was printed, and no later one.
    commit = None if waiting is None else waiting.commit
    if arguments.all:
        command = messages.SetApproval(by=by, mode="auto", experiment=number, commit=commit)
        return common.tell(arguments, command)
    return common.tell(arguments, messages.Approve(by=by, experiment=number, commit=commit))


def _shown_waiting(arguments: argparse.Namespace) -> Experiment | None:
    """Print what waits for a decision, and return it; none where it is not what was asked about."""
    waiting = common.state(arguments).waiting
    if waiting is None or arguments.experiment not in (None, waiting.number):
        return None
    size = f"+{waiting.lines_added} -{waiting.lines_removed}"
    edited = f", changed by {waiting.amended_by}" if waiting.amended_by else ""
    told = f"#{waiting.number} {waiting.title} [{size}], from #{waiting.parent}{edited}"
    print(headless.printable(told))
    for mark in waiting.marks:
        print(headless.printable(f"! {mark}"))
    return waiting


def permit(*, allowed: bool) -> Callable[[argparse.Namespace], int]:
    """Return the subcommand that answers what an agent asks to be allowed."""

    def run(arguments: argparse.Namespace) -> int:
        asked, number = common.state(arguments).asked, arguments.request
        if asked is not None and number in (None, asked.request):
            # What is answered is the request that was printed, and no later one.
            number = asked.request
            for line in summary.request(asked):
                print(headless.printable(line))
        if number is None:
            raise SessionError("No agent asks to be allowed anything.")
        command = messages.Permit(by=client.sender(), request=number, allowed=allowed)
        return common.tell(arguments, command)

    return run


def ask(arguments: argparse.Namespace) -> int:
    """Have every edit wait for a person from here on."""
    return common.tell(arguments, messages.SetApproval(by=client.sender(), mode="ask"))


def send_back(arguments: argparse.Namespace) -> int:
    """Refuse the waiting experiment, and say what instead."""
    waiting = _shown_waiting(arguments)
    number = arguments.experiment if waiting is None else waiting.number
    text = common.text(" ".join(arguments.text))
    return common.tell(
        arguments, messages.SendBack(by=client.sender(), experiment=number, text=text)
    )


def edit(arguments: argparse.Namespace) -> int:
    """Change the waiting experiment in your editor."""
    from autoresearch_tui.tui.editor import Draft, EditorError  # noqa: PLC0415

    session, waiting = common.find(arguments), _shown_waiting(arguments)
    if waiting is None:
        raise SessionError("No such experiment waits for approval, so there is nothing to edit.")
    try:
        train = session.train_file(waiting.number).read_bytes().decode()
        draft = Draft(f"{waiting.number:04d}-train.py", train)
        if not _edit_draft(draft):
            draft.discard()
            print(f"#{waiting.number} is as it was.")
            return 0
        after = draft.text()
    except (EditorError, OSError, UnicodeDecodeError) as error:
        raise SessionError(f"#{waiting.number} is as it was: {error}") from error
    change = difflib.unified_diff(train.splitlines(), after.splitlines(), lineterm="", n=1)
    print("\n".join(headless.printable(line) for line in [*change][2:]))
    command = messages.Amend(
        by=client.sender(), experiment=waiting.number, commit=waiting.commit, train=after
    )
    kept = f"What you wrote is kept. Queue it with: autoresearch try {draft.path}"
    try:
        code = common.tell(arguments, command)
    except client.LabUnreachable as error:
        raise client.LabUnreachable(f"{error}. {kept}") from error
    if code:
        print(kept)
    else:
        draft.discard()
        print(f"Let it run with: autoresearch approve {waiting.number}")
    return code


def _edit_draft(draft: "Draft") -> bool:
    """Have the person edit until it parses; return whether anything is to be sent."""
    from autoresearch_tui.tui import editor  # noqa: PLC0415

    while True:
        editor.run(draft.path, os.environ)
        after = draft.text()
        if after == draft.before:
            return False
        trouble = syntax_trouble(after)
        if trouble is None:
            return True
        try:
            answer = input(f"It can not run so: {trouble}. Edit it again? [Y/n] ")
        except EOFError:
            answer = "n"
        if answer.strip().lower().startswith("n"):
            return False


def program(arguments: argparse.Namespace) -> int:
    """Print program.md, your instructions to the agent."""
    from autoresearch_tui.tui import editor  # noqa: PLC0415

    path = Path(common.state(arguments).repository) / "program.md"
    try:
        if arguments.edit:
            editor.run(path, os.environ)
            print("The agent reads it anew for each proposal, from the next one on.")
            return 0
        text = path.read_text(encoding="utf-8", errors="replace")
    except (editor.EditorError, OSError) as error:
        raise SessionError(f"{path}: {error}") from error
    print(headless.printable_lines(text.rstrip()))
    return 0


def reject(arguments: argparse.Namespace) -> int:
    """Refuse the waiting experiment."""
    command = messages.Reject(
        by=client.sender(), experiment=arguments.experiment, reason=arguments.reason
    )
    return common.tell(arguments, command)
