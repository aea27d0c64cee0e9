"""What the machine does: load, memory, power, heat, and what its time went to."""

from collections.abc import Sequence
from typing import ClassVar

from autoresearch_tui.record.samples import DeviceSample, TelemetrySample
from autoresearch_tui.record.state import Activity
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.text import Line, Span, both_ends, gibibytes, one_line, pad
from autoresearch_tui.tui.widgets.canvas import Pane

BARS = " ▁▂▃▄▅▆▇█"
LABEL_CELLS = 6
VALUE_CELLS = 14
MAX_DEEP_ROWS = 4
HOT_C = 85.0
WIDE_CELLS = 50
SHOWN_SHARE = 0.005

SHARES: tuple[tuple[str, str, str, tuple[Activity, ...]], ...] = (
    ("█", "good", "train", (Activity.TRAINING,)),
    ("▓", "accent", "start", (Activity.STARTING, Activity.COMPILING)),
    ("▒", "note", "eval", (Activity.EVALUATING,)),
    ("░", "warn", "wait", (Activity.WAITING_FOR_AGENT, Activity.WAITING_FOR_HUMAN)),
    (CROSS, "bad", "fail", (Activity.FAILED,)),
    ("·", "muted", "pause", (Activity.PAUSED,)),
)
"""The parts of the ledger's bar: glyph, style, name and what counts in it."""


class MachinePane(Pane):
    """Rows of label, history and value; all devices first, then the ledger."""

    ID: ClassVar[str] = "machine"
    NAME: ClassVar[str] = "Machine"
    HELP: ClassVar[str | None] = (
        "Each GPU's load, memory, power and heat with a short history (without a GPU: the "
        "processor and its memory), then what the session's time went to: █ training, ▓ starting "
        f"up and compiling, ▒ evaluating, ░ waiting for the agent or for you, {CROSS} spent on "
        "what came to nothing, · paused. Where the names do not fit, the smallest shares have "
        "none. "
        "It stands still while nothing runs."
    )

    def __init__(self, digit: int) -> None:
        """Make an empty pane."""
        super().__init__(digit)
        self._frozen: list[TelemetrySample] = []

    def rows(self, width: int) -> list[Line]:
        """Return the devices, the speed of the run and the ledger, as high as the pane allows."""
        if self.night.lively or not self._frozen:
            self._frozen = list(self.night.telemetry)
        samples = self._frozen
        if not samples:
            return [(("No samples of the machine yet.", "muted"),), *self._ledger(width)]
        graphs = max(1, len(samples[-1].devices))
        least = self._devices(samples, width, 1, host=not samples[-1].devices)
        rest = [*self._speed(width), *self._ledger(width)]
        if len(least) + len(rest) > self.content_size.height:
            rest = self._ledger(width)
        room = self.content_size.height - len(rest)
        # Where there is no room for all, the GPUs matter more than the processor.
        host = not samples[-1].devices or len(self._devices(samples, width, 1, host=True)) <= room
        flat = self._devices(samples, width, 1, host=host)
        deep = max(1, min(MAX_DEEP_ROWS, 1 + (room - len(flat)) // graphs))
        return [*self._devices(samples, width, deep, host=host), *rest]

    def _speed(self, width: int) -> list[Line]:
        curve = self.night.curve
        if curve is None or curve.last is None or self.night.seconds_left is None:
            return []
        last = curve.last
        spans: list[Span] = [(pad("run", LABEL_CELLS), "muted")]
        spans.append((f"{last.tokens_per_s:,.0f} tokens/s", "strong"))
        spans.append((f"  step {last.step:,}", "muted"))
        if width >= WIDE_CELLS:
            spans.append((f"  loss {last.loss:.3f}", "muted"))
        if last.mfu is not None:
            spans.append((f"  {last.mfu:.0%} MFU", "muted"))
        return [tuple(spans)]

    def _devices(
        self, samples: list[TelemetrySample], width: int, deep: int, *, host: bool
    ) -> list[Line]:
        last = samples[-1]
        rows: list[Line] = []
        for index, device in enumerate(last.devices):
            past = [each.devices[index] for each in samples if index < len(each.devices)]
            rows.extend(_device(index, device, past, width, deep))
        if not host:
            return rows
        if not last.devices:
            hardware = self.night.state.hardware
            rows.append(((one_line(hardware.name) if hardware else "processor", "muted"),))
        load = [each.cpu_percent for each in samples]
        percent = f"{last.cpu_percent:.0f} %"
        rows.extend(_graph("cpu", load, 100.0, percent, width, 1 if last.devices else deep))
        rows.append(_memory("ram", last.memory_used_mb, last.memory_total_mb, width))
        return rows

    def _ledger(self, width: int) -> list[Line]:
        night = self.night
        ledger = night.state.ledger_at(night.moment)
        total = sum(ledger.values())
        if total <= 0:
            return []
        parts = [
            (glyph, style, name, sum(ledger.get(each, 0.0) for each in activities) / total)
            for glyph, style, name, activities in SHARES
        ]
        room = width - LABEL_CELLS
        wide = width >= WIDE_CELLS
        bar: list[Span] = [(pad("time" if wide else "time%", LABEL_CELLS), "muted")]
        filled = share_so_far = 0
        exact = 0.0
        for glyph, style, _, share in parts:
            exact += share * room
            share_so_far = round(exact)
            bar.append((glyph * (share_so_far - filled), style))
            filled = share_so_far
        return [tuple(bar), _legend(parts, width, wide=wide)]


def _legend(parts: Sequence[tuple[str, str, str, float]], width: int, *, wide: bool) -> Line:
    """Return the names and shares of the bar's parts, as many as fit: the largest."""
    margin: list[Span] = [(" " * LABEL_CELLS, "")] if wide else []
    room = width - len(margin) * LABEL_CELLS
    shown: set[str] = set()
    words = {
        glyph: f" {name} {share:.0%}  " if wide else f"{name} {share * 100:.0f} "
        for glyph, _, name, share in parts
    }
    for glyph, _, _, share in sorted(parts, key=lambda part: -part[3]):
        room -= 1 + len(words[glyph])
        # The blank after the last one may be cut.
        if share < SHOWN_SHARE or room < -1:
            break
        shown.add(glyph)
    spans = [
        span
        for glyph, style, _, _ in parts
        if glyph in shown
        for span in ((glyph, style), (words[glyph], "muted"))
    ]
    return (*margin, *spans)


def _device(
    index: int, device: DeviceSample, past: Sequence[DeviceSample], width: int, deep: int
) -> list[Line]:
    throttle = f"slowed: {one_line(device.throttle)}" if device.throttle else ""
    heat = device.temperature_c
    facts: list[Span] = []
    if device.clock_mhz is not None:
        facts.append((f" {device.clock_mhz:.0f} MHz", "muted"))
    if heat is not None:
        facts.append((f" {heat:.0f} °C", "bad" if heat >= HOT_C else "muted"))
    if throttle:
        facts = [(f" {throttle}", "bad")]
    title: Line = ((f"GPU {index} ", "strong"), (one_line(device.name), "muted"))
    rows = [both_ends(title, tuple(facts), width)]
    load = [each.utilization_percent for each in past]
    percent = f"{device.utilization_percent:.0f} %"
    rows.extend(_graph("load", load, 100.0, percent, width, deep))
    rows.append(_memory("mem", device.memory_used_mb, device.memory_total_mb, width))
    if device.power_w is not None:
        limit = device.power_limit_w or max(each.power_w or 1.0 for each in past)
        watts = [each.power_w or 0.0 for each in past]
        rows.extend(_graph("power", watts, limit, f"{device.power_w:.0f}/{limit:.0f} W", width, 1))
    return rows


def _graph(
    label: str, values: Sequence[float], top: float, value: str, width: int, deep: int
) -> list[Line]:
    """Return a history as bars of eighths of a row, `deep` rows high, the latest at the right."""
    room = max(1, width - LABEL_CELLS - VALUE_CELLS)
    shown = list(values[-room:])
    eighths = [max(1, round(min(1.0, max(0.0, each / top)) * deep * 8)) for each in shown]
    rows: list[Line] = []
    for row in reversed(range(deep)):
        cells = "".join(BARS[min(8, max(0, each - row * 8))] for each in eighths)
        last = row == 0
        rows.append(
            (
                (pad(label if last else "", LABEL_CELLS), "muted"),
                (cells.rjust(room), "note"),
                ((value if last else "").rjust(VALUE_CELLS), "strong"),
            )
        )
    return rows


def _memory(label: str, used_mb: float, total_mb: float, width: int) -> Line:
    room = max(1, width - LABEL_CELLS - VALUE_CELLS)
    share = used_mb / total_mb if total_mb > 0 else 0.0
    filled = min(room, round(share * room))
    value = f"{gibibytes(used_mb)}/{gibibytes(total_mb)} GiB"
    return (
        (pad(label, LABEL_CELLS), "muted"),
        ("█" * filled, "second"),
        ("░" * (room - filled), "faint"),
        (value.rjust(VALUE_CELLS), "strong"),
    )
