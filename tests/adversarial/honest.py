"""An honest small train.py, which each case of `cases/` changes in what it cheats with.

A case imports what it builds on from here; the runner puts this text in place of that import and
`main()` at the end, so that what runs is one file. Later definitions win: a case that defines
`build_model`, `train` or `main` replaces the one below.

It takes a fixed number of steps on rows in the seed's order, so that with one thread the same seed
gives the same weights, and a cheat that had no effect the same `val_bpb`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

import prepare

WIDTH = 32
STEPS = 60
ROWS = 16  # of a step
LEARNING_RATE = 0.02


class Honest(nn.Module):
    """One layer of causal attention: tokens [B, T] in, logits [B, T, V] out."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(prepare.vocabulary_size(), WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.head = nn.Linear(WIDTH, prepare.vocabulary_size())
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def mix(self, x: Tensor) -> Tensor:
        """Let each position of x [B, T, WIDTH] see those before it."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """Predict the token after each position."""
        x = self.embedding(tokens)
        return self.head(x + self.mix(x))


def build_model() -> nn.Module:
    return Honest()


def learn(model: nn.Module, rows: Tensor, rate: float = LEARNING_RATE) -> Tensor:
    """Take one step on rows [B, T + 1]; return the loss.

    Each weight moves by `rate` against the sign of its gradient. The optimizers of torch would do
    better, and take a second to import.
    """
    loss = functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(rate * parameter.grad.sign())
    return loss.detach()


def train(trial: prepare.Trial, model: nn.Module) -> None:
    """Take the steps, all on rows that the trial hands out."""
    for step in range(STEPS):
        inputs, targets = trial.batch(ROWS)
        rows = torch.cat([inputs[:, :1], targets], dim=1)
        trial.log(loss=learn(model, rows, LEARNING_RATE * (1 - step / STEPS)))


def main() -> None:
    trial = prepare.open_trial()
    model = build_model()
    trial.start()
    train(trial, model)
    trial.finish(model)
