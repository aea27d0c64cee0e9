"""What a night keeps for its agents, and what it holds their edits to.

Agents are asked anew for each experiment. What outlasts that is the notebook's page, the backlog,
what the human froze, and what was tried already.
"""

from collections.abc import Iterator

from autoresearch_tui.agents.base import Proposal, ProposalError
from autoresearch_tui.lab import backlog, clock, frozen, page
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.tools import Record
from autoresearch_tui.lab.tried import Tried
from autoresearch_tui.record import events
from autoresearch_tui.record.plateau import plateau
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.session import Session


class Memory:
    """Takes in what agents leave, and refuses what they must not do or did before."""

    def __init__(self, session: Session, repository: ExperimentRepository) -> None:
        self._session = session
        self._repository = repository
        self._tried = Tried(repository)

    def tell(self, state: SessionState, record: Record) -> None:
        """Record, once each, what a person should know before the next proposal.

        Raises:
            OSError: it can not be recorded.
            RepositoryError: git can not be read.
        """
        for level, subject, rest in self._news(state):
            if not any(notice.text.startswith(subject) for notice in state.notices):
                record(events.Notice(at=clock.now(), level=level, text=subject + rest))

    def _news(self, state: SessionState) -> Iterator[tuple[Level, str, str]]:
        """Yield notices: how much each matters, the words it is known by, and its others."""
        incumbent = state.best
        if state.frozen_in_settings and incumbent is not None:
            train = self._repository.train(incumbent.commit)
            for name in state.frozen_in_settings:
                if missing := frozen.nearest(train, name):
                    subject = f"{name} is frozen in [agent] of autoresearch.toml, but of "
                    where = f"#{incumbent.number}'s {state.edited_file}"
                    yield Level.WARNING, subject, f"{where}, {missing}"
        if (found := plateau(state)) is not None:
            subject = f"No gain that stands out since #{found.since}"
            rest = f", in {found.tried} experiments: the agent is asked for another kind of change."
            yield Level.INFO, subject, rest

    def take_in(
        self, state: SessionState, record: Record, proposal: Proposal, by: str, notebook: str
    ) -> None:
        """Keep the page and the ideas of a proposal, be its edit run or not.

        `notebook` is the page that the agent was given: where a person wrote another one
        meanwhile, theirs stays.

        Raises:
            OSError: the disk is full or gone.
        """
        changed = page.read(self._session, state) != notebook
        if proposal.notebook is not None and not changed:
            page.write(self._session, state, record, proposal.notebook, by)
        backlog.take_in(state, proposal, by, record)

    def refuse(self, state: SessionState, proposal: Proposal, original: str) -> None:
        """Raise where an edit of the file `original` can not be run.

        Raises:
            RepeatedProposal: it was tried already.
            ProposalError: it changes what the human froze.
        """
        if trouble := frozen.violation(original, proposal.train, state.frozen):
            raise ProposalError(trouble, proposal.usage)
        self._tried.refuse_repeats(state, proposal.train, proposal.usage)
