"""Goes on training in a thread after its end was told.

Ends: same weights
"""

import threading

import torch
from safetensors.torch import save_model
from torch import Tensor, nn

import prepare
from tests.adversarial.honest import build_model, learn, train


def go_on(trial: prepare.Trial, model: nn.Module, rows: Tensor) -> None:
    """Train far beyond the end, and put the better weights in place of those that were saved."""
    for step in range(200):
        learn(model, rows, 0.01)
        if step % 20 == 19:
            save_model(model, str(trial.folder / "better"))
            (trial.folder / "better").replace(trial.folder / "weights.safetensors")


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    inputs, targets = trial.batch(256)
    rows = torch.cat([inputs[:, :1], targets], dim=1)
    after = threading.Event()

    def wait() -> None:
        after.wait()
        go_on(trial, model, rows)

    threading.Thread(target=wait).start()
    trial.finish(model)
    after.set()
