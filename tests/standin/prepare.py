"""A referee without torch, for tests of the lab: the trial's protocol, and a score in closed form.

It speaks exactly as the real prepare.py does to its supervisor and to the lab; a "model" is a
dictionary of constants, and its val_bpb a function of them.
"""

import argparse
import importlib.util
import json
import math
import os
import runpy
import socket
import sys
import time
from pathlib import Path

DATA = Path(__file__).resolve().parent / "rows"
OPTIMUM = {"LEARNING_RATE": 0.02, "WIDTH": 96}


class Trial:
    """The clock, as a training process sees it."""

    def __init__(self) -> None:
        self.folder = Path(os.environ["AUTORESEARCH_RUN_DIR"])
        self.settings = json.loads((self.folder / "trial.json").read_text())
        self.seed = self.settings["seed"]
        self.channel = socket.socket(fileno=int(os.environ["AUTORESEARCH_TRIAL_FD"]))
        self.steps = 0

    def start(self) -> None:
        self.channel.sendall(b'{"kind":"ready"}\n')
        message, fds, _, _ = socket.recv_fds(self.channel, 1024, 1)
        if not message:
            sys.exit("the supervisor is gone")
        self.rows = os.fdopen(fds[0], "rb").read()
        self.started = time.monotonic()

    @property
    def running(self) -> bool:
        self.steps += 1
        return time.monotonic() - self.started < self.settings["budget_s"]

    def finish(self, model: dict[str, float]) -> None:
        temporary = self.folder / "weights.tmp"
        temporary.write_text(json.dumps(model))
        temporary.replace(self.folder / "weights.safetensors")
        line = {"kind": "finished", "tokens": 10 * self.steps, "steps": self.steps}
        self.channel.sendall(json.dumps(line).encode() + b"\n")
        time.sleep(60)  # The supervisor ends what has finished.


def open_trial() -> Trial:
    trial = Trial()
    trial.channel.sendall(b'{"kind":"opened"}\n')
    return trial


def score(model: dict[str, float]) -> float:
    distance = sum(math.log(model[name] / best) ** 2 for name, best in OPTIMUM.items())
    return 1.0 + 0.1 * distance


def evaluate(folder: Path) -> dict[str, object]:
    spec = importlib.util.spec_from_file_location("train", folder / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    weights = json.loads((folder / "weights.safetensors").read_text())
    if weights != module.build_model():
        return {"valid": False, "reason": "the weights are not those of the model"}
    return {"valid": True, "reason": None, "val_bpb": score(weights), "seconds": 0.0}


def stand_by() -> None:
    number = os.environ.pop("AUTORESEARCH_STANDBY_FD", None)
    if number is None:
        return
    with socket.socket(fileno=int(number)) as channel:
        channel.sendall(b'{"kind":"warm"}\n')
        if not channel.recv(1024):
            sys.exit(0)


def train_after_stand_by() -> None:
    stand_by()
    sys.modules["prepare"] = sys.modules[__name__]
    sys.path[0] = str(Path.cwd())
    runpy.run_path("train.py", run_name="__main__")


def describe(*, prepared: bool) -> dict[str, object]:
    data = {"name": "standin", "profile": "small", "fingerprint": "f00d", "folder": str(DATA)}
    return {
        "device": "cpu",
        "torch": "0",
        "python": "3",
        "gpu": None,
        "gpu_memory_mb": 0,
        "cpu": "stand-in",
        "cores": 1,
        "profile": "small",
        "data": data if prepared else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", nargs="?")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--profile")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--confine", action="append")
    arguments = parser.parse_args()
    rows = DATA / "train.rows"
    match arguments.command:
        case "describe":
            print(json.dumps(describe(prepared=rows.exists())))
        case "stand-by":
            train_after_stand_by()
        case "evaluate":
            stand_by()
            arguments.out.write_text(json.dumps(evaluate(arguments.folder)))
        case _:
            DATA.mkdir(exist_ok=True)
            rows.write_bytes(b"\x00\x01")


if __name__ == "__main__":
    main()
