"""Goes on training in a hook that Python calls when the script has ended.

Ends: same weights
"""

import atexit

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
    trial.finish(model)
    atexit.register(go_on, trial, model, rows)
