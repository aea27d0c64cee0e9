"""A small GPT, trained for a fixed budget: the one file of this repository that agents edit.

    python prepare.py        once: data and tokenizer
    python train.py          train, evaluate, print a summary (20 s on a CPU, 300 s on CUDA)

    AUTORESEARCH_BUDGET_S=60 AUTORESEARCH_SEED=7 python train.py

A decoder-only transformer with rotary positions, RMS norm, QK norm, squared ReLU, value embeddings,
tables of n-grams, sliding windows and a soft cap on its logits; Muon for the matrices inside,
AdamW for the rest; learning rates that fall to zero as the budget is spent. It runs on CPU, MPS and
CUDA. On CUDA it is compiled, and the memory there decides how many rows go through it at once.

What must stay, whatever else is changed: build_model() returns a module whose forward(tokens[B, T])
gives causal logits[B, T, V], and main() trains it within prepare's trial. The metric is val_bpb,
bits per byte of held-out text, measured by prepare.py.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import attention
from torch.nn.attention import flex_attention as flex

import prepare

# ------------------------------------------------------------------------------------------------
# Constants. A GPU likes few large steps; a CPU likes many small ones of a small model.

DEVICE = prepare.device()  # "cuda", "mps" or "cpu"
if DEVICE == "cuda":
    DEPTH = 8  # transformer blocks, 2 to 24
    WIDTH = 512  # channels of the residual stream, a multiple of HEAD_WIDTH
    HEAD_WIDTH = 128  # channels of one attention head, 32 to 128
    BATCH_ROWS = 64  # rows of one step
    SHORT_BLOCKS = 3  # blocks of a short window before each one that sees the whole row, 0 to 7
    SMEAR_BLOCKS = 0  # first blocks that mix in the token before
    BIGRAM_ROWS = 524288  # rows of the table of token pairs, 0 for none
    TRIGRAM_ROWS = 524288  # rows of the table of token triples, 0 for none
    EMBEDDING_LR = 0.3  # AdamW, tables of tokens and of n-grams, 0.05 to 1
    HEAD_LR = 0.004  # AdamW, output layer, 0.001 to 0.02
    MATRIX_LR = 0.025  # Muon, every matrix inside the blocks, 0.005 to 0.1
    POLAR_STEPS = 5  # Muon, steps of orthogonalisation, 2 to 5
    ADAM_BETA2 = 0.95  # AdamW, memory of the gradient's square
    WEIGHT_DECAY = 0.1  # Muon, share of a weight that is lost at a learning rate of 1
    TABLE_DECAY = 0.015  # AdamW, the same of tables, whose rows else keep what they saw last
else:
    DEPTH = 2  # transformer blocks, 1 to 6
    WIDTH = 128  # channels of the residual stream, a multiple of HEAD_WIDTH
    HEAD_WIDTH = 64  # channels of one attention head, 32 to 128
    BATCH_ROWS = 4  # rows of one step; more rows are fewer steps in the same time
    SHORT_BLOCKS = 0  # blocks of a short window before each one that sees the whole row, 0 to 7
    SMEAR_BLOCKS = 2  # first blocks that mix in the token before
    BIGRAM_ROWS = 0  # rows of the table of token pairs, 0 for none
    TRIGRAM_ROWS = 0  # rows of the table of token triples, 0 for none
    EMBEDDING_LR = 0.3  # AdamW, tables of tokens and of n-grams, 0.05 to 1
    HEAD_LR = 0.01  # AdamW, output layer, 0.001 to 0.02
    MATRIX_LR = 0.015  # Muon, every matrix inside the blocks, 0.003 to 0.05
    POLAR_STEPS = 3  # Muon, steps of orthogonalisation, 2 to 5
    ADAM_BETA2 = 0.99  # AdamW, memory of the gradient's square
    WEIGHT_DECAY = 0.0  # Muon, share of a weight that is lost at a learning rate of 1
    TABLE_DECAY = 0.0  # AdamW, the same of tables, whose rows else keep what they saw last

# Of the products on CUDA; older cards have no fast bfloat16, and the rest computes in float32.
HAS_BFLOAT16 = DEVICE == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
ARITHMETIC = torch.bfloat16 if HAS_BFLOAT16 else torch.float32

NGRAM_WIDTH = 128  # channels of an n-gram's row, only with BIGRAM_ROWS or TRIGRAM_ROWS
MLP_RATIO = 4  # hidden channels of the MLP, as a multiple of WIDTH
VALUE_EMBEDDING_EVERY = 2  # every n-th block, counted from the last, has value embeddings
SHORT_WINDOW = 128  # positions that a short window has, its own included, only with SHORT_BLOCKS
ROPE_BASE = 10000.0  # longest wavelength of the rotary positions, in tokens / 2 pi
SOFT_CAP = 15.0  # logits are squeezed into (-SOFT_CAP, SOFT_CAP)

MIX_LR = 0.03  # AdamW, the few weights that mix residual streams and neighbours
ADAM_BETA1 = 0.8  # AdamW, memory of the gradient
MOMENTUM = 0.95  # Muon, memory of the gradient
LINE_MEMORY = 0.95  # Muon, memory of the size of each row's (or column's) update
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


def zero_table(rows: int, width: int) -> nn.Embedding:
    """A table whose rows are zero until they are learnt."""
    return nn.Embedding.from_pretrained(torch.zeros(rows, width), freeze=False)


block_masks: dict[int, flex.BlockMask] = {}
"""Which blocks of a window's attention matrix are computed at all; filled where we compile."""


def window_rule(window: int) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Which position q sees which k, in any row and head: itself and the `window` - 1 before it."""
    return lambda _row, _head, q, k: (q >= k) & (q - k < window)


def attend(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Causal attention of q, k, v [B, heads, T, channels], as far back as the window reaches."""
    if window >= q.shape[2]:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if window in block_masks:
        y = flex.flex_attention(q, k, v, block_mask=block_masks[window])
        assert isinstance(y, Tensor)
        return y
    return attend_nearby(q, k, v, window)


def attend_nearby(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """The same by stretches as long as the window, each of which sees itself and the one before."""
    heads, length = q.shape[1:3]
    q, k, v = (F.pad(x, (0, 0, 0, -length % window)).unflatten(2, (-1, window)) for x in (q, k, v))
    k, v = (torch.cat([F.pad(x[:, :, :-1], (0, 0, 0, 0, 1, 0)), x], 3) for x in (k, v))
    own = torch.arange(window, device=q.device)[:, None]
    seen = torch.arange(-window, window, device=q.device)
    mask = window_rule(window)(own, own, own, seen).repeat(q.shape[2], 1, 1)
    mask[0] &= seen >= 0  # before the first one there is nothing
    q, k, v = q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.repeat(heads, 1, 1))
    return y.unflatten(1, (heads, -1)).flatten(2, 3)[:, :, :length]


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions on [B, T, heads, channels]: channel c turns with c + channels / 2."""
    cos, sin = turn
    return x * cos + x.roll(HEAD_WIDTH // 2, dims=-1) * sin


class Attention(nn.Module):
    """Causal self-attention with rotary positions and QK norm, over the whole row or a window."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.qkv = uniform(3, WIDTH, WIDTH)
        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], extra: Tensor | None) -> Tensor:
        """Mix positions of x [B, T, WIDTH]; `extra` [B, T, WIDTH] joins the values."""
        rows, length, _ = x.shape
        qkv = F.linear(x, self.qkv.flatten(0, 1)).view(rows, length, 3, -1, HEAD_WIDTH)
        q, k, v = qkv.unbind(2)
        if extra is not None:
            v = v + extra.view_as(v)
        q, k = rotate(norm(q), turn), rotate(norm(k), turn)
        y = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), self.window)
        return F.linear(y.transpose(1, 2).flatten(2), self.out)


class MLP(nn.Module):
    """Two layers with a squared ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.up = uniform(MLP_RATIO * WIDTH, WIDTH)
        self.down = nn.Parameter(torch.zeros(WIDTH, MLP_RATIO * WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Transform each position of x [B, T, WIDTH]."""
        whole_tiles = x.shape[0] * x.shape[1] % 1024 == 0
        if HAS_FUSED_MLP and whole_tiles and torch.compiler.is_compiling():
            up, down = self.up.to(x.dtype), self.down.to(x.dtype)
            return fused_mlp(x.flatten(0, 1), up, down)[0].view_as(x)
        return F.linear(F.relu(F.linear(x, self.up)).square(), self.down)


# The hidden layer is the largest thing in memory, and writing it down before squaring it, and its
# gradient before the ReLU's slope, cost as much as the products do. On Hopper both are therefore
# done while a product's tile is still in registers; everywhere else the lines above do. Tiles come
# and go by the chip's copy engine, as descriptors tell it, while a program is at its next one.
HAS_FUSED_MLP = (
    HAS_BFLOAT16
    and torch.cuda.get_device_capability() == (9, 0)
    and (WIDTH * MLP_RATIO) % 256 == 0
    and WIDTH % 64 == 0
)

if HAS_FUSED_MLP:
    import triton  # pyright: ignore[reportMissingImports] - it comes with torch for CUDA
    import triton.language as tl  # pyright: ignore[reportMissingImports]
    import triton.tools.tensor_descriptor  # pyright: ignore[reportMissingImports]

    @triton.jit
    def product_kernel(
        a, b, y, out, rows, columns: tl.constexpr, depth: tl.constexpr,  # noqa: ANN001
        B_DOWN: tl.constexpr, BACKWARD: tl.constexpr, PROGRAMS: tl.constexpr,
        TILE_M: tl.constexpr, TILE_N: tl.constexpr, TILE_K: tl.constexpr, GROUP: tl.constexpr,
    ) -> None:  # fmt: skip
        """Every PROGRAMS-th tile of out [rows, columns]; b is [depth, columns] if B_DOWN is set."""
        # Programs that run side by side share rows of a and columns of b in the cache.
        wide: tl.constexpr = columns // TILE_N
        for tile in tl.range(tl.program_id(0), rows // TILE_M * wide, PROGRAMS, flatten=True):
            i = (tile // (GROUP * wide) * GROUP + tile % GROUP) * TILE_M
            j = tile % (GROUP * wide) // GROUP * TILE_N
            total = tl.zeros((TILE_M, TILE_N), dtype=tl.float32)
            for k in range(0, depth, TILE_K):
                part = b.load([k, j]) if B_DOWN else b.load([j, k]).T
                total = tl.dot(a.load([i, k]), part, total)
            # One half after the other: together they would not fit the shared memory.
            halves = tl.permute(tl.reshape(total, (TILE_M, 2, TILE_N // 2)), (0, 2, 1))
            left, right = tl.split(halves)
            if BACKWARD:
                left *= 2 * tl.sqrt(y.load([i, j]).to(tl.float32))
                right *= 2 * tl.sqrt(y.load([i, j + TILE_N // 2]).to(tl.float32))
            else:
                left = tl.maximum(left, 0)
                left *= left
                right = tl.maximum(right, 0)
                right *= right
            out.store([i, j], left.to(out.dtype))
            out.store([i, j + TILE_N // 2], right.to(out.dtype))


def product(a: Tensor, b: Tensor, y: Tensor | None) -> Tensor:
    """relu(a @ b)^2, or with y (such a square) (a @ b) times its slope; a [N, K], b [K, M]."""
    tools = triton.tools  # pyright: ignore[reportPossiblyUnboundVariable] - HAS_FUSED_MLP here
    describe = tools.tensor_descriptor.TensorDescriptor.from_tensor
    tile_m, tile_n, tile_k = 128, 256, 64
    out = torch.empty(a.shape[0], b.shape[1], dtype=a.dtype, device=a.device)
    b_down = b.stride(1) == 1
    b_whole, b_tile = (b, [tile_k, tile_n]) if b_down else (b.T, [tile_n, tile_k])
    y_or_out = out if y is None else y  # one of a kind that the kernel does not read
    tiles = a.shape[0] // tile_m * (b.shape[1] // tile_n)
    programs = min(tiles, torch.cuda.get_device_properties(a.device).multi_processor_count)
    product_kernel[(programs,)](  # pyright: ignore[reportIndexIssue] - Triton's way to launch
        describe(a, [tile_m, tile_k]),
        describe(b_whole, b_tile),
        describe(y_or_out, [tile_m, tile_n // 2]),
        describe(out, [tile_m, tile_n // 2]),
        a.shape[0], b.shape[1], a.shape[1], b_down, y is not None, programs,
        TILE_M=tile_m, TILE_N=tile_n, TILE_K=tile_k, GROUP=8, num_warps=8, num_stages=3,
    )  # fmt: skip
    return out


@torch.library.custom_op("autoresearch::mlp", mutates_args=())
def fused_mlp(x: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """MLP of x [N, WIDTH] in bfloat16, N a multiple of 1,024; and y, its squared hidden layer."""
    y = product(x, up.T, None)
    return y @ down.T, y


@torch.library.custom_op("autoresearch::mlp_gradients", mutates_args=())
def fused_mlp_gradients(
    grad: Tensor, x: Tensor, up: Tensor, down: Tensor, y: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, up and down; the slope of a squared ReLU is twice its root."""
    hidden = product(grad.contiguous(), down, y)
    return hidden @ up, hidden.T @ x, grad.T @ y


@fused_mlp.register_fake
def _(x: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[0], down.shape[0]), x.new_empty(x.shape[0], up.shape[0])


@fused_mlp_gradients.register_fake
def _(
    grad: Tensor,  # noqa: ARG001
    x: Tensor,
    up: Tensor,
    down: Tensor,
    y: Tensor,  # noqa: ARG001
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), up.new_empty(up.shape), down.new_empty(down.shape)


def keep_for_gradients(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    """Keep what the backward pass needs."""
    ctx.save_for_backward(*inputs, output[1])


def mlp_backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the inputs from that of the first output; nobody asks for y's."""
    return fused_mlp_gradients(grad, *ctx.saved_tensors)


fused_mlp.register_autograd(mlp_backward, setup_context=keep_for_gradients)


class Block(nn.Module):
    """Mix the stream with its start (and with the token before), then attend, then think."""

    def __init__(self, vocab_size: int, window: int, has_values: bool, has_smear: bool) -> None:
        super().__init__()
        self.stream = nn.Parameter(torch.tensor([1.0, 0.1]))  # of the stream, of its start
        self.smear = nn.Parameter(torch.zeros(WIDTH)) if has_smear else None  # by channel
        self.values = zero_table(vocab_size, WIDTH) if has_values else None
        self.attention = Attention(window)
        self.mlp = MLP()

    def forward(
        self, x: Tensor, change: Tensor, start: Tensor, tokens: Tensor, turn: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Carry the stream x [B, T, WIDTH] through, and return it and what is yet to be added.

        The next block adds it in the pass over memory in which it mixes.
        """
        x = (self.stream[0] * (x + change) + self.stream[1] * start).to(start.dtype)
        if self.smear is not None:
            x = x + self.smear.to(x.dtype) * before(x)
        extra = None if self.values is None else self.values(tokens).to(x.dtype)
        x = x + self.attention(norm(x), turn, extra)
        return x, self.mlp(norm(x))


class NGrams(nn.Module):
    """What a token and the one or two before it say together: hashed tables, turned to WIDTH."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = {length: rows for length, rows in ((2, BIGRAM_ROWS), (3, TRIGRAM_ROWS)) if rows}
        self.tables = nn.ModuleList(zero_table(rows, NGRAM_WIDTH) for rows in self.rows.values())
        self.out = uniform(WIDTH, NGRAM_WIDTH * len(self.rows))

    def forward(self, tokens: Tensor) -> Tensor:
        """The sum [B, T, WIDTH] of what the tables have for each of the tokens [B, T]."""
        found: list[Tensor] = []
        for (length, rows), table in zip(self.rows.items(), self.tables, strict=True):
            key = tokens
            for back in range(1, length):
                key = key * 36313 ^ F.pad(tokens[:, :-back], (back, 0)) * 27191
            found.append(table(key % rows))
        return F.linear(torch.cat(found, -1), self.out)


class Start(nn.Module):
    """The stream's start: embeddings of the token, of the one before, and of both together."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        self.ngrams = NGrams() if BIGRAM_ROWS or TRIGRAM_ROWS else None
        self.smear = nn.Parameter(torch.zeros(WIDTH))  # of the token before, by channel
        nn.init.normal_(self.embedding.weight)

    def forward(self, tokens: Tensor, kind: torch.dtype) -> Tensor:
        """Embed tokens [B, T] as [B, T, WIDTH]."""
        x = norm(self.embedding(tokens)).to(kind)
        if self.ngrams is not None:
            x = x + self.ngrams(tokens).to(kind)
        return x + self.smear.to(kind) * before(x)


class Head(nn.Module):
    """The stream's end: logits, or how well they predict."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, WIDTH))
        nn.init.normal_(self.weight, std=0.001)

    def forward(self, x: Tensor, change: Tensor, targets: Tensor | None) -> Tensor:
        """Logits [B, T, V] of the stream [B, T, WIDTH], or their mean loss on targets [B, T]."""
        logits = F.linear(norm(x + change) * (2 / SOFT_CAP), self.weight)
        # SOFT_CAP x tanh, but for a constant that softmax does not see; sigmoid is cheaper.
        logits = 2 * SOFT_CAP * torch.sigmoid(logits.float())
        if targets is None:
            return logits
        entropy = capped_cross_entropy if logits.is_cuda else F.cross_entropy
        return entropy(logits.flatten(0, 1), targets.flatten())


def capped_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits [N, V] below 2 x SOFT_CAP, compiled to one pass over them.

    Such logits can be raised to the power of e without finding the largest one first.
    """
    is_target = torch.arange(logits.shape[1], device=logits.device) == targets[:, None]
    return (logits.exp().sum(1).log() - torch.where(is_target, logits, 0.0).sum(1)).mean()


class GPT(nn.Module):
    """Tokens [B, T] in, logits [B, T, V] out."""

    cos: Tensor
    sin: Tensor

    def __init__(self, vocab_size: int, row_length: int) -> None:
        super().__init__()
        self.start = Start(vocab_size)
        self.blocks = nn.ModuleList()
        for block in range(DEPTH):
            # The last block sees the whole row wherever it stands.
            short = block % (SHORT_BLOCKS + 1) < SHORT_BLOCKS and block < DEPTH - 1
            window = min(SHORT_WINDOW, row_length) if short else row_length
            has_values = (DEPTH - 1 - block) % VALUE_EMBEDDING_EVERY == 0
            self.blocks.append(Block(vocab_size, window, has_values, block < SMEAR_BLOCKS))
        self.head = Head(vocab_size)
        speeds = ROPE_BASE ** -torch.linspace(0, 1, HEAD_WIDTH // 2)
        angles = torch.outer(torch.arange(row_length), speeds)[:, None]  # [T, 1, channels / 2]
        self.register_buffer("cos", angles.cos().repeat(1, 1, 2), persistent=False)
        self.register_buffer("sin", torch.cat([angles.sin(), -angles.sin()], -1), persistent=False)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        """Logits of the token after each position; with targets [B, T], the mean loss in nats."""
        # On CUDA the arithmetic is bfloat16 where the device has it; the weights stay float32.
        kind = ARITHMETIC if tokens.is_cuda else torch.float32
        with torch.autocast(tokens.device.type, kind, enabled=kind is torch.bfloat16):
            turn = self.cos[: tokens.shape[1]].to(kind), self.sin[: tokens.shape[1]].to(kind)
            start = self.start(tokens, kind)
            # In halves, which the first block adds, so that it compiles to the same as others.
            x, change = start / 2, start / 2
            for block in self.blocks:
                x, change = block(x, change, start, tokens, turn)
            return self.head(x, change, targets)


def build_model() -> GPT:
    """The untrained model, on the CPU."""
    return GPT(prepare.vocabulary_size(), prepare.row_length())


def flops_per_token(model: GPT) -> float:
    """Arithmetic of forward and backward: 6 a weight, 12 a channel and position attended to."""
    matrices = sum(p.numel() for p in [*inner_matrices(model), model.head.weight])
    seen = sum(m.window for m in model.modules() if isinstance(m, Attention))
    return 6 * matrices + 12 * WIDTH * seen


# ------------------------------------------------------------------------------------------------
# Optimizers


def inner_matrices(model: GPT) -> list[nn.Parameter]:
    """The matrices between two layers of channels: [rows, columns], or stacks of such."""
    kinds = Attention | MLP | NGrams
    return [p for m in model.modules() if isinstance(m, kinds) for p in m.parameters(recurse=False)]


# Each step's odd polynomial, from step to step less greedy (Amsel et al., 2025, "Polar Express").
POLAR_EXPRESS = (
    (8.1566, -22.4833, 15.8788),
    (4.0429, -2.8089, 0.5000),
    (3.8917, -2.7725, 0.5061),
    (3.2858, -2.3681, 0.4645),
    (2.3465, -1.7098, 0.4232),
)


def orthogonalise(x: Tensor) -> Tensor:
    """Bring each of the matrices [N, rows, columns] near the closest (semi-)orthogonal one.

    An iteration drives all singular values towards 1 (Jordan et al., 2024, "Muon").
    """
    tall = x.size(-2) > x.size(-1)
    x = x.to(ARITHMETIC) if x.is_cuda else x
    x = x.mT if tall else x
    x = x / (1.02 * x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for first, third, fifth in POLAR_EXPRESS[:POLAR_STEPS]:
        gram = x @ x.mT
        x = first * x + (third * gram + fifth * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised; matrices of one shape are handled as one stack.

    Lines of an update (rows, or columns where these are the longer way) are then brought to one
    size, by a memory of their sizes (Li et al., 2025, "NorMuon").
    """

    def __init__(self, matrices: list[nn.Parameter], lr: float) -> None:
        super().__init__(matrices, {"lr": lr})
        self.stacks: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            self.stacks.setdefault(matrix.shape[-2:], []).append(matrix)
        self.momenta: dict[torch.Size, Tensor] = {}
        self.sizes: dict[torch.Size, Tensor] = {}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: ARG002
        """Move every matrix along its orthogonalised momentum."""
        lr = self.param_groups[0]["lr"]
        for shape, matrices in self.stacks.items():
            gradient = torch.cat([m.grad.view(-1, *shape) for m in matrices if m.grad is not None])
            momentum = self.momenta.setdefault(shape, torch.zeros_like(gradient))
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = orthogonalise(gradient.lerp_(momentum, MOMENTUM)).to(gradient.dtype)
            update = self.even_out(update, shape)
            update *= max(1, shape[0] / shape[1]) ** 0.5
            pieces = update.split([m.numel() // shape.numel() for m in matrices])
            for matrix, piece in zip(matrices, pieces, strict=True):
                step = piece.view_as(matrix)
                if WEIGHT_DECAY:  # of those weights only that the update brings nearer to 0, too
                    step = step + WEIGHT_DECAY * matrix * (step * matrix > 0)
                matrix.sub_(step, alpha=lr)

    def even_out(self, update: Tensor, shape: torch.Size) -> Tensor:
        """Give the lines of each update [N, rows, columns] one size; its whole size stays."""
        square = update.square().mean(-1 if shape[0] >= shape[1] else -2, keepdim=True)
        memory = self.sizes.setdefault(shape, square.clone()).lerp_(square, 1 - LINE_MEMORY)
        whole = update.norm(dim=(-2, -1), keepdim=True)
        update = update * memory.clamp_min(1e-10).rsqrt()
        return update * (whole / update.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-10))


def make_optimizers(model: GPT) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for tables, output layer and scalars."""
    matrices = inner_matrices(model)
    tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
    named = {id(p) for p in [*matrices, *tables, model.head.weight]}
    groups = [
        {"params": tables, "lr": EMBEDDING_LR, "weight_decay": TABLE_DECAY},
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


def passes_per_step(model: GPT) -> int:
    """How many forward passes a step is split into, so that the activations fit the memory."""
    if DEVICE != "cuda":
        return 1
    memory = torch.cuda.get_device_properties().total_memory
    # Weights, gradients and two moments; then activations, by what was measured on a token.
    left = 0.75 * memory - 16 * sum(p.numel() for p in model.parameters())
    token = 2 * (18 * DEPTH * WIDTH + 3 * prepare.vocabulary_size())
    passes = 1
    batch = BATCH_ROWS * prepare.row_length() * token
    while batch / passes > left and BATCH_ROWS % (2 * passes) == 0:
        passes *= 2
    return passes


def compile_parts(model: GPT) -> None:
    """Compile the model, with the fastest attention that this machine has; say which.

    Part by part: blocks that are alike share what was compiled, so that depth costs no time.
    """
    whole = "the fastest of torch's own"
    # Newer kernels than torch brings, where the package of one is installed.
    for name, package in (("FA4", "flash_attn.cute"), ("FA3", "flash_attn_interface")):
        if has_package(package) and hasattr(attention, "activate_flash_attention_impl"):
            attention.activate_flash_attention_impl(name)
            torch.backends.cuda.enable_cudnn_sdp(False)  # it would be asked first
            whole = name
            break
    length = prepare.row_length()
    for window in {m.window for m in model.modules() if isinstance(m, Attention)} - {length}:
        sees = window_rule(window)
        block_masks[window] = flex.create_block_mask(sees, None, None, length, length, DEVICE)
    short = f", flex attention for windows of {sorted(block_masks)}" if block_masks else ""
    print(f"Attention: {whole}{short}", flush=True)
    for part in (model.start, *model.blocks, model.head):
        part.compile(fullgraph=True, dynamic=False)


def has_package(name: str) -> bool:
    """Whether a package can be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False


def main() -> None:
    """Train within the trial's budget."""
    trial = prepare.open_trial()
    torch.set_float32_matmul_precision("high")
    model = build_model().to(trial.device)
    passes = passes_per_step(model)
    if DEVICE == "cuda":
        compile_parts(model)
    optimizers = make_optimizers(model)
    highest = [[group["lr"] for group in o.param_groups] for o in optimizers]
    if DEVICE == "cuda":
        print(f"{passes} forward passes of {BATCH_ROWS // passes} rows a step", flush=True)

    def gradients(inputs: Tensor, targets: Tensor) -> Tensor:
        loss = model(inputs, targets)
        (loss / passes).backward()
        return loss

    for _ in range(2):  # compile and warm up before the clock
        gradients(*trial.batch(BATCH_ROWS // passes))
    model.zero_grad()

    trial.start(flops_per_token(model))
    done = 0
    for inputs, targets in trial.batches(BATCH_ROWS // passes):
        loss = gradients(inputs, targets)
        done += 1
        if done % passes:
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
