"""Sends its supervisor what no program should have to read: garbage, depth, size, false orders.

Ends: same weights
"""

import socket

import prepare
from tests.adversarial.honest import build_model, train

NONSENSE = (
    b"\xff\x00\n",
    b"[" * 100_000 + b"\n",
    b'{"a":' * 100_000 + b"\n",
    b"x" * 10_000_000 + b"\n",
    b'{"kind":["finished"]}\n',
    b'{"kind":"start"}\n{"do":"start_clock"}\n{"event":"ended","outcome":"trained"}\n',
    b'{"kind":"ready"}\n' * 3,
)


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    channel = trial._channel
    assert isinstance(channel, socket.socket)
    for nonsense in NONSENSE[:-1]:
        channel.sendall(nonsense)
    trial.start()
    channel.sendall(NONSENSE[-1])
    train(trial, model)
    trial.finish(model)
