"""What was tried around each idea: experiments gathered by the names that their edits touch.

An experiment belongs to every constant, function or class that it changes, so that one look tells
what became of a name. Where nobody took note of the names, the words of the title stand for them.
"""

import re
from dataclasses import dataclass, field

from autoresearch_tui.record.plateau import TRIED
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status

NAMES_AT_MOST = 4
"""An edit that touches more names is of no single one."""
WIDE = "edits of many places"
DEAD_AFTER = 3
"""So many measured attempts without a keep are a dead end."""
TITLE_WORDS = 2

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,39}")
_DULL = re.compile(
    r"(?:the|and|for|with|from|into|use|try|add|remove|set|make|new|more|less|higher|lower|larger|"
    r"smaller|increase|decrease|raise|reduce|change|replace|instead|edit|update)",
    re.IGNORECASE,
)
"""Words of a title that do not say what it is about."""


@dataclass(slots=True)
class Theme:
    """All that was tried around one name."""

    name: str
    experiments: list[Experiment] = field(default_factory=list[Experiment])
    """Those that were run to a verdict, oldest first."""
    best: Experiment | None = None
    """The one with the largest gain over its parent; none where none was measured."""
    kept: int = 0
    measured: int = 0

    @property
    def tried(self) -> int:
        """How often."""
        return len(self.experiments)

    @property
    def failed(self) -> int:
        """How often without a result."""
        return self.tried - self.measured

    @property
    def is_dead(self) -> bool:
        """Whether enough was tried to leave it alone."""
        return not self.kept and self.measured >= DEAD_AFTER


def themes(state: SessionState) -> list[Theme]:
    """Return what was tried around each name, the most tried first."""
    found: dict[str, Theme] = {}
    for experiment in state.experiments.values():
        if experiment.parent is None or experiment.status not in TRIED:
            continue
        for name in names(experiment):
            theme = found.setdefault(name, Theme(name))
            theme.experiments.append(experiment)
            theme.kept += experiment.status is Status.KEEP
            if experiment.change is None:
                continue
            theme.measured += 1
            best = theme.best.change if theme.best is not None else None
            gain = state.direction.gain
            if best is None or gain(experiment.change) > gain(best):
                theme.best = experiment
    return sorted(found.values(), key=lambda theme: (-theme.tried, theme.name))


def names(experiment: Experiment) -> list[str]:
    """Return the names that an experiment belongs to; at least one."""
    touched = list(dict.fromkeys(entry.partition(":")[0] for entry in experiment.touched))
    if len(touched) > NAMES_AT_MOST:
        return [WIDE]
    return touched or [_by_title(experiment.title)]


def moved(experiment: Experiment, name: str) -> str:
    """Return how an experiment changed a name's value, as `8 -> 9`; empty where it has none."""
    for entry in experiment.touched:
        at, _, values = entry.partition(": ")
        if at == name:
            return values
    return ""


def _by_title(title: str) -> str:
    words = [word for word in _WORD.findall(title[:400]) if not _DULL.fullmatch(word)]
    for word in words:
        if word.isupper():
            return word
    return " ".join(word.lower() for word in words[:TITLE_WORDS]) or "(no name)"
