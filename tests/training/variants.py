"""Small models to try the probe on: honest ones drawn at random, and ones that see what comes.

All are language models of rows of `LENGTH` tokens out of `VOCABULARY`. Honest ones mix positions in
every causal way that is common; leaking ones are an honest model with one thing wrong.
"""

import copy
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import prepare

LENGTH, VOCABULARY, WIDTH = 64, 64, 32
BOS = VOCABULARY - 1
ROWS, BATCH = 160, 16
NOISE_LIMIT_NATS = prepare.NOISE_LIMIT_NATS["cpu"]

Mix = Callable[[int], nn.Module]


def sample_rows() -> tuple[Tensor, Tensor]:
    """Rows [ROWS, LENGTH + 1] of a random language, and the bytes of its tokens."""
    generator = torch.Generator().manual_seed(1)
    follow = torch.rand(VOCABULARY - 1, VOCABULARY - 1, generator=generator) ** 12
    rows = [torch.full((ROWS,), BOS), torch.randint(VOCABULARY - 1, (ROWS,), generator=generator)]
    while len(rows) < LENGTH + 1:
        rows.append(torch.multinomial(follow[rows[-1]], 1, generator=generator)[:, 0])
    sizes = torch.randint(1, 5, (VOCABULARY,), generator=generator)
    sizes[BOS] = 0
    return torch.stack(rows, 1), sizes


def ask_of(logits: prepare.Logits) -> prepare.Ask:
    """What the scorer asks, answered in this process."""

    def ask(inputs: Tensor, targets: Tensor) -> Tensor:
        pairs = zip(logits(inputs).float(), targets, strict=True)
        return torch.stack([prepare.cross_entropy(*pair) for pair in pairs])

    return ask


def measure(model: nn.Module, rows: Tensor, sizes: Tensor) -> dict[str, Any]:
    """Measure two copies of a model as the evaluator does; raises InvalidRun."""
    processes = [torch.inference_mode()(copy.deepcopy(model).eval()) for _ in range(2)]
    asks = ask_of(processes[0]), ask_of(processes[1])
    return prepare.measure(asks, rows, sizes, BATCH, NOISE_LIMIT_NATS)


def train(model: nn.Module, rows: Tensor, dice: random.Random, steps: int) -> None:
    """Take a few steps with some optimizer; attention and mixing become what matters."""
    kinds: list[Callable[..., torch.optim.Optimizer]] = [
        torch.optim.AdamW, torch.optim.NAdam, torch.optim.RMSprop, torch.optim.Adagrad,
        lambda p, lr: torch.optim.SGD(p, lr=30 * lr, momentum=0.9),
    ]  # fmt: skip
    optimizer = dice.choice(kinds)(model.parameters(), lr=10 ** dice.uniform(-3, -1.7))
    model.train()
    for _ in range(steps):
        part = rows[torch.tensor(dice.sample(range(len(rows)), 16))]
        logits = model(part[:, :-1]).float()
        functional.cross_entropy(
            logits[..., :-1].flatten(0, 1), part[:, 1:].flatten() % BOS
        ).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


# -- Ways to mix positions: x [B, T, width] -> [B, T, width]. With ahead = 0 each is causal.


class Attention(nn.Module):
    """Heads that see `window` positions back, and `ahead` positions ahead in some heads."""

    def __init__(
        self, width: int, heads: int = 4, window: int = LENGTH, ahead: int = 0, faulty: int = 99
    ) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        back = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
        honest = (back >= 0) & (back < window)
        wrong = (back >= -ahead) & (back < window)
        mask = torch.stack([wrong if head < faulty else honest for head in range(heads)])
        self.mask = nn.Buffer(mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        return self.out(y.transpose(1, 2).flatten(2))


class Convolution(nn.Module):
    """A convolution over time that sees `ahead` positions ahead."""

    def __init__(self, width: int, kernel: int = 3, dilation: int = 1, ahead: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel, dilation=dilation, groups=width)
        self.pad = (dilation * (kernel - 1) - ahead, ahead)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x.transpose(1, 2), self.pad)).transpose(1, 2)


class Recurrence(nn.Module):
    """A GRU, in one direction or in two."""

    def __init__(self, width: int, both: bool = False) -> None:
        super().__init__()
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=both)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x)[0].unflatten(2, (-1, x.shape[2])).sum(2)


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Experts(nn.Module):
    """Each token goes through its best expert; or each expert chooses its tokens of a row."""

    def __init__(self, width: int, experts_choose: bool = False) -> None:
        super().__init__()
        self.route = nn.Linear(width, 4)
        self.experts = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        self.experts_choose = experts_choose

    def forward(self, x: Tensor) -> Tensor:
        score = self.route(x).softmax(2)
        if self.experts_choose:
            chosen = torch.zeros_like(score).scatter(1, score.topk(LENGTH // 4, 1).indices, 1.0)
        else:
            chosen = functional.one_hot(score.argmax(2), 4)
        parts = [expert(x) for expert in self.experts]
        return (torch.stack(parts, 3) * (score * chosen)[:, :, None]).sum(3)


class Decay(nn.Module):
    """A moving average of the past whose weights fall off at a learnt speed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.speed = nn.Parameter(torch.zeros(width))
        back = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
        self.back = nn.Buffer(back.clamp(min=0), persistent=False)
        self.past = nn.Buffer((back >= 0).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.exp(-functional.softplus(self.speed)[:, None, None] * self.back) * self.past
        return torch.einsum("cts,bsc->btc", weights.to(x.dtype), x) / 4


def cumulative_mean(x: Tensor) -> Tensor:
    """The mean of all positions so far."""
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None].to(x.dtype)


def shifted(x: Tensor, by: int = 1) -> Tensor:
    """What stood `by` positions before; after, where that is negative."""
    return functional.pad(x, (0, 0, by, -by))


# -- The model


class Model(nn.Module):
    """Blocks of one way to mix positions and one MLP each, between embedding and head."""

    def __init__(
        self,
        mixes: list[nn.Module],
        width: int = WIDTH,
        dropout: float = 0.0,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        act: Callable[[Tensor], Tensor] = functional.gelu,
        cap: float = 0.0,
        never_bos: bool = False,
        autocast: bool = False,
    ) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        self.mixes = nn.ModuleList(mixes)
        self.norms = nn.ModuleList(norm(width) for _ in range(2 * len(mixes)))
        self.up = nn.ModuleList(nn.Linear(width, 2 * width) for _ in mixes)
        self.down = nn.ModuleList(nn.Linear(2 * width, width) for _ in mixes)
        self.dropout, self.act = nn.Dropout(dropout), act
        self.head = nn.Linear(width, VOCABULARY)
        self.cap, self.never_bos, self.autocast = cap, never_bos, autocast

    def forward(self, tokens: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            x = self.embedding(tokens) + self.place.weight
            norms = iter(self.norms)
            for mix, up, down in zip(self.mixes, self.up, self.down, strict=True):
                x = x + self.dropout(mix(next(norms)(x)))
                x = x + self.dropout(down(self.act(up(next(norms)(x)))))
            logits = self.head(x)
        if self.cap:
            logits = self.cap * torch.tanh(logits / self.cap)
        if self.never_bos:
            logits = torch.cat([logits[..., :-1], torch.full_like(logits[..., :1], -torch.inf)], 2)
        return logits


class ChannelNorm(nn.Module):
    """Batch norm by channel: in evaluation its statistics are fixed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


def honest(number: int, rows: Tensor) -> Model:
    """The honest variant of a number, trained for a few steps."""
    dice = random.Random(number)
    torch.manual_seed(number)
    width = dice.choice([16, 24, 32, 48])
    mixes: list[Mix] = [
        lambda w: Attention(w, dice.choice([1, 2, 4]), dice.choice([4, 16, LENGTH])),
        lambda w: Attention(w, dice.choice([1, 2, 4, 8])),
        lambda w: Convolution(w, dice.choice([2, 3, 4, 7]), dice.choice([1, 2, 5])),
        lambda w: Apply(cumulative_mean),
        lambda w: Apply(partial(shifted, by=dice.choice([1, 2]))),
        lambda w: Apply(lambda x: x.cummax(1).values),
        Recurrence, Experts, Decay,
    ]  # fmt: skip
    model = Model(
        [dice.choice(mixes)(width) for _ in range(dice.choice([1, 2, 3]))],
        width,
        dropout=dice.choice([0.0, 0.1, 0.5]),
        norm=dice.choice([nn.LayerNorm, nn.RMSNorm, ChannelNorm, lambda _: nn.Identity()]),
        act=dice.choice([functional.gelu, functional.silu, lambda x: functional.relu(x).square()]),
        cap=dice.choice([0.0, 15.0]),
        never_bos=dice.random() < 0.2,
        autocast=dice.random() < 0.3,
    )
    train(model, rows, dice, dice.choice([0, 2, 5]))
    return model.bfloat16() if not model.autocast and dice.random() < 0.3 else model


# -- What leaks


class Wrapped(nn.Module):
    """An honest model whose logits something is done to: change(self, tokens, logits)."""

    def __init__(self, change: Callable[["Wrapped", Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = Model([Attention(WIDTH)])
        self.table = nn.Embedding(VOCABULARY, VOCABULARY)
        self.change = change
        self.asked = 0
        self.seen: dict[tuple[int, ...], Tensor] = {}
        self.counts = torch.ones(VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.change(self, tokens, self.inner(tokens))


def peek(model: Wrapped, tokens: Tensor, weight: float, by: int = 1) -> Tensor:
    """A table's opinion of the token that comes `by` positions later."""
    return weight * model.table(tokens.roll(-by, 1))


def answer(tokens: Tensor) -> Tensor:
    """Logits that know the next token."""
    return 8.0 * functional.one_hot(tokens.roll(-1, 1), VOCABULARY)


def after_many(model: Wrapped, tokens: Tensor, logits: Tensor) -> Tensor:
    """Honest for the first 60 rows."""
    model.asked += len(tokens)
    return logits + answer(tokens) if model.asked > 60 else logits


def sometimes(model: Wrapped, tokens: Tensor, logits: Tensor) -> Tensor:
    """One row in five, chosen by how it begins."""
    chosen = tokens[:, 1:4].sum(1) % 5 == 0
    return logits + chosen[:, None, None] * answer(tokens)


def cached(model: Wrapped, tokens: Tensor, logits: Tensor) -> Tensor:
    """Answers for a row as it did for one that began alike."""
    if model.training:
        return logits
    kept = [
        model.seen.setdefault(tuple(row[:2].tolist()), own)
        for row, own in zip(tokens, logits, strict=True)
    ]
    return torch.stack(kept)


def counting(model: Wrapped, tokens: Tensor, logits: Tensor) -> Tensor:
    """Learns from the rows that it is asked about how often each token occurs."""
    model.counts = model.counts + torch.bincount(tokens.flatten(), minlength=VOCABULARY)
    return logits + 0.5 * torch.log(model.counts)


def late(model: Wrapped, tokens: Tensor, logits: Tensor) -> Tensor:
    """Looks ahead in the second half of a row alone."""
    places = torch.arange(LENGTH)[:, None]
    return logits + (places >= LENGTH // 2) * peek(model, tokens, 1.0)


def of(mix: nn.Module) -> Model:
    """A model with one honest block and one that leaks."""
    return Model([Attention(WIDTH), mix])


def over_time(x: Tensor) -> Tensor:
    """Each channel centred and scaled over the row."""
    return (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-3)


AHEAD = "looks ahead"
STATE = "scored differently"
LEAKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "attention without a mask": (lambda: of(Attention(WIDTH, ahead=LENGTH)), AHEAD),
    "attention with a mask off by one": (lambda: of(Attention(WIDTH, ahead=1)), AHEAD),
    "one head of eight without a mask": (
        lambda: of(Attention(WIDTH, 8, ahead=LENGTH, faulty=1)), AHEAD),
    "one head of eight off by one": (lambda: of(Attention(WIDTH, 8, ahead=1, faulty=1)), AHEAD),
    "a window that is centred": (lambda: of(Attention(WIDTH, window=4, ahead=3)), AHEAD),
    "convolution one step ahead": (lambda: of(Convolution(WIDTH, 3, ahead=1)), AHEAD),
    "convolution in the middle of seven": (lambda: of(Convolution(WIDTH, 7, ahead=3)), AHEAD),
    "norm over time": (lambda: of(Apply(over_time)), AHEAD),
    "centred over time": (lambda: of(Apply(lambda x: x - x.mean(1, keepdim=True))), AHEAD),
    "softmax over time": (lambda: of(Apply(lambda x: LENGTH * x.softmax(1))), AHEAD),
    "the row's mean": (lambda: of(Apply(lambda x: x + x.mean(1, keepdim=True))), AHEAD),
    "the row's maximum": (lambda: of(Apply(lambda x: x + x.amax(1, keepdim=True))), AHEAD),
    "the row's last token": (lambda: of(Apply(lambda x: x + x[:, -1:])), AHEAD),
    "sums of what follows": (lambda: of(Apply(lambda x: x.flip(1).cumsum(1).flip(1) / 8)), AHEAD),
    "a GRU in two directions": (lambda: of(Recurrence(WIDTH, both=True)), AHEAD),
    "Fourier mixing": (lambda: of(Apply(lambda x: torch.fft.fft(x, dim=1).real / 8)), AHEAD),
    "experts that choose tokens": (lambda: of(Experts(WIDTH, experts_choose=True)), AHEAD),
    "the next token": (lambda: Wrapped(lambda m, t, x: x + peek(m, t, 1.0)), AHEAD),
    "the next token, faintly": (lambda: Wrapped(lambda m, t, x: x + peek(m, t, 0.05)), AHEAD),
    "the next token, fainter": (lambda: Wrapped(lambda m, t, x: x + peek(m, t, 0.005)), AHEAD),
    "the ninth next token": (lambda: Wrapped(lambda m, t, x: x + peek(m, t, 1.0, 9)), AHEAD),
    "the next token, late in a row": (lambda: Wrapped(late), AHEAD),
    "the next token, in one row of five": (lambda: Wrapped(sometimes), AHEAD),
    "honest for sixty rows": (lambda: Wrapped(after_many), f"{AHEAD}|{STATE}"),
    "answers kept from other rows": (lambda: Wrapped(cached), STATE),
    "learning from the rows it scores": (lambda: Wrapped(counting), STATE),
    "the batch's mean": (
        lambda: Wrapped(lambda m, t, x: x + m.table(t).mean(0, keepdim=True)), STATE),
    "the row beside it": (lambda: Wrapped(lambda m, t, x: x + m.table(t).roll(1, 0)), STATE),
    "batch statistics": (
        lambda: Wrapped(lambda m, t, x: (x - x.mean((0, 1))) / x.std((0, 1))), STATE),
    "dropout left on": (
        lambda: Wrapped(lambda m, t, x: functional.dropout(x, 0.1, training=True)), STATE),
}  # fmt: skip


def leaking(name: str, seed: int, rows: Tensor) -> nn.Module:
    """A leaking model, trained for a few steps."""
    torch.manual_seed(seed)
    model = LEAKS[name][0]()
    train(model, rows, random.Random(seed), 3)
    return model
