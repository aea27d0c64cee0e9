"""The first version of train.py, as it was when benchmarks began: what later ones are measured by.

Nobody edits this file. benchmarks/training.py runs it as `train.py` beside the prepare.py of today.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import prepare

# ------------------------------------------------------------------------------------------------
# Constants. A GPU likes few large steps; a CPU likes many small ones of a small model.

DEVICE = prepare.device()  # "cuda", "mps" or "cpu"
if DEVICE == "cuda":
    DEPTH = 8  # transformer blocks, 2 to 24
    WIDTH = 512  # channels of the residual stream, a multiple of HEAD_WIDTH
    HEAD_WIDTH = 128  # channels of one attention head, 32 to 128
    BATCH_ROWS = 64  # rows of a forward pass, limited by memory
    PASSES = 2  # forward passes whose gradients make one step
    EMBEDDING_LR = 0.3  # AdamW, token and value embeddings, 0.05 to 1
    HEAD_LR = 0.004  # AdamW, output layer, 0.001 to 0.02
    MATRIX_LR = 0.02  # Muon, every matrix inside the blocks, 0.005 to 0.1
else:
    DEPTH = 2  # transformer blocks, 1 to 6
    WIDTH = 128  # channels of the residual stream, a multiple of HEAD_WIDTH
    HEAD_WIDTH = 64  # channels of one attention head, 32 to 128
    BATCH_ROWS = 4  # rows of a forward pass; more rows are fewer steps in the same time
    PASSES = 1  # forward passes whose gradients make one step
    EMBEDDING_LR = 0.3  # AdamW, token and value embeddings, 0.05 to 1
    HEAD_LR = 0.01  # AdamW, output layer, 0.001 to 0.02
    MATRIX_LR = 0.015  # Muon, every matrix inside the blocks, 0.003 to 0.05

MLP_RATIO = 4  # hidden channels of the MLP, as a multiple of WIDTH
VALUE_EMBEDDING_EVERY = 2  # every n-th block, counted from the last, has value embeddings
WINDOW_PATTERN = "L"  # a letter a block, repeated: S sees half a row back, L the whole row
ROPE_BASE = 10000.0  # longest wavelength of the rotary positions, in tokens / 2 pi
SOFT_CAP = 15.0  # logits are squeezed into (-SOFT_CAP, SOFT_CAP)

MIX_LR = 0.03  # AdamW, the few weights that mix residual streams and neighbours
ADAM_BETA1 = 0.8  # AdamW, memory of the gradient
ADAM_BETA2 = 0.99  # AdamW, memory of its square
MOMENTUM = 0.95  # Muon, memory of the gradient
NEWTON_SCHULZ_STEPS = 3  # Muon, steps of orthogonalisation, 2 to 5
WEIGHT_DECAY = 0.0  # Muon, share of a weight that is lost at a learning rate of 1
WARMUP = 0.0  # share of the budget in which learning rates rise from 0
WARMDOWN = 0.5  # share of the budget in which learning rates fall to FINAL_LR
FINAL_LR = 0.0  # learning rate at the very end, as a share of the highest

# ------------------------------------------------------------------------------------------------
# Model


def norm(x: Tensor) -> Tensor:
    """RMS norm over channels, without a learnt gain."""
    return F.rms_norm(x, (x.size(-1),))


def before(x: Tensor) -> Tensor:
    """What stood one token earlier, on [B, T, channels]; zeros at the first."""
    return F.pad(x[:, :-1], (0, 0, 1, 0))


def uniform(*shape: int) -> nn.Parameter:
    """A matrix (or a stack of them) whose outputs have about the variance of its inputs."""
    bound = (3 / shape[-1]) ** 0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class Attention(nn.Module):
    """Causal self-attention with rotary positions and QK norm, over the whole row or a window."""

    def __init__(self, row_length: int, window: int) -> None:
        super().__init__()
        self.mask: Tensor | None
        self.qkv = uniform(3, WIDTH, WIDTH)
        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        places = torch.arange(row_length)
        back = places[:, None] - places[None, :]
        mask: Tensor | None = (back >= 0) & (back < window) if window < row_length else None
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], extra: Tensor | None) -> Tensor:
        """Mix positions of x [B, T, WIDTH]; `extra` [B, T, WIDTH] joins the values."""
        rows, length, _ = x.shape
        qkv = F.linear(x, self.qkv.flatten(0, 1)).view(rows, length, 3, -1, HEAD_WIDTH)
        qk, v = qkv[:, :, :2], qkv[:, :, 2]
        if extra is not None:
            v = v + extra.view_as(v)
        cos, sin = turn
        a, b = qk.chunk(2, dim=-1)
        qk = norm(torch.cat([a * cos + b * sin, b * cos - a * sin], dim=-1))
        q, k, v = (y.transpose(1, 2) for y in (qk[:, :, 0], qk[:, :, 1], v))
        mask = None if self.mask is None else self.mask[:length, :length]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return F.linear(y.transpose(1, 2).flatten(2), self.out)


class MLP(nn.Module):
    """Two layers with a squared ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.up = uniform(MLP_RATIO * WIDTH, WIDTH)
        self.down = nn.Parameter(torch.zeros(WIDTH, MLP_RATIO * WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Transform each position of x [B, T, WIDTH]."""
        return F.linear(F.relu(F.linear(x, self.up)).square(), self.down)


class Block(nn.Module):
    """Mix the stream with its start and with the token before, then attend, then think."""

    def __init__(self, vocab_size: int, row_length: int, window: int, has_values: bool) -> None:
        super().__init__()
        self.stream = nn.Parameter(torch.tensor([1.0, 0.1]))  # of the stream, of its start
        self.smear = nn.Parameter(torch.zeros(WIDTH))  # of the token before, by channel
        self.values = nn.Embedding(vocab_size, WIDTH) if has_values else None
        self.attention = Attention(row_length, window)
        self.mlp = MLP()
        if self.values is not None:
            nn.init.zeros_(self.values.weight)

    def forward(
        self, x: Tensor, start: Tensor, tokens: Tensor, turn: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Carry the stream x [B, T, WIDTH] through the block."""
        x = self.stream[0] * x + self.stream[1] * start
        x = x + self.smear.to(x.dtype) * before(x)
        extra = None if self.values is None else self.values(tokens).to(x.dtype)
        x = x + self.attention(norm(x), turn, extra)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    """Tokens [B, T] in, logits [B, T, V] out."""

    cos: Tensor
    sin: Tensor

    def __init__(self, vocab_size: int, row_length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        self.smear = nn.Parameter(torch.zeros(WIDTH))  # of the token before, by channel
        self.blocks = nn.ModuleList()
        self.head = nn.Linear(WIDTH, vocab_size, bias=False)
        for block in range(DEPTH):
            short = WINDOW_PATTERN[block % len(WINDOW_PATTERN)] == "S"
            window = row_length // 2 if short else row_length
            has_values = (DEPTH - 1 - block) % VALUE_EMBEDDING_EVERY == 0
            self.blocks.append(Block(vocab_size, row_length, window, has_values))
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(self.head.weight, std=0.001)
        speeds = ROPE_BASE ** -torch.linspace(0, 1, HEAD_WIDTH // 2)
        angles = torch.outer(torch.arange(row_length), speeds)[:, None, None]  # [T, 1, 1, channels]
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Predict the token after each position."""
        # On CUDA the arithmetic is bfloat16, and the weights stay float32.
        kind = torch.bfloat16 if tokens.is_cuda else torch.float32
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=tokens.is_cuda):
            turn = self.cos[: tokens.shape[1]].to(kind), self.sin[: tokens.shape[1]].to(kind)
            x = norm(self.embedding(tokens)).to(kind)
            x = start = x + self.smear.to(kind) * before(x)
            for block in self.blocks:
                x = block(x, start, tokens, turn)
            logits = self.head(norm(x) / SOFT_CAP)
        return SOFT_CAP * torch.tanh(logits.float())


def build_model() -> GPT:
    """The untrained model, on the CPU."""
    return GPT(prepare.vocabulary_size(), prepare.row_length())


def flops_per_token(model: GPT) -> float:
    """Arithmetic of forward and backward: 6 a weight, 12 a channel and position attended to."""
    matrices = sum(p.numel() for p in [*inner_matrices(model), model.head.weight])
    return 6 * matrices + 12 * DEPTH * WIDTH * prepare.row_length()


# ------------------------------------------------------------------------------------------------
# Optimizers


def inner_matrices(model: GPT) -> list[nn.Parameter]:
    """The matrices inside the blocks: [rows, columns], or stacks of such."""
    return [p for m in model.modules() if isinstance(m, Attention | MLP) for p in m.parameters()]


def orthogonalise(x: Tensor) -> Tensor:
    """Bring each of the matrices [N, rows, columns] near the closest (semi-)orthogonal one.

    A quintic iteration drives all singular values towards 1; its coefficients rise fast rather than
    settle exactly (Jordan et al., 2024, "Muon"), which is why so few steps do.
    """
    tall = x.size(-2) > x.size(-1)
    x = x.bfloat16() if x.is_cuda else x
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised; matrices of one shape are handled as one stack."""

    def __init__(self, matrices: list[nn.Parameter], lr: float) -> None:
        super().__init__(matrices, {"lr": lr})
        self.stacks: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            self.stacks.setdefault(matrix.shape[-2:], []).append(matrix)
        self.momenta: dict[torch.Size, Tensor] = {}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: ARG002
        """Move every matrix along its orthogonalised momentum."""
        lr = self.param_groups[0]["lr"]
        for shape, matrices in self.stacks.items():
            gradient = torch.cat([m.grad.view(-1, *shape) for m in matrices if m.grad is not None])
            momentum = self.momenta.setdefault(shape, torch.zeros_like(gradient))
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = orthogonalise(gradient.lerp_(momentum, MOMENTUM)).to(gradient.dtype)
            update *= max(1, shape[0] / shape[1]) ** 0.5
            pieces = update.split([m.numel() // shape.numel() for m in matrices])
            for matrix, piece in zip(matrices, pieces, strict=True):
                matrix.mul_(1 - lr * WEIGHT_DECAY).sub_(piece.view_as(matrix), alpha=lr)


def make_optimizers(model: GPT) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for tables, output layer and scalars."""
    matrices = inner_matrices(model)
    tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
    named = {id(p) for p in [*matrices, *tables, model.head.weight]}
    groups = [
        {"params": tables, "lr": EMBEDDING_LR},
        {"params": [model.head.weight], "lr": HEAD_LR},
        {"params": [p for p in model.parameters() if id(p) not in named], "lr": MIX_LR},
    ]
    betas = (ADAM_BETA1, ADAM_BETA2)
    adamw = torch.optim.AdamW(groups, betas=betas, eps=1e-10, weight_decay=0.0, fused=True)
    return [adamw, Muon(matrices, MATRIX_LR)]


def rate(progress: float) -> float:
    """Learning rate at a share of the budget, as a share of the highest: up, level, down."""
    up = progress / WARMUP if WARMUP > 0 else 1.0
    down = (1 - progress) / WARMDOWN if WARMDOWN > 0 else 1.0
    return min(1.0, up, FINAL_LR + (1 - FINAL_LR) * down)


# ------------------------------------------------------------------------------------------------
# Training


def main() -> None:
    """Train within the trial's budget."""
    trial = prepare.open_trial()
    model = build_model().to(trial.device)
    forward = torch.compile(model, dynamic=False) if DEVICE == "cuda" else model
    optimizers = make_optimizers(model)
    highest = [[group["lr"] for group in o.param_groups] for o in optimizers]

    def gradients(inputs: Tensor, targets: Tensor) -> Tensor:
        loss = F.cross_entropy(forward(inputs).flatten(0, 1), targets.flatten())
        (loss / PASSES).backward()
        return loss

    for _ in range(2):  # compile and warm up before the clock
        gradients(*trial.batch(BATCH_ROWS))
    model.zero_grad()

    trial.start(flops_per_token(model))
    passes = 0
    for inputs, targets in trial.batches(BATCH_ROWS):
        loss = gradients(inputs, targets)
        passes += 1
        if passes % PASSES:
            continue
        for optimizer, rates in zip(optimizers, highest, strict=True):
            for group, lr in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = lr * rate(trial.progress)
            optimizer.step()
        model.zero_grad()
        trial.log(loss=loss)
    trial.finish(model, depth=DEPTH)


if __name__ == "__main__":
    main()
