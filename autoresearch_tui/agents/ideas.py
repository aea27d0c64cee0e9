"""Whole ideas for `train.py`: rewrites of its text that change what it does, not how much of it.

Each is a name, a reason, and the passages that it replaces. A passage has to stand in the script
exactly once, so an idea that the script has outgrown, or has taken up, is no longer offered.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idea:
    """A rewrite of a script as a whole."""

    name: str
    """Half a line; the title of its experiment begins with it."""
    why: str
    passages: tuple[tuple[str, str], ...]
    """What is replaced, and by what; all of it or nothing."""

    def applied(self, source: str) -> str | None:
        """Return the script with the idea in it; none where it does not fit."""
        for old, new in self.passages:
            if source.count(old) != 1:
                return None
            source = source.replace(old, new)
        try:
            ast.parse(source)
        except (SyntaxError, ValueError):
            return None
        return source


_HIDDEN = "        return F.linear(F.relu(F.linear(x, self.up)).square(), self.down)\n"
_FUSED = """\
        whole_tiles = x.shape[0] * x.shape[1] % 1024 == 0
        if HAS_FUSED_MLP and whole_tiles and torch.compiler.is_compiling():
            up, down = self.up.to(x.dtype), self.down.to(x.dtype)
            return fused_mlp(x.flatten(0, 1), up, down)[0].view_as(x)
"""
_STEP = """\
            optimizer.step()
        model.zero_grad()
        trial.log(loss=loss)
"""

IDEAS = (
    Idea(
        "GELU in the MLP",
        "A smooth slope near zero keeps every hidden channel learning.",
        (
            (
                _FUSED + _HIDDEN,
                "        return F.linear(F.gelu(F.linear(x, self.up)), self.down)\n",
            ),
        ),
    ),
    Idea(
        "leaky squared ReLU in the MLP",
        "A small slope below zero revives channels that a squared ReLU switches off for good.",
        (
            (
                _FUSED + _HIDDEN,
                (
                    "        hidden = F.leaky_relu(F.linear(x, self.up), 0.5)\n"
                    "        return F.linear(hidden * hidden.abs(), self.down)\n"
                ),
            ),
        ),
    ),
    Idea(
        "gated MLP",
        "A gate lets the MLP choose by token which hidden channels count; they are fewer by a "
        "third, so that it costs the same.",
        (
            (
                (
                    "        self.up = uniform(MLP_RATIO * WIDTH, WIDTH)\n"
                    "        self.down = nn.Parameter(torch.zeros(WIDTH, MLP_RATIO * WIDTH))\n"
                ),
                (
                    "        hidden = max(64, MLP_RATIO * WIDTH * 2 // 3 // 64 * 64)\n"
                    "        self.up = uniform(hidden, WIDTH)\n"
                    "        self.gate = uniform(hidden, WIDTH)\n"
                    "        self.down = nn.Parameter(torch.zeros(WIDTH, hidden))\n"
                ),
            ),
            (
                _FUSED + _HIDDEN,
                (
                    "        hidden = F.silu(F.linear(x, self.gate)) * F.linear(x, self.up)\n"
                    "        return F.linear(hidden, self.down)\n"
                ),
            ),
        ),
    ),
    Idea(
        "attention and MLP side by side",
        "Both read the same stream, which shortens the path that gradients take.",
        (
            (
                (
                    "        x = x + self.attention(norm(x), turn, extra)\n"
                    "        return x, self.mlp(norm(x))\n"
                ),
                (
                    "        seen = norm(x)\n"
                    "        return x + self.attention(seen, turn, extra), self.mlp(seen)\n"
                ),
            ),
        ),
    ),
    Idea(
        "gated attention",
        "A gate of its own lets each block say how much of what it attended to it wants.",
        (
            (
                "        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))\n",
                (
                    "        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))\n"
                    "        self.gate = nn.Parameter(torch.zeros(WIDTH, WIDTH))\n"
                ),
            ),
            (
                "        return F.linear(y.transpose(1, 2).flatten(2), self.out)\n",
                (
                    "        y = y.transpose(1, 2).flatten(2)\n"
                    "        gate = 2 * torch.sigmoid(F.linear(x, self.gate))\n"
                    "        return F.linear(y * gate, self.out)\n"
                ),
            ),
        ),
    ),
    Idea(
        "tied embeddings",
        "One table for reading and writing tokens learns from both ends, with fewer weights.",
        (
            (
                "        self.head = Head(vocab_size)\n",
                (
                    "        self.head = Head(vocab_size)\n"
                    "        self.head.weight = self.start.embedding.weight\n"
                ),
            ),
            ('        {"params": [model.head.weight], "lr": HEAD_LR},\n', ""),
        ),
    ),
    Idea(
        "momentum without looking ahead",
        "The averaged gradient alone is less noisy than with the newest one mixed in once more.",
        (
            (
                "orthogonalise(gradient.lerp_(momentum, MOMENTUM)).to(gradient.dtype)",
                "orthogonalise(momentum).to(gradient.dtype)",
            ),
        ),
    ),
    Idea(
        "learning rates that fall ever faster",
        "A fall that begins slowly leaves the rates high for longer, and still ends at the bottom.",
        (
            (
                "    return min(1.0, up, FINAL_LR + (1 - FINAL_LR) * down)\n",
                "    return min(1.0, up, FINAL_LR + (1 - FINAL_LR) * min(1.0, down) ** 0.5)\n",
            ),
        ),
    ),
    Idea(
        "clipped gradients",
        "One odd batch moves the tables no further than any other.",
        (
            (
                (
                    "            continue\n"
                    "        for optimizer, rates in zip(optimizers, highest, strict=True):\n"
                ),
                (
                    "            continue\n"
                    "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
                    "        for optimizer, rates in zip(optimizers, highest, strict=True):\n"
                ),
            ),
        ),
    ),
    Idea(
        "average of the last weights",
        "The mean of the weights on the last stretch lies lower than its end does.",
        (
            (
                "    done = 0\n    for inputs, targets in",
                (
                    "    done, averaged = 0, 0\n"
                    "    average = [p.detach().clone() for p in model.parameters()]\n"
                    "    for inputs, targets in"
                ),
            ),
            (
                _STEP,
                (
                    "            optimizer.step()\n"
                    "        if trial.progress > 0.8:\n"
                    "            averaged += 1\n"
                    "            weights = [p.detach() for p in model.parameters()]\n"
                    "            torch._foreach_lerp_(average, weights, 1 / averaged)\n"
                    "        model.zero_grad()\n"
                    "        trial.log(loss=loss)\n"
                    "    if averaged:\n"
                    "        for p, mean in zip(model.parameters(), average, strict=True):\n"
                    "            p.data.copy_(mean)\n"
                ),
            ),
        ),
    ),
)


def fitting(source: str) -> Iterator[tuple[Idea, str]]:
    """Yield the ideas that a script can take up, each with the script that has it."""
    for idea in IDEAS:
        rewritten = idea.applied(source)
        if rewritten is not None:
            yield idea, rewritten
