"""The words and values that facts are told in, and the state and the settings too.

Each is stored under its value, so a value is never changed, and never means anything else.
"""

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """How an experiment ended."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    TIMEOUT = "timeout"
    PRUNED = "pruned"
    INVALID = "invalid"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    KILLED = "killed"
    SKIPPED = "skipped"


class RunOutcome(StrEnum):
    """How one training run ended, before its result is evaluated."""

    TRAINED = "trained"
    CRASH = "crash"
    TIMEOUT = "timeout"
    INVALID = "invalid"
    KILLED = "killed"
    INTERRUPTED = "interrupted"


class Standing(StrEnum):
    """Who computed a metric: our evaluator, or the training script itself."""

    MEASURED = "measured"
    REPORTED = "reported"


class ApprovalMode(StrEnum):
    """Whether an edit runs at once or waits for a person."""

    AUTO = "auto"
    ASK = "ask"


class Absence(StrEnum):
    """What becomes of an edit that nobody decided on in time."""

    APPROVE = "approve"
    REJECT = "reject"


class Direction(StrEnum):
    """Which way the metric gets better."""

    LOWER = "lower"
    HIGHER = "higher"

    def gain(self, change: float) -> float:
        """Return by how much a change of the metric is for the better; negative for the worse."""
        return -change if self is Direction.LOWER else change


class Level(StrEnum):
    """How much a notice matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that the numbers of a session belong to."""

    device: str
    """`cpu`, `mps` or `cuda`."""
    name: str
    cores: int
    memory_mb: int
    device_memory_mb: int = 0
    """What the accelerator has of its own; 0 where it has none, or nobody asked."""
    torch: str
    python: str
    host: str


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """The prepared data; results of two fingerprints are never compared."""

    name: str
    profile: str
    fingerprint: str


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one proposal cost; tokens are zero for agents that use none."""

    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    """Those among the ones written to a cache that stay there for an hour, which costs more."""
    cost_usd: float | None = None
    """By the session's price table; none where it has no price for the model."""

    @property
    def tokens(self) -> int:
        """All of them, read and written, from and to a cache too."""
        cached = self.cache_read_tokens + self.cache_write_tokens
        return self.input_tokens + self.output_tokens + cached

    def __add__(self, other: "Usage") -> "Usage":
        """Return what both cost together: the costs that are known, none where neither is."""
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            seconds=self.seconds + other.seconds,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            cost_usd=sum(costs) if costs else None,
        )
