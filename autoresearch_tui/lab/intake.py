"""Makes edits experiments: the baseline, people's own edits, and what agents propose."""

from autoresearch_tui.agents.base import Proposal
from autoresearch_tui.lab import backlog, clock, likeness, notebook
from autoresearch_tui.lab.hand import HUMAN_AGENT
from autoresearch_tui.lab.prices import NO_PRICES, Prices
from autoresearch_tui.lab.rebase import as_it_is, merge
from autoresearch_tui.lab.repository import ExperimentRepository
from autoresearch_tui.lab.storing import Change, change_between, commit_below, write_files
from autoresearch_tui.lab.tools import CanNotGoOn, Record
from autoresearch_tui.record import events
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.session import Session

BASELINE_AGENT = "baseline"


class Intake:
    """Where every experiment of a session begins."""

    def __init__(
        self, session: Session, repository: ExperimentRepository, prices: Prices = NO_PRICES
    ) -> None:
        """Store in a session's folder and repository; what proposals used costs `prices`."""
        self.session = session
        self.repository = repository
        self.prices = prices

    def baseline(self, state: SessionState, record: Record) -> None:
        """Record the user's file, as it stands in the work tree, as an experiment.

        Raises:
            CanNotGoOn: it can not be read.
        """
        path = self.repository.root / self.repository.edited
        try:
            # Byte for byte: line ends of another system are the user's too.
            train = path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise CanNotGoOn(f"{path} can not be read as the baseline: {error}.") from error
        title = f"baseline: {self.repository.edited} as it stands"
        baseline = Proposal(train=train, title=title, hypothesis="")
        self.store(state, record, baseline, parent=None, agent=BASELINE_AGENT, model=None)

    def take_queued(self, state: SessionState, record: Record) -> None:
        """Make the oldest of people's queued edits the next experiment.

        Where the incumbent is not what it was made to, it is carried over; where that can not be,
        it is run as it is, and a notice says so.
        """
        queued, incumbent = state.queued_edits[0], state.best
        assert incumbent is not None
        train, base = self.repository.train(queued.commit), self.repository.parent(queued.commit)
        original = self.repository.train(incumbent.commit)
        if base is not None and self.repository.train(base) != original:
            merged = merge(self.repository, base, incumbent, queued.commit)
            if merged.train is not None:
                train = merged.train
            else:
                record(as_it_is(state.next_number, merged.trouble))
        proposal = Proposal(train=train, title=queued.title, hypothesis=queued.hypothesis)
        self.store(
            state, record, proposal, incumbent.number, HUMAN_AGENT, model=None, edit=queued.edit
        )

    def store(
        self,
        state: SessionState,
        record: Record,
        proposal: Proposal,
        parent: int | None,
        agent: str,
        model: str | None,
        edit: int | None = None,
    ) -> None:
        """Make an edit the next experiment.

        It writes the files and the commit, then the fact, then the reference.
        """
        number = state.next_number
        title = notebook.one_line(proposal.title)
        change = Change()
        if parent is not None:
            before = self.repository.train(state.experiments[parent].commit)
            change = change_between(before, proposal.train, self.repository.edited, state)
        commit = self.repository.store(
            proposal.train,
            commit_below(state, parent),
            notebook.proposal_message(number, title, proposal.hypothesis),
            agent,
        )
        proposed = events.Proposed(
            at=clock.now(),
            experiment=number,
            parent=parent,
            commit=commit,
            title=title,
            hypothesis=proposal.hypothesis,
            expected_change=proposal.expected_change,
            agent=agent,
            model=model,
            lines_added=change.added,
            lines_removed=change.removed,
            usage=self.prices.priced(model, proposal.usage),
            marks=list(change.marks),
            edit=edit,
            repairs=proposal.repairs,
            touched=list(change.touched),
            tree_digest=likeness.tree_digest(proposal.train),
            idea=backlog.taken(state, proposal),
            by=proposal.by,
        )
        write_files(self.session, proposed, proposal.train, change.diff)
        record(proposed)
        self.repository.reference_experiment(number, commit)
