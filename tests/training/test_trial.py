"""The trial: exact token budgets, the summary of a run by hand, the protocol of a lab."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import prepare
from tests.training.conftest import ROOT

Train = Callable[..., subprocess.CompletedProcess[str]]

RUN_DIR, TRIAL_FD = "AUTORESEARCH_RUN_DIR", "AUTORESEARCH_TRIAL_FD"
SCRIPT = """
import prepare, torch

def build_model():
    return torch.nn.Embedding(prepare.vocabulary_size(), prepare.vocabulary_size())

if __name__ == "__main__":
    trial = prepare.open_trial()
    warm, _ = trial.batch(3)
    assert warm.shape == (3, trial.row_length) and trial.tokens == 0 and not trial.running
    model = build_model()
    trial.start()
    for inputs, targets in trial.batches(4):
        assert 0 < trial.progress <= 1
        trial.log(loss=torch.tensor(1.5))
    trial.finish(model)
"""


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def test_a_token_budget_gives_the_same_weights_twice(train: Train, tmp_path: Path) -> None:
    weights: list[bytes] = []
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        done = train(name, AUTORESEARCH_BUDGET_TOKENS="1500", AUTORESEARCH_SEED=seed)
        assert done.returncode == 0, done.stderr
        weights.append((only_run(tmp_path / name) / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_by_hand_the_summary_is_the_evaluators(train: Train, tmp_path: Path) -> None:
    done = train("run", AUTORESEARCH_BUDGET_S="1")
    assert done.returncode == 0, done.stderr
    block = done.stdout.split("---\n")[1].splitlines()
    keys = ["val_bpb", "training_seconds", "total_seconds", "peak_vram_mb", "mfu_percent"]
    keys += ["total_tokens_M", "num_steps", "num_params_M", "depth"]
    assert [line.split(":")[0] for line in block] == keys
    assert all(re.fullmatch(r"\w+: +[\d.]+", line) and line[18] != " " for line in block)
    folder = only_run(tmp_path / "run")
    answer = json.loads((folder / "evaluation.json").read_text())
    assert answer["valid"]
    assert block[0] == f"val_bpb:          {answer['val_bpb']:.6f}"
    again = prepare.evaluate(folder)
    assert again["val_bpb"] == pytest.approx(answer["val_bpb"], rel=1e-6)


def test_without_data_the_way_to_it_is_told(train: Train, tmp_path: Path) -> None:
    done = train("run", AUTORESEARCH_DATA=str(tmp_path / "nothing"))
    assert done.returncode != 0
    assert "python prepare.py" in done.stderr


class Supervised:
    """A run of SCRIPT under a supervisor's end of the socket."""

    def __init__(self, folder: Path, data: Path, **settings: object) -> None:
        self.data = data
        self.folder = folder / "supervised"
        self.folder.mkdir()
        shutil.copy(ROOT / "prepare.py", self.folder)
        (self.folder / "train.py").write_text(SCRIPT)
        trial = {"data": str(data), "device": "cpu", "seed": 3, "budget_s": None}
        (self.folder / "trial.json").write_text(
            json.dumps(trial | {"budget_tokens": 1000, **settings})
        )
        self.channel, theirs = socket.socketpair()
        number = theirs.fileno()
        environment = {**os.environ, RUN_DIR: str(self.folder), TRIAL_FD: str(number)}
        self.process = subprocess.Popen(
            [sys.executable, "train.py"],
            cwd=self.folder,
            env=environment,
            pass_fds=[number],
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        self.lines = self.channel.makefile("r")

    def receive(self) -> dict[str, object]:
        return json.loads(self.lines.readline())

    def start(self) -> None:
        rows = os.open(self.data / "train.rows", os.O_RDONLY)
        socket.send_fds(self.channel, [b'{"kind":"start"}\n'], [rows])
        os.close(rows)

    def end(self) -> str:
        self.lines.close()
        self.channel.close()
        assert self.process.stderr is not None
        text = "" if self.process.stderr.closed else self.process.communicate()[1]
        self.process.wait()
        return text


@pytest.fixture
def supervised(tmp_path: Path, data: Path) -> Iterator[Supervised]:
    run = Supervised(tmp_path, data)
    yield run
    run.process.kill()
    run.end()


def test_under_a_lab_rows_come_with_the_clock(supervised: Supervised) -> None:
    assert supervised.receive() == {"kind": "opened"}
    assert supervised.receive() == {"kind": "ready"}
    supervised.start()
    tokens = 1000 // 32 * 32
    finished = supervised.receive()
    assert finished == {**finished, "kind": "finished", "tokens": tokens, "steps": 8}
    assert (supervised.folder / "weights.safetensors").is_file()
    assert not list(supervised.folder.glob("*.tmp"))
    assert supervised.end() == ""
    assert supervised.process.returncode == 0
    metrics_file = supervised.folder / "metrics.jsonl"
    metrics = [json.loads(x) for x in metrics_file.read_text().splitlines()]
    assert metrics[0] == {**metrics[0], "step": 1, "tokens": 128, "loss": 1.5}


def test_a_run_ends_with_its_supervisor(supervised: Supervised) -> None:
    assert supervised.receive() == {"kind": "opened"}
    assert supervised.receive() == {"kind": "ready"}
    assert "supervisor of this run is gone" in supervised.end()
    assert supervised.process.returncode == 1


def test_a_start_without_rows_is_refused(supervised: Supervised) -> None:
    supervised.receive()
    supervised.channel.sendall(b'{"kind":"start"}\n')
    supervised.process.wait()
    assert "in place of a start" in supervised.end()
