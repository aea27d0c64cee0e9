"""Replaces Python's clocks, prepare.py's own included, by ones that run at a fifth of the speed.

Ends: invalid
Reason: it took .* s more than its budget, and 0.5 s are allowed
Budget: 0.3
"""

import time

import prepare
from tests.adversarial.honest import build_model, train

BEGAN_S, REAL = time.monotonic(), time.monotonic


def slow() -> float:
    return BEGAN_S + (REAL() - BEGAN_S) / 5


time.time = time.monotonic = time.perf_counter = slow
prepare._monotonic = slow


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    while trial.running:
        time.sleep(0.1)
    train(trial, model)
    trial.finish(model)
