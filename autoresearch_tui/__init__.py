"""Autonomous machine-learning research on one GPU, watched and steered from a terminal."""

__version__ = "0.1.0"
