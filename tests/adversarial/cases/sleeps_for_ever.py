"""Sleeps for ever with its clock running.

Ends: timeout
Reason: it did not finish within 5 s after its 0.3 s
Budget: 0.3
Lane: idle
"""

import time

import prepare


def main() -> None:
    trial = prepare.open_trial()
    trial.start()
    time.sleep(600)
