"""Knows what was tried, so that none is paid for twice."""

import hashlib

from autoresearch_tui.agents.base import ProposalError
from autoresearch_tui.lab import likeness
from autoresearch_tui.lab.repository import ExperimentRepository, RepositoryError
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.record.vocabulary import Status, Usage

UNTRIED = (Status.SKIPPED, Status.KILLED, Status.DUPLICATE)
"""Verdicts that say nothing of the file."""


class RepeatedProposal(ProposalError):
    """An edit that was tried before; the message says as which experiment, and its result."""


class Tried:
    """The files of a session's experiments, by their digests."""

    def __init__(self, repository: ExperimentRepository) -> None:
        self._repository = repository
        self._digests: dict[str, bytes] = {}
        """By commit."""

    def refuse_repeats(self, state: SessionState, train: str, usage: Usage) -> None:
        """Raise `RepeatedProposal` where a file, or one that trains like it, was tried or is.

        What was skipped, or killed by a person, may be proposed again.
        """
        digest, tree = _digest(train), likeness.tree_digest(train)
        for experiment in reversed(state.experiments.values()):
            if experiment.status in UNTRIED:
                continue
            if tree and experiment.tree_digest not in ("", tree):
                # It is no like of this, so not the same either: git need not be asked.
                continue
            if self._digest_of(experiment) == digest:
                raise RepeatedProposal(f"It is the same file as {_known(experiment)}.", usage)
            if tree and experiment.tree_digest == tree:
                raise RepeatedProposal(
                    "Nothing but comments, texts, names of local variables or the last digits of "
                    f"numbers tells it from {_known(experiment)}.",
                    usage,
                )

    def _digest_of(self, experiment: Experiment) -> bytes:
        found = self._digests.get(experiment.commit)
        if found is None:
            try:
                found = _digest(self._repository.train(experiment.commit))
            except RepositoryError:
                # Somebody threw the commit away: what it held can not be compared any more.
                found = b""
            self._digests[experiment.commit] = found
        return found


def _digest(train: str) -> bytes:
    return hashlib.sha256(train.encode()).digest()


def _known(experiment: Experiment) -> str:
    name = f"#{experiment.number} ({experiment.title})"
    if experiment.status is None:
        return f"{name}, which is being tried"
    return f"{name}: {experiment.status}, {experiment.reason}"
