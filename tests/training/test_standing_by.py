"""A training or an evaluator that stands by for its run, warm and bound to its starter."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.bigram import HONEST, MakeRun, bigram, measured_here
from tests.training.conftest import ROOT


class Waiting:
    """A process that stands by, and the other end of its socket."""

    def __init__(self, folder: Path, *arguments: object, **environment: str) -> None:
        self.channel, theirs = socket.socketpair()
        number = str(theirs.fileno())
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "prepare.py", *map(str, arguments)],
                cwd=folder,
                env={**os.environ, "AUTORESEARCH_STANDBY_FD": number, **environment},
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.channel.recv(64) == b'{"kind":"warm"}\n'

    def go(self) -> None:
        self.channel.sendall(b'{"kind":"go"}\n')

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate()  # returns when no process holds it any more
        self.channel.close()
        return self.process.returncode, output


def test_an_evaluator_that_stands_by_needs_its_run_only_later(
    make_run: MakeRun, data: Path, tmp_path: Path
) -> None:
    folder = make_run(bigram(HONEST))
    expected = measured_here(folder, data)["val_bpb"]
    folder.rename(tmp_path / "later")
    folder.mkdir()
    waiting = Waiting(tmp_path, "evaluate", folder, "--out", tmp_path / "answer.json")
    for file in (tmp_path / "later").iterdir():
        file.rename(folder / file.name)
    waiting.go()
    assert waiting.end()[0] == 0
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["val_bpb"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("command", ["evaluate", "stand-by"])
def test_who_stands_by_ends_with_its_starter(tmp_path: Path, command: str) -> None:
    waiting = Waiting(tmp_path, command, tmp_path)
    waiting.channel.close()
    assert waiting.end()[0] == 0
    assert not list(tmp_path.iterdir())


def test_a_training_that_stood_by_is_as_if_started_by_hand(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, "stand-by", AUTORESEARCH_STANDBY_DEVICE="cpu")
    (tmp_path / "helper.py").write_text("word = 'beside'")
    (tmp_path / "train.py").write_text(
        "import helper, os, prepare, sys\n"
        "print(__name__, sys.argv, helper.word, prepare.open_trial.__module__)\n"
        "print([name for name in os.environ if 'STANDBY' in name])\n"
        "sys.exit(7)"
    )
    waiting.go()
    assert waiting.end() == (7, "__main__ ['train.py'] beside __main__\n[]\n")
