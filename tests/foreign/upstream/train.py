"""Counts which byte follows which, for a fixed time: `uv run train.py`. The file to change."""

import time
from itertools import pairwise

from prepare import TIME_BUDGET, evaluate_bpb, text

PAIR_SHARE = 0.5  # how much the last byte counts against none
SMOOTHING = 10.0  # added to every count
BATCH_BYTES = 2**12  # bytes a step
COUNTS_EMA = 0.9  # of the counts that a step keeps
DEPTH = 1  # bytes looked back at

t_start = time.time()
data = text("train")
singles = [SMOOTHING] * 256
pairs = [[SMOOTHING] * 256 for _ in range(256)]

step, tokens, at, t_loop = 0, 0, 0, time.time()
while time.time() - t_loop < TIME_BUDGET:
    batch = data[at : at + BATCH_BYTES]
    at = (at + BATCH_BYTES) % (len(data) - BATCH_BYTES)
    for before, byte in pairwise(batch):
        singles[byte] += 1.0
        pairs[before][byte] += 1.0
    singles = [COUNTS_EMA * count for count in singles]
    step, tokens = step + 1, tokens + len(batch)
    share = (time.time() - t_loop) / TIME_BUDGET
    print(
        f"\rstep {step:05d} ({100 * share:.1f}%) | loss: {max(singles) / sum(singles):.6f} | "
        f"lrm: {1 - min(1, share):.2f} | dt: 1ms | tok/sec: {tokens:,} | epoch: 1    ",
        end="",
        flush=True,
    )
print()

training_seconds = time.time() - t_loop
totals, total = [sum(row) for row in pairs], sum(singles)


def probability(before: int, byte: int) -> float:
    """Return how likely a byte is after another one."""
    pair = pairs[before][byte] / totals[before]
    return PAIR_SHARE * pair + (1 - PAIR_SHARE) * singles[byte] / total


val_bpb = evaluate_bpb(probability)

print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {training_seconds:.1f}")
print(f"total_seconds:    {time.time() - t_start:.1f}")
print(f"peak_vram_mb:     {0.0:.1f}")
print(f"mfu_percent:      {0.0:.2f}")
print(f"total_tokens_M:   {tokens / 1e6:.1f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {256 * 257 / 1e6:.1f}")
print(f"depth:            {DEPTH}")
