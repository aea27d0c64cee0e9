"""What is sampled often and is no fact: device load, step losses, an agent's thoughts.

They lie in files of their own beside the journal, so that the journal stays a story. What comes
from a training process (`StepSample`) is that process's own word: shown, never believed.
"""

from enum import StrEnum

import msgspec


class DeviceSample(msgspec.Struct, frozen=True, kw_only=True):
    """One accelerator at one moment."""

    name: str
    utilization_percent: float
    memory_used_mb: float
    memory_total_mb: float
    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None
    temperature_limit_c: float | None = None
    """Where the device slows itself down."""
    clock_mhz: float | None = None
    clock_limit_mhz: float | None = None
    """The fastest that it can be."""
    throttle: str | None = None
    """Why the device is slowed down, in a word; none when it is not."""


class TelemetrySample(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `telemetry.jsonl`: the machine at one moment."""

    at: float
    cpu_percent: float
    """Load of all cores together, 0 to 100."""
    memory_used_mb: float
    memory_total_mb: float
    devices: list[DeviceSample] = []


class StepSample(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an experiment's `metrics.jsonl`, written by its training process."""

    t: float
    """Seconds since the clock started."""
    step: int
    tokens: int
    loss: float
    """Training loss in nats per token."""
    tokens_per_s: float = 0.0
    mfu: float | None = None


class ThoughtKind(StrEnum):
    """What a line of reasoning is."""

    TEXT = "text"
    THINKING = "thinking"
    TOOL = "tool"
    STEERING = "steering"
    ERROR = "error"


class Thought(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `reasoning.jsonl`: what an agent said or did, in pieces that belong together."""

    at: float
    experiment: int
    kind: ThoughtKind
    text: str
    """A fragment for `text` and `thinking`, which follow one another; else a whole line."""
