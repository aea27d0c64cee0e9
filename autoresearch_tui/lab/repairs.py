"""Which crash is worth a second look: an edit that failed early, for what looks like a small fault.

The agent whose edit it was is shown it with its traceback, once, and asked to mend it. What it
proposes then is an experiment of its own.
"""

import re

from autoresearch_tui.agents.base import Agent, Archive, Repair, Repairer
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status

LOOKED_AT = 4
"""The latest experiments; a fault that is older than that is let go."""
SOON_SHARE = 0.1
"""Of the budget: a script that trains for longer before it crashes has no small fault."""

_TOO_LARGE = re.compile(r"out ?of ?memory|MemoryError|bad_alloc", re.IGNORECASE)
"""What is too large for the machine is no fault of a line."""


def wanted(state: SessionState, archive: Archive, agent: Agent) -> Repair | None:
    """Return what an agent should be asked to mend next, if anything."""
    if not (isinstance(agent, Repairer) and agent.can_repair):
        return None
    for experiment in reversed(list(state.experiments.values())[-LOOKED_AT:]):
        if not _crashed_early(state, experiment) or experiment.agent != agent.name:
            continue
        output = archive.output_tail(experiment.number)
        train = archive.train(experiment.number)
        if train and blames_script(output, state.edited_file):
            return Repair(
                experiment=experiment.number,
                title=experiment.title,
                hypothesis=experiment.hypothesis,
                train=train,
                reason=experiment.reason,
                output=output,
            )
    return None


def _crashed_early(state: SessionState, experiment: Experiment) -> bool:
    run = experiment.last_run
    return (
        experiment.status is Status.CRASH
        and not experiment.repair_asked
        # A repair that crashes was not so small a fault.
        and experiment.repairs is None
        and experiment.edit is None
        and experiment.parent is not None
        and not state.is_stale(experiment)
        and run is not None
        and (run.clock_started_at is None or run.trained_s <= SOON_SHARE * run.budget_s)
    )


def blames_script(output: str, edited: str) -> bool:
    """Return whether the end of a run's output is a traceback through the edited file."""
    name = re.escape(edited.rpartition("/")[2])
    return (
        "Traceback (most recent call last)" in output
        and re.search(rf'File "(?:[^"\n]*/)?{name}", line \d+', output) is not None
        and _TOO_LARGE.search(output) is None
    )
