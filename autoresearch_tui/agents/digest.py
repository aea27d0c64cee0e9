"""The night so far in a fixed number of characters, however long it is.

Where the metric stands and how sure that is, the keeps that the incumbent stands on, what was tried
around each name and what it gave, dead ends, failures, near misses; what place is left goes to the
latest experiments. Each part has its share, so that none crowds the others out.
"""

import math
from collections.abc import Iterable, Sequence

from autoresearch_tui.agents import fitting, quoting, themes
from autoresearch_tui.agents.themes import Theme
from autoresearch_tui.record import plateau as standing
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status

DIGEST_CHARACTERS = 7_000
TITLE_CHARACTERS = 100
REASON_CHARACTERS = 80
NAME_CHARACTERS = 40
NEAR_MISSES_SHOWN = 5
FAILURES_SHOWN = 4

LINEAGE_SHARE = 0.18
THEMES_SHARE = 0.28
DEAD_SHARE = 0.05
FAILURES_SHARE = 0.1
NEAR_SHARE = 0.1
"""Of all characters."""

_FAILED = (Status.CRASH, Status.TIMEOUT, Status.INVALID)


def digest(state: SessionState, characters: int = DIGEST_CHARACTERS) -> str:
    """Return the history in at most that many characters."""
    judged = [e for e in state.experiments.values() if e.status is not None]
    if not judged:
        return "No experiment was judged yet."[: max(0, characters)]
    counts = ", ".join(f"{count} {status}" for status, count in sorted(state.status_counts.items()))
    spread = standing.noise(state)
    found = themes.themes(state)
    parts = [
        _setting(state),
        f"Judged so far: {counts}.",
        _noise(spread),
        _lineage(state, spread, int(LINEAGE_SHARE * characters)),
        _themes(found, int(THEMES_SHARE * characters)),
        _dead_ends(state, found, spread, int(DEAD_SHARE * characters)),
        _failures(judged, int(FAILURES_SHARE * characters)),
        _near_misses(state, judged, spread, int(NEAR_SHARE * characters)),
    ]
    text = "\n\n".join(part for part in parts if part)
    latest = _latest(judged, characters - len(text) - 2)
    return "\n\n".join(filter(None, [text, latest]))[: max(0, characters)]


def line(experiment: Experiment) -> str:
    """Return an experiment on one line of bounded length."""
    text = f"#{experiment.number} {experiment.status or experiment.phase} {_score(experiment)}"
    if experiment.parent is not None:
        text += f" from #{experiment.parent}"
    text += f": {quoting.one_line(experiment.title, TITLE_CHARACTERS)}"
    if experiment.val_bpb is None and experiment.reason:
        text += f" {quoting.reason(experiment.reason, REASON_CHARACTERS)}"
    return text


def _score(experiment: Experiment) -> str:
    value = experiment.val_bpb
    score = "-" if value is None else f"{value:.4f}" if 0.1 <= abs(value) < 1e6 else f"{value:.4g}"
    return score + ("" if experiment.change is None else f" ({_change(experiment.change)})")


def _change(change: float) -> str:
    plain = change == 0 or 1e-3 <= abs(change) < 1e6
    return f"{change:+.4f}" if plain else f"{change:+.2g}"


def _setting(state: SessionState) -> str:
    machine = state.hardware
    where = ""
    if machine is not None:
        name = quoting.one_line(machine.name, NAME_CHARACTERS)
        where = f" on {name} ({machine.device[:10]}, {machine.cores} cores)"
    data = ""
    if state.data is not None:
        name = quoting.one_line(state.data.name, NAME_CHARACTERS)
        data = f", data set {name} ({state.data.profile[:20]})"
    return f"Each experiment trains for {state.budget_s:g} s{where}{data}."


def _noise(spread: float | None) -> str:
    if spread is None:
        return (
            "How noisy a run is here is not known: no experiment was run twice. A small difference "
            "may be luck, of a keep as well."
        )
    return (
        f"One run's noise is {spread:.2g} (standard deviation): two runs that differ by less than "
        f"{standing.STANDS_OUT_SD * spread:.2g} may be equal."
    )


def _lineage(state: SessionState, spread: float | None, room: int) -> str:
    """Return the incumbent's own keeps: the first, the latest, and what those between gave."""
    kept = standing.lineage(state)
    if not kept:
        return ""
    title = f"Kept, and stood on by #{kept[-1].number}, the incumbent:"
    undone = state.status_counts.get(Status.KEEP, 0) - len(kept)
    least = None if spread is None else standing.STANDS_OUT_SD * spread
    lines = [_keep(state, each, least) for each in kept]
    keeps = [e.number for e in state.experiments.values() if e.status is Status.KEEP]
    last_keep = max(keeps, default=kept[-1].number)
    notes: list[str] = []
    if last_keep != kept[-1].number:
        incumbent = kept[-1].number
        notes = [f"A person undid keeps: experiment {incumbent} is the incumbent again."]
    elif undone > 0:
        notes = [f"{undone} other keeps were undone, or replaced by a new baseline."]
    room -= len(title) + len(lines[0]) + sum(map(len, notes)) + 100
    shown = fitting.first_of(lines[:0:-1], room)[::-1]
    between = kept[1 : len(kept) - len(shown)]
    middle: list[str] = []
    if between:
        first, last = between[0], between[-1]
        gave = (last.val_bpb or 0.0) - (kept[0].val_bpb or 0.0)
        told = f"#{first.number} to #{last.number}, together {_change(gave)}"
        middle = [f"... {len(between)} more keeps, {told}"]
    return "\n".join([title, lines[0], *middle, *shown, *notes])


def _keep(state: SessionState, experiment: Experiment, least: float | None) -> str:
    change = experiment.change
    small = least is not None and change is not None and state.direction.gain(change) < least
    return line(experiment) + (" (within the noise)" if small else "")


def _themes(found: Sequence[Theme], room: int) -> str:
    if not found:
        return ""
    title = "What was tried, by what it changed (the most tried first):"
    rows = fitting.first_of(map(_theme, found), room - len(title) - 60)
    left = found[len(rows) :]
    if left:
        times = sum(theme.tried for theme in left)
        rows.append(f"... and {len(left)} other names, {times} times")
    return "\n".join([title, *rows])


def _theme(theme: Theme) -> str:
    counts = [f"{theme.tried} tried", f"{theme.kept} kept"]
    if theme.failed:
        counts.append(f"{theme.failed} failed")
    text = f"{quoting.one_line(theme.name, NAME_CHARACTERS)}: {', '.join(counts)}"
    if theme.best is not None:
        text += f"; best {_attempt(theme, theme.best)}"
    last = theme.experiments[-1]
    if last is not theme.best:
        text += f"; last {_attempt(theme, last)}"
    return text


def _attempt(theme: Theme, experiment: Experiment) -> str:
    moved = quoting.one_line(themes.moved(experiment, theme.name), NAME_CHARACTERS)
    change = str(experiment.status) if experiment.change is None else _change(experiment.change)
    return f"#{experiment.number} {moved} ({change})".replace("  ", " ")


def _dead_ends(state: SessionState, found: Sequence[Theme], spread: float | None, room: int) -> str:
    dead = [theme for theme in found if theme.is_dead and not _is_near(state, theme.best, spread)]
    if not dead:
        return ""
    title = f"Dead ends so far ({themes.DEAD_AFTER} results or more, no keep): "
    names: list[str] = []
    for theme in dead:
        name = f"{quoting.one_line(theme.name, NAME_CHARACTERS)} ({theme.measured})"
        if len(title) + len(", ".join([*names, name])) + 20 > room:
            break
        names.append(name)
    left = len(dead) - len(names)
    more = [f"{left} more"] if left else []
    return title + ", ".join([*names, *more]) + "."


def _failures(judged: Sequence[Experiment], room: int) -> str:
    failed = [each for each in judged if each.status in _FAILED][-FAILURES_SHOWN:]
    return _table("The latest that came to nothing", [line(each) for each in failed], room)


def _near_misses(
    state: SessionState, judged: Sequence[Experiment], spread: float | None, room: int
) -> str:
    lost = [
        (state.direction.gain(each.change), each)
        for each in judged
        if each.status is Status.DISCARD and each.change is not None and math.isfinite(each.change)
    ]
    near = sorted(lost, key=lambda pair: -pair[0])[:NEAR_MISSES_SHOWN]
    title = "Discarded, but close"
    if spread is not None:
        near = [pair for pair in near if _is_near(state, pair[1], spread)]
        title += " (within the noise, so it may be as good)"
    return _table(title, [line(each) for _, each in near], room)


def _is_near(state: SessionState, best: Experiment | None, spread: float | None) -> bool:
    """Return whether a result may be as good as its parent's, by the noise that was measured."""
    if spread is None or best is None or best.change is None:
        return False
    return state.direction.gain(best.change) > -standing.STANDS_OUT_SD * spread


def _latest(judged: Sequence[Experiment], room: int) -> str:
    title = "The latest, the last one first"
    return _table(title, map(line, reversed(judged)), room)


def _table(title: str, lines: Iterable[str], room: int) -> str:
    shown = fitting.first_of(lines, room - len(title) - 2)
    return "\n".join([f"{title}:", *shown]) if shown else ""
