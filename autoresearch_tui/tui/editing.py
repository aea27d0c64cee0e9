"""Edits by the person: the app steps aside for `$EDITOR`, and takes up what it left."""

import os
from pathlib import Path

from textual import work
from textual.app import SuspendNotSupported

from autoresearch_tui.control import client, messages
from autoresearch_tui.control.messages import Amend, WritePage
from autoresearch_tui.record.state import Experiment
from autoresearch_tui.syntax import syntax_trouble
from autoresearch_tui.tui import editor
from autoresearch_tui.tui.commanding import Answered, Commanding
from autoresearch_tui.tui.editor import Draft, EditorError
from autoresearch_tui.tui.screens.dialogs import ChoiceScreen
from autoresearch_tui.tui.text import one_line


class Editing(Commanding):
    """An app whose person may edit files in the terminal."""

    def edit_experiment(self, experiment: Experiment) -> None:
        """Have the person change an edit that waits, and give what they made of it to the lab."""
        number, commit = experiment.number, experiment.commit
        try:
            train = self.session.train_file(number).read_bytes().decode()
            draft = Draft(f"{number:04d}-{Path(self.night.state.edited_file).name}", train)
        except (OSError, UnicodeDecodeError) as error:
            self.say(f"#{number} can not be edited: its file can not be read ({error})", "bad")
            return
        except EditorError as error:
            self.say(str(error), "bad")
            return
        self._edit_draft(draft, number, commit)

    def _edit_draft(self, draft: Draft, number: int, commit: str) -> None:
        if not self.run_editor(draft.path):
            self._keep_if_changed(draft)
            return
        try:
            after = draft.text()
        except EditorError as error:
            self.say(str(error), "bad")
            return
        if after == draft.before:
            draft.discard()
            self.say(f"#{number} is as it was: nothing was changed in the editor", "warn")
        elif trouble := syntax_trouble(after):
            self._offer_again(draft, number, commit, trouble)
        else:
            command = Amend(by=client.sender(), experiment=number, commit=commit, train=after)
            self._hand_in(draft, command, f"Yours is kept: autoresearch try {draft.path}")

    def _offer_again(self, draft: Draft, number: int, commit: str, trouble: str) -> None:
        def decide(answer: str | None) -> None:
            match answer:
                case "e":
                    self._edit_draft(draft, number, commit)
                case "d":
                    draft.discard()
                    self.say(f"#{number} is as it was", "warn")
                case _:
                    self._keep_if_changed(draft)

        choices = {"e": "edit it again", "d": "drop what was changed"}
        screen = ChoiceScreen(f"#{number} can not run so", _sentence(trouble), choices)
        self.push_screen(screen, decide)

    def _keep_if_changed(self, draft: Draft) -> None:
        """Leave what a person wrote where it is, and say where."""
        try:
            changed = draft.text() != draft.before
        except EditorError:
            return
        if changed:
            self.say(f"What you wrote is kept in {draft.path}", "warn")
        else:
            draft.discard()

    def edit_page(self) -> None:
        """Have the person change the agents' page of notes, and give it to the lab."""
        number = self.night.state.page
        try:
            draft = Draft("notes.md", self.night.page())
        except EditorError as error:
            self.say(str(error), "bad")
            return
        if not self.run_editor(draft.path):
            self._keep_if_changed(draft)
            return
        try:
            after = draft.text()
        except EditorError as error:
            self.say(str(error), "bad")
            return
        if after == draft.before:
            draft.discard()
            self.say("The notes are as they were: nothing was changed in the editor", "warn")
            return
        command = WritePage(by=client.sender(), text=after, page=number)
        self._hand_in(draft, command, f"Yours is kept: autoresearch note --file {draft.path}")

    @work(thread=True)
    def _hand_in(self, draft: Draft, command: Amend | WritePage, kept: str) -> None:
        """Give what was written to the lab; where it does not take it, the file is `kept`."""
        if len(messages.encode(command)) >= messages.LINE_LIMIT_BYTES:
            self.post_message(Answered(f"It is too large to be sent. {kept}", "bad"))
            return
        try:
            reply = client.send(self.session.socket, command)
        except client.LabUnreachable as error:
            self.post_message(Answered(f"Not done: {error}. {kept}", "bad"))
            return
        if reply.ok:
            draft.discard()
            self.post_message(Answered(one_line(reply.detail), "good"))
        else:
            self.post_message(Answered(f"{one_line(reply.detail)}. {kept}", "bad"))

    def run_editor(self, path: Path) -> bool:
        """Give the terminal to the person's editor until it ends; return whether it went well."""
        try:
            with self.suspend():
                editor.run(path, os.environ)
        except SuspendNotSupported:
            self.say("This terminal can not be given to an editor; use: autoresearch edit", "bad")
            return False
        except EditorError as error:
            self.say(str(error), "bad")
            return False
        return True


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{one_line(clause[1:])}."
