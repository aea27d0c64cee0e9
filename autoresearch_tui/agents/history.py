"""The night's experiments as a model may search and look at them, in bounded length."""

import math

from autoresearch_tui.agents import digest, prompt
from autoresearch_tui.agents.base import Context
from autoresearch_tui.record.samples import StepSample
from autoresearch_tui.record.state import Experiment

FOUND_SHOWN = 20
CURVE_POINTS = 16
DIFFS_READ = 1_000
"""For a search by constant, of the latest experiments: each is a file to read."""


def query(context: Context, status: str | None, text: str | None, constant: str | None) -> str:
    """Return the experiments that all the given filters let through, the latest ones, a line each.

    Args:
        context: of the proposal.
        status: how it ended; none or empty for any.
        text: what its title, hypothesis or verdict holds, in any case.
        constant: a word that its diff changes the line of.
    """
    found = [
        each
        for each in context.state.experiments.values()
        if (not status or str(each.status or each.phase) == status.strip().lower())
        and (not text or text.lower() in _words(each))
    ]
    if constant:
        found = found[-DIFFS_READ:]
    total, shown = 0, list[Experiment]()
    for each in reversed(found):
        if constant and not _changes(context.archive.diff(each.number), constant):
            continue
        total += 1
        if len(shown) < FOUND_SHOWN:
            shown.append(each)
    if not shown:
        return "No experiment is like that."
    counted = f"{total} found" + (
        f", the latest {len(shown)} of them" if total > len(shown) else ""
    )
    return "\n".join([f"{counted}:", *map(digest.line, reversed(shown))])


def _words(experiment: Experiment) -> str:
    return f"{experiment.title}\n{experiment.hypothesis}\n{experiment.reason}".lower()


def _changes(diff: str, word: str) -> bool:
    changed = (line[1:] for line in diff.splitlines() if line[:1] in "+-" and line[:3] != "+++")
    return any(word in line for line in changed)


def look(context: Context, experiment: Experiment) -> str:
    """Return all about one experiment: verdict, diff, loss curve as numbers, end of its output."""
    told = prompt.experiment_text(context, experiment)
    points = curve(context.archive.curve(experiment.number))
    return f"{told}\n{points}" if points else told


def curve(samples: list[StepSample]) -> str:
    """Return a run's training losses as a few numbers, evenly spread over its steps."""
    told = [each for each in samples if math.isfinite(each.loss) and math.isfinite(each.t)]
    if not told:
        return ""
    count = min(CURVE_POINTS, len(told))
    picked = [told[round(at * (len(told) - 1) / max(1, count - 1))] for at in range(count)]
    points = ", ".join(f"{each.t:.0f} s {each.loss:.4g}" for each in picked)
    rate = f"; {told[-1].tokens_per_s:.3g} tokens/s at its end" if told[-1].tokens_per_s else ""
    return (
        "Training loss in nats per token, by the script's own word, over "
        f"{told[-1].step} steps: {points}{rate}."
    )
