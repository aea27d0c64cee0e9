"""What each agent's experiments came to, as far as the state tells."""

from dataclasses import dataclass, field

from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status

NO_AGENTS = ("", "baseline", "human")
"""Who is named as an experiment's agent and is none."""
FAILURES = (Status.CRASH, Status.TIMEOUT, Status.INVALID)


@dataclass(slots=True)
class Standing:
    """One agent's, or one part's of an agent that is made of several."""

    agent: str
    by: str
    """The part; empty of an agent that is a whole."""
    model: str | None
    proposals: int = 0
    experiments: int = 0
    """Those with a verdict that says something of them."""
    keeps: int = 0
    failures: int = 0
    """Crashes, timeouts and invalid results."""
    gain: float = 0.0
    """By how much its keeps that still stand bettered the metric, by what was measured."""
    hours: float = 0.0
    """Of the device: starting, training and evaluating."""
    expected: list[float] = field(default_factory=list[float])
    """The changes that it expected, of those experiments that were measured..."""
    measured: list[float] = field(default_factory=list[float])
    """...and the changes that came."""

    @property
    def name(self) -> str:
        """As it is shown: with its part, where it has several, and else its model."""
        return f"{self.agent} ({self.by})" if self.by else " ".join(filter(None, self._words))

    @property
    def _words(self) -> tuple[str, str | None]:
        return self.agent, self.model

    @property
    def gain_per_hour(self) -> float | None:
        """Of the device; none where it had none."""
        return self.gain / self.hours if self.hours else None

    @property
    def failure_rate(self) -> float | None:
        """The share of its experiments that failed; none where there are none."""
        return self.failures / self.experiments if self.experiments else None


def standings(state: SessionState) -> list[Standing]:
    """Return the standing of each agent, in the order of their first proposals."""
    path = lineage(state)
    found: dict[tuple[str, str, str | None], Standing] = {}
    for each in state.experiments.values():
        if each.agent in NO_AGENTS:
            continue
        model = each.model if not each.by else None
        key = (each.agent, each.by, model)
        standing = found.setdefault(key, Standing(*key))
        standing.proposals += 1
        standing.hours += hours(each)
        if each.status in (None, Status.SKIPPED, Status.DUPLICATE, Status.REJECTED, Status.KILLED):
            continue
        standing.experiments += 1
        standing.keeps += each.status is Status.KEEP
        standing.failures += each.status in FAILURES
        standing.gain += gain(state, each, path)
        if each.expected_change is not None and each.change is not None:
            standing.expected.append(each.expected_change)
            standing.measured.append(each.change)
    return list(found.values())


def lineage(state: SessionState) -> set[int]:
    """Return the keeps that still stand: the incumbent, its parent, and so on."""
    path: set[int] = set()
    each = state.best
    while each is not None and each.number not in path:
        path.add(each.number)
        each = None if each.parent is None else state.experiments.get(each.parent)
    return path


def gain(state: SessionState, experiment: Experiment, path: set[int]) -> float:
    """Return by how much an experiment bettered the metric; 0 for what no longer stands."""
    if experiment.status is not Status.KEEP or experiment.number not in path:
        return 0.0
    return max(0.0, state.direction.gain(experiment.change or 0.0))


def hours(experiment: Experiment) -> float:
    """Return the hours of the device that an experiment took."""
    seconds = sum(
        max(0.0, (run.ended_at or run.started_at) - run.started_at) + (run.evaluation_s or 0.0)
        for run in experiment.runs
    )
    return seconds / 3600


def turns(state: SessionState) -> list[tuple[str, float, float]]:
    """Return of each judged experiment its agent, its gain and its hours, oldest first."""
    path = lineage(state)
    return [
        (each.agent, gain(state, each, path), hours(each))
        for each in state.experiments.values()
        if each.status is not None and each.agent not in NO_AGENTS
    ]
