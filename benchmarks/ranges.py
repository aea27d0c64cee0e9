"""A small picture for the documentation: medians with their quartiles along a count, as SVG."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 130, 56, 46
COLOURS = ("#2a6fbb", "#c4661f", "#6b7280", "#2f8f4e")
"""Told apart by most eyes, on light and on dark pages."""
TEXT = "#6b7280"

Quartiles = Sequence[tuple[float, float, float]]


def draw(
    series: Mapping[str, Quartiles],
    *,
    title: str,
    subtitle: str,
    along: str,
    line: tuple[float, str],
) -> str:
    """Return a picture with a logarithmic height: a band and a median for each series.

    Args:
        series: by name, the lower quartile, the median and the upper one at 0, 1, 2...
        title: what the height is.
        subtitle: whose medians these are.
        along: what is counted.
        line: a height that is drawn across, and its name.
    """
    values = [value for each in series.values() for row in each for value in row]
    low = math.floor(math.log10(max(1e-6, min(*values, line[0]))) * 5) / 5
    high = math.ceil(math.log10(max(*values, line[0])) * 5) / 5
    last = max(len(each) for each in series.values()) - 1

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at / max(1, last)

    def y(value: float) -> float:
        share = (math.log10(max(value, 10**low)) - low) / (high - low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def points(heights: Sequence[float], start: int = 0) -> list[str]:
        return [f"{x(start + at):.1f},{y(value):.1f}" for at, value in enumerate(heights)]

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        f'<g font-family="sans-serif" font-size="12" fill="{TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT}" y="40">{escape(subtitle)}</text>',
    ]
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for tick in _ticks(10**low, 10**high):
        parts += [
            f'<path d="M{LEFT} {y(tick):.1f}H{right}" stroke="{TEXT}" stroke-opacity="0.2"/>',
            f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>',
        ]
    for at in range(0, last + 1, max(1, last // 8)):
        parts.append(f'<text x="{x(at):.1f}" y="{bottom + 18}" text-anchor="middle">{at}</text>')
    parts += [
        f'<text x="{(LEFT + right) / 2}" y="{bottom + 38}">{escape(along)}</text>',
        f'<path d="M{LEFT} {y(line[0]):.1f}H{right}" stroke="{TEXT}" stroke-dasharray="5 4"/>',
        f'<text x="{right + 6}" y="{y(line[0]) + 4:.1f}">{escape(line[1])} ({line[0]:g})</text>',
    ]
    taken = [y(line[0])]
    for (name, each), colour in zip(series.items(), COLOURS, strict=False):
        lower, middle, upper = zip(*each, strict=True)
        around = [*points(upper), *reversed(points(lower))]
        height = y(middle[-1])
        while any(abs(height - other) < 14 for other in taken):
            height -= 4
        taken.append(height)
        parts += [
            f'<polygon points="{" ".join(around)}" fill="{colour}" fill-opacity="0.16"/>',
            f'<polyline points="{" ".join(points(middle))}" fill="none" stroke="{colour}"/>',
            f'<text x="{right + 6}" y="{height + 4:.1f}" fill="{colour}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</g></svg>", ""])


def _ticks(low: float, high: float) -> Iterator[float]:
    """Yield 1, 2 and 5 of each decade between two numbers."""
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            if low <= digit * 10.0**decade <= high:
                yield float(f"{digit}e{decade}")
