"""What the machine does: load, memory, power, heat, clock, and what its time went to."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from autoresearch_tui.record.samples import DeviceSample, TelemetrySample
from autoresearch_tui.tui.ascii import CROSS
from autoresearch_tui.tui.text import Line, Span, both_ends, gibibytes, one_line, pad, width_of
from autoresearch_tui.tui.widgets import ledger
from autoresearch_tui.tui.widgets.canvas import Pane
from autoresearch_tui.tui.widgets.ledger import LABEL_CELLS, WIDE_CELLS

BARS = " ▁▂▃▄▅▆▇█"
VALUE_CELLS = 14
MAX_DEEP_ROWS = 4
LEDGER_ROWS = 2
"""What the ledger takes at least: its bar, and a row of names."""
HOT_C = 85.0
HOTTEST_C = 100.0
SPAN_S = 300.0
"""How far the histories go back, about: a cell is the mean of some seconds, so that it stands still
and only the last one moves."""
GRAPH_CELLS_AT_LEAST = 6
MILD = {"power"}
"""Reasons to be slowed that are no fault: a card at full load meets its power limit."""

Read = Callable[[DeviceSample], float | None]


class History:
    """The samples of the last minutes, a bucket a cell."""

    def __init__(self, samples: Sequence[TelemetrySample], cells: int) -> None:
        """Put the samples into buckets that begin at round times, so that they never shift."""
        self.cells = max(1, cells)
        step = max(1, round(SPAN_S / self.cells))
        last = int(samples[-1].at // step)
        self.buckets: list[list[TelemetrySample]] = [[] for _ in range(self.cells)]
        for sample in samples:
            at = self.cells - 1 - (last - int(sample.at // step))
            if 0 <= at < self.cells:
                self.buckets[at].append(sample)

    def of_host(self, read: Callable[[TelemetrySample], float]) -> list[float | None]:
        """Return a mean for each cell; none where nothing was sampled."""
        return [sum(map(read, bucket)) / len(bucket) if bucket else None for bucket in self.buckets]

    def of_device(self, index: int, read: Read) -> list[float | None]:
        """Return the same of a device."""
        means: list[float | None] = []
        for bucket in self.buckets:
            here = (read(each.devices[index]) for each in bucket if index < len(each.devices))
            values = [value for value in here if value is not None]
            means.append(sum(values) / len(values) if values else None)
        return means


class MachinePane(Pane):
    """Rows of label, history and value; all devices first, then the ledger."""

    ID: ClassVar[str] = "machine"
    NAME: ClassVar[str] = "Machine"
    HELP: ClassVar[str | None] = (
        "Each GPU's load, memory, power, heat and clock, with about five minutes of history "
        "(without a GPU: the processor and its memory). `slowed` says that a GPU holds its clock "
        "back, and why: power (its limit, usual at full load), heat, hardware. Then what the "
        "session's time went to: █ training, ▓ compiling, ▒ starting, ▚ evaluating, ░ waiting for "
        f"the agent, ? waiting for you, {CROSS} spent on what came to nothing, ‖ paused. Where "
        "the names do not fit, the smallest shares have none; z gives them room. It stands still "
        "while nothing runs."
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
        height = self.content_size.height
        if not samples:
            return [(("No samples of the machine yet.", "muted"),), *self._ledger(width, height)]
        devices = len(samples[-1].devices)
        run = self._speed(width)
        history = History(samples, width - LABEL_CELLS - VALUE_CELLS)
        detail: Detail = _compact
        host, speed = not devices, list[Line]()
        # From all there is to the least, where the GPUs matter more than the processor.
        choices: list[tuple[Detail, bool, list[Line]]] = [
            (_full, True, run),
            (_usual, True, run),
            (_usual, not devices, run),
            (_usual, not devices, []),
            (_compact, True, run),
        ]
        for choice, with_host, with_run in choices:
            rows = self._machine(samples[-1], history, width, choice, host=with_host)
            if len(rows) + len(with_run) + LEDGER_ROWS <= height:
                detail, host, speed = choice, with_host, with_run
                break
        rows = self._machine(samples[-1], history, width, detail, host=host)
        rest = self._ledger(width, max(LEDGER_ROWS, height - len(rows) - len(speed)))
        spare = height - len(rows) - len(speed) - len(rest)
        if spare > 0:
            deep = min(MAX_DEEP_ROWS, 1 + spare // max(1, devices))
            rows = self._machine(samples[-1], history, width, detail, deep=deep, host=host)
        hidden = len(rows) + len(rest) - height
        if hidden > 0 and not devices:
            # The processor's name matters least.
            del rows[0]
        elif hidden > 0 and devices > 1:
            rows[-hidden - 1 :] = [((f"and {hidden + 1} more; z shows all", "muted"),)]
        return [*rows, *speed, *rest]

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

    def _machine(
        self,
        last: TelemetrySample,
        history: History,
        width: int,
        detail: "Detail",
        *,
        deep: int = 1,
        host: bool = True,
    ) -> list[Line]:
        rows: list[Line] = []
        for index, device in enumerate(last.devices):
            rows.extend(detail(index, device, history, width, deep))
        if not host:
            return rows
        if not last.devices:
            hardware = self.night.state.hardware
            rows.append(((one_line(hardware.name) if hardware else "processor", "muted"),))
        load = history.of_host(lambda sample: sample.cpu_percent)
        percent = f"{last.cpu_percent:.0f} %"
        rows.extend(_graph("cpu", load, 100.0, percent, width, 1 if last.devices else deep))
        rows.append(_memory("ram", last.memory_used_mb, last.memory_total_mb, width))
        return rows

    def _ledger(self, width: int, height: int) -> list[Line]:
        shares = ledger.parts(self.night.state.ledger_at(self.night.moment))
        if not shares:
            return []
        return [ledger.bar(shares, width), *ledger.legend(shares, width, max(1, height - 1))]


Detail = Callable[[int, DeviceSample, History, int, int], list[Line]]
"""One device, by its number, at a width, with a load as many rows high."""


def _full(index: int, device: DeviceSample, past: History, width: int, deep: int) -> list[Line]:
    """Return everything that is known of a device, each with its history."""
    rows = [both_ends(_title(index, device), _slowed(index, device, past), width)]
    rows += _load(index, device, past, width, deep)
    rows += _power(index, device, past, width)
    if (heat := device.temperature_c) is not None:
        means = past.of_device(index, lambda each: each.temperature_c)
        top = device.temperature_limit_c or HOTTEST_C
        style = "bad" if heat >= HOT_C else "note"
        rows += _graph("heat", means, top, _degrees(heat), width, 1, style)
    if device.clock_mhz is not None:
        means = past.of_device(index, lambda each: each.clock_mhz)
        top = device.clock_limit_mhz or max(filter(None, means), default=1.0)
        rows += _graph("clock", means, top, f"{device.clock_mhz:.0f} MHz", width, 1)
    return rows


def _usual(index: int, device: DeviceSample, past: History, width: int, deep: int) -> list[Line]:
    """Return load, memory and power with their histories; heat and clock as numbers."""
    facts = _slowed(index, device, past)
    if not facts:
        facts = _numbers(device)
    rows = [both_ends(_title(index, device), facts, width)]
    return [*rows, *_load(index, device, past, width, deep), *_power(index, device, past, width)]


def _compact(index: int, device: DeviceSample, past: History, width: int, _deep: int) -> list[Line]:
    """Return a device on one row: its load's history, then as many numbers as fit."""
    slowed = _slowed(index, device, past)
    used = f"{gibibytes(device.memory_used_mb)}/{gibibytes(device.memory_total_mb)}G"
    facts: list[Line] = [((f" {device.utilization_percent:>3.0f} %", "strong"),)]
    facts.append(((f" {used}", ""),))
    facts += [_heat(device)] if device.temperature_c is not None else []
    facts += [((f" {device.power_w:.0f} W", ""),)] if device.power_w is not None else []
    if slowed:
        # It is why the clock is what it is, and has its place.
        facts.insert(1, slowed) if width < WIDE_CELLS else facts.append(slowed)
    elif device.clock_mhz is not None:
        facts.append(((f" {device.clock_mhz:.0f} MHz", "muted"),))
    label = f"GPU {index} "
    right: Line = ()
    for fact in facts:
        if len(label) + GRAPH_CELLS_AT_LEAST + width_of(right) + width_of(fact) <= width:
            right = (*right, *fact)
    room = max(1, width - len(label) - width_of(right))
    cells = past.of_device(index, lambda each: each.utilization_percent)[-room:]
    return [((label, "strong"), (_blocks(cells, 100.0, 1)[0].rjust(room), "note"), *right)]


def _title(index: int, device: DeviceSample) -> Line:
    return ((f"GPU {index} ", "strong"), (one_line(device.name), "muted"))


def _heat(device: DeviceSample) -> Line:
    heat = device.temperature_c or 0.0
    return ((f" {_degrees(heat)}", "bad" if heat >= HOT_C else "muted"),)


def _degrees(heat: float) -> str:
    return f"{heat:.0f} °C{'!' if heat >= HOT_C else ''}"


def _numbers(device: DeviceSample) -> Line:
    clock: Line = ((f" {device.clock_mhz:.0f} MHz", "muted"),) if device.clock_mhz else ()
    return clock if device.temperature_c is None else (*clock, *_heat(device))


def _slowed(index: int, device: DeviceSample, past: History) -> Line:
    """Return why the device is slowed now, or was in the time that the history shows."""
    if device.throttle:
        reason = one_line(device.throttle)
        return ((f" slowed: {reason}", "warn" if reason in MILD else "bad"),)
    seen = [
        each.devices[index].throttle
        for bucket in past.buckets
        for each in bucket
        if index < len(each.devices)
    ]
    reasons = [reason for reason in seen if reason]
    if not reasons:
        return ()
    share = f"{len(reasons) / len(seen):.0%}"
    return ((f" was slowed {share}: {one_line(reasons[-1])}", "warn"),)


def _load(index: int, device: DeviceSample, past: History, width: int, deep: int) -> list[Line]:
    load = past.of_device(index, lambda each: each.utilization_percent)
    percent = f"{device.utilization_percent:.0f} %"
    return [
        *_graph("load", load, 100.0, percent, width, deep),
        _memory("mem", device.memory_used_mb, device.memory_total_mb, width),
    ]


def _power(index: int, device: DeviceSample, past: History, width: int) -> list[Line]:
    if device.power_w is None:
        return []
    watts = past.of_device(index, lambda each: each.power_w)
    limit = device.power_limit_w or max(filter(None, watts), default=1.0)
    return _graph("power", watts, limit, f"{device.power_w:.0f}/{limit:.0f} W", width, 1)


def _blocks(values: Sequence[float | None], top: float, deep: int) -> list[str]:
    """Return bars of eighths of a row, `deep` rows high, the lowest row first."""
    scale = deep * 8 / top if top > 0 else 0.0
    eighths = [
        0 if each is None else max(1, min(deep * 8, round(max(0.0, each) * scale)))
        for each in values
    ]
    return [
        "".join(BARS[min(8, max(0, each - row * 8))] for each in eighths) for row in range(deep)
    ]


def _graph(
    label: str,
    values: Sequence[float | None],
    top: float,
    value: str,
    width: int,
    deep: int,
    style: str = "note",
) -> list[Line]:
    """Return a history, the latest at the right, with its label and its value now."""
    room = max(1, width - LABEL_CELLS - VALUE_CELLS)
    lowest, *above = _blocks(values[-room:], top, deep)
    margin, edge = " " * LABEL_CELLS, " " * VALUE_CELLS
    rows: list[Line] = [
        ((margin, ""), (cells.rjust(room), style), (edge, "")) for cells in reversed(above)
    ]
    named = (pad(label, LABEL_CELLS), "muted")
    rows.append((named, (lowest.rjust(room), style), (value.rjust(VALUE_CELLS), "strong")))
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
