"""Trains on what is handed out before the clock starts, as long as it likes.

Those tokens are random numbers, which teach nothing about text.

Ends: no better
"""

import torch

import prepare
from tests.adversarial.honest import ROWS, build_model, learn, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    for _ in range(200):
        inputs, targets = trial.batch(ROWS)
        learn(model, torch.cat([inputs[:, :1], targets], dim=1))
    trial.start()
    train(trial, model)
    trial.finish(model)
