"""Saves the weights of a model that is not the one of its build_model.

Ends: invalid
Reason: The saved weights do not fit the model of build_model
"""

import torch
from torch import nn

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    trial.finish(nn.Sequential(model, nn.Linear(3, 3)))
    assert torch
