"""Tests of the places that values come to in a plot."""

from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.tui.widgets.plot import Grid, Scale, Zoom, labels, rounded_out

numbers = st.floats(-1e6, 1e6)
spans = st.floats(0.5, 1e5)
zooms = st.builds(Zoom, st.none() | spans, st.none() | numbers)


@given(numbers, spans, st.integers(1, 300), numbers)
def test_every_value_has_a_cell_and_larger_ones_none_before(
    low: float, span: float, cells: int, value: float
) -> None:
    scale = Scale(low, low + span, cells)
    assert 0 <= scale.cell(value) < cells
    assert scale.cell(value) <= scale.cell(value + span / 7)
    assert scale.cell(scale.value(scale.cell(value))) == scale.cell(value)


@given(zooms, numbers, spans)
def test_a_view_is_always_inside_of_what_there_is(zoom: Zoom, low: float, span: float) -> None:
    start, end = zoom.window(low, low + span)
    assert low <= start <= end <= low + span


@given(zooms, numbers, spans, st.floats(0.1, 10), st.floats(0, 1))
def test_what_is_zoomed_around_stays_in_view(
    zoom: Zoom, low: float, span: float, factor: float, share: float
) -> None:
    high = low + span
    start, end = zoom.window(low, high)
    around = start + share * (end - start)
    new = zoom.scaled(low, high, factor, around, least=span / 100)
    new_start, new_end = new.window(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert new_start - slack <= around <= new_end + slack
    assert new_end - new_start <= max(span / 100, (end - start) * factor) + slack


@given(zooms, numbers, spans, st.floats(0, 1))
def test_a_view_follows_the_cursor_and_keeps_its_width(
    zoom: Zoom, low: float, span: float, share: float
) -> None:
    high = low + span
    value = low + share * span
    start, end = zoom.window(low, high)
    moved = zoom.holding(low, high, value)
    new_start, new_end = moved.window(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert new_start - slack <= value <= new_end + slack
    assert abs((new_end - new_start) - (end - start)) <= slack
    if start <= value <= end:
        assert moved == zoom


@given(spans, spans)
def test_a_view_of_the_newest_follows_what_is_added(span: float, more: float) -> None:
    zoom = Zoom().scaled(0.0, span, 0.5, span, least=0.0)
    _, end = zoom.window(0.0, span + more)
    assert end == span + more


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_a_rounded_range_holds_the_other_and_little_more(low: float, span: float) -> None:
    start, end = rounded_out(low, low + span)
    slack = 1e-9 * (abs(low) + span)
    assert start <= low + slack
    assert end >= low + span - slack
    assert end - start <= 1.21 * span + slack


@given(numbers, st.floats(0, 1e4), st.integers(1, 80))
def test_labels_are_in_the_plot_and_name_its_ends(low: float, span: float, rows: int) -> None:
    names = labels(low, low + span, rows)
    assert names
    assert all(0 <= row < rows for row in names)


@given(st.lists(st.tuples(st.integers(-9, 99), st.integers(-9, 99)), max_size=20))
def test_nothing_is_drawn_outside_of_a_grid(points: list[tuple[int, int]]) -> None:
    grid = Grid(10, 4)
    grid.dots(points, "accent")
    grid.dots(points, "muted", dashed=True)
    for x, y in points:
        grid.put(x, y, "●", "good")
        grid.restyle(x, y, "cursor")
    rows = [grid.row(y) for y in range(4)]
    assert all(sum(len(text) for text, _ in row) == 10 for row in rows)
