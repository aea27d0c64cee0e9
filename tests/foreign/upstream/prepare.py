"""Text, constants and the score: what an experiment leaves alone. Once: `python prepare.py`."""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

TIME_BUDGET = 0.1  # seconds of training
EVAL_BYTES = 2000  # scored at the end
CACHE = Path("~/.cache/autoresearch").expanduser()
WORDS = ("the", "a", "of", "model", "loss", "step", "learns", "tokens", "rate", "falls", "slowly")


def make_text(path: Path, words: int, seed: int) -> None:
    """Write some words that repeat themselves."""
    chosen = random.Random(seed).choices(WORDS, k=words)
    path.write_text(" ".join(chosen))


def text(split: str) -> bytes:
    """Return the text to train on or to score."""
    return (CACHE / f"{split}.txt").read_bytes()


def evaluate_bpb(probability: Callable[[int, int], float]) -> float:
    """Return the bits that a model wants for a byte, given the byte before it."""
    data = text("val")[:EVAL_BYTES]
    nats = -sum(math.log(probability(before, byte)) for before, byte in pairwise(data))
    return nats / math.log(2) / (len(data) - 1)


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    make_text(CACHE / "train.txt", 20_000, seed=1)
    make_text(CACHE / "val.txt", 2_000, seed=2)
