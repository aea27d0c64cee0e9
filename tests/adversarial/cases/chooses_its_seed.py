"""Asks for a seed of its own in every way that there is, once its model is made.

First weights are the script's to choose; the order of the rows is not, and comes from the trial's
own generator.

Ends: same weights
"""

import os
import random

import numpy as np
import torch

import prepare
from tests.adversarial.honest import build_model, train


def main() -> None:
    os.environ["AUTORESEARCH_SEED"] = "1"
    prepare.DEFAULT_SEED = 1
    trial = prepare.open_trial()
    model = build_model()
    trial.seed = 1
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    trial.start()
    train(trial, model)
    trial.finish(model)
