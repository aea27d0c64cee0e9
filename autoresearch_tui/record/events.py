"""The facts of a session: everything that a viewer, the report or a resuming lab can know.

A fact is one JSON object on one line of `journal.jsonl`, with its `kind`, its version `v` and the
moment `at` (seconds since the epoch). Facts are only ever added to: a new field gets a default, a
changed meaning gets a new kind, so a journal of any age is read for ever. Of a kind that this
version does not know, `decode` makes an `UnknownFact`.

Losses are in bits per byte, durations in seconds, memory in MiB. A change of `val_bpb` is the
experiment's minus its parent's: negative is better. Where a repository has another metric
(`LabStarted.metric`, `direction`), `val_bpb` and `change` hold that one's.
"""

import msgspec

from autoresearch_tui.record.vocabulary import (
    Absence,
    ApprovalMode,
    DataSet,
    Direction,
    Hardware,
    Level,
    RunOutcome,
    Standing,
    Status,
    Usage,
)

FACT_VERSION = 1


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind"):
    """One thing that happened at one moment."""

    at: float
    v: int = FACT_VERSION


class SessionStarted(Fact, frozen=True, kw_only=True, tag="session_started"):
    """A night began on a repository."""

    tag: str
    session_id: str
    repository: str
    base_commit: str | None
    """The user's HEAD at that moment; none in a repository without commits."""


class LabStarted(Fact, frozen=True, kw_only=True, tag="lab_started"):
    """A lab process took the session up, for the first time or again."""

    pid: int
    version: str
    agent: str
    model: str | None
    approval: ApprovalMode
    budget_s: float
    hardware: Hardware
    data: DataSet
    limits: dict[str, str] = {}
    sandbox: str = ""
    """`bwrap`, `landlock` or `none`; empty where no lab said it."""
    metric: str = "val_bpb"
    direction: Direction = Direction.LOWER
    edit: str = "train.py"
    """The file that is edited."""
    frozen: list[str] = []
    """What the settings keep agents from changing: constants, functions, classes."""
    rivals: list[str] = []
    """The other agents of a contest, by name."""
    last_beat_at: float | None = None
    """When the heart of an earlier lab beat last that ended without a word; none of any other."""


class LabStopped(Fact, frozen=True, kw_only=True, tag="lab_stopped"):
    """The lab ended in order, and why."""

    reason: str
    finished: bool = False
    """Whether a limit ended the session, rather than a person or a fault."""
    trouble: bool = False
    """Whether it could not go on, and a person has to mend something."""


class Proposed(Fact, frozen=True, kw_only=True, tag="proposed"):
    """An agent's edit of `train.py`, already stored as a git commit."""

    experiment: int
    parent: int | None
    """The experiment whose `train.py` was edited; none for the baseline."""
    commit: str
    title: str
    hypothesis: str
    expected_change: float | None
    agent: str
    model: str | None = None
    lines_added: int = 0
    lines_removed: int = 0
    usage: Usage = Usage()
    marks: list[str] = []
    """What in the edit deserves a person's eye, a sentence each."""
    edit: int | None = None
    """The person's queued edit that it is; none of an agent's."""
    repairs: int | None = None
    """The crashed experiment whose edit it mends."""
    touched: list[str] = []
    """What it changes: a constant with both values (`DEPTH: 8 -> 9`), or the name of a function,
    a class or a method."""
    tree_digest: str = ""
    """Of the file's normalised syntax tree: equal ones train alike. Empty where nobody took it."""
    idea: int | None = None
    """The idea of the backlog that it tries."""
    by: str = ""
    """Which part of the agent proposed it, where it is made of several."""


class ProposalStarted(Fact, frozen=True, kw_only=True, tag="proposal_started"):
    """An agent was asked for the next experiment."""

    experiment: int
    agent: str
    steering: list[str] = []
    """The human's sentences that this proposal was given."""
    repairs: int | None = None
    """The crashed experiment that the agent was asked to mend."""


class ProposalFailed(Fact, frozen=True, kw_only=True, tag="proposal_failed"):
    """An agent did not come up with an edit that can run."""

    experiment: int
    agent: str
    reason: str
    usage: Usage = Usage()


class ProposalCancelled(Fact, frozen=True, kw_only=True, tag="proposal_cancelled"):
    """A proposal was given up before its agent answered; what it had cost by then is spent."""

    experiment: int
    agent: str
    usage: Usage = Usage()


class Rebased(Fact, frozen=True, kw_only=True, tag="rebased"):
    """An edit that waited was merged onto another incumbent than it was made to."""

    experiment: int
    parent: int
    commit: str
    lines_added: int
    lines_removed: int
    marks: list[str] = []
    tree_digest: str = ""
    """As a proposal's."""


class Amended(Fact, frozen=True, kw_only=True, tag="amended"):
    """A person changed an edit that waited for approval; it waits anew, as another commit."""

    experiment: int
    commit: str
    lines_added: int
    lines_removed: int
    by: str
    marks: list[str] = []
    touched: list[str] = []
    tree_digest: str = ""


class EditQueued(Fact, frozen=True, kw_only=True, tag="edit_queued"):
    """A person's own edit waits for its turn; its commit is stored."""

    edit: int
    """Counts from 1."""
    by: str
    title: str
    hypothesis: str
    commit: str


class ApprovalRequested(Fact, frozen=True, kw_only=True, tag="approval_requested"):
    """An experiment waits for a person."""

    experiment: int
    decide_at: float | None = None
    """When the policy for absence decides; none where it waits for ever."""
    then: Absence | None = None


class Approved(Fact, frozen=True, kw_only=True, tag="approved"):
    """A person, or the policy for absence, let an experiment run."""

    experiment: int
    by: str


class Rejected(Fact, frozen=True, kw_only=True, tag="rejected"):
    """A person, or the policy for absence, refused an experiment."""

    experiment: int
    by: str
    reason: str


class ApprovalChanged(Fact, frozen=True, kw_only=True, tag="approval_changed"):
    """A person had edits run at once from here on, or wait; it holds until the lab ends."""

    mode: ApprovalMode
    by: str


class PermissionRequested(Fact, frozen=True, kw_only=True, tag="permission_requested"):
    """An agent wants to do something that its policy does not allow by itself; a person may."""

    request: int
    """Counts from 1."""
    experiment: int
    """The proposal that it wants it for."""
    agent: str
    what: str
    """In the agent's words."""
    detail: str = ""
    """What it would do exactly, as far as it says; bounded."""
    reason: str = ""
    """Why the policy does not allow it."""
    options: list[str] = []
    """What the agent calls the two answers: allowed this once, refused."""
    decide_at: float
    """When the policy refuses it, where nobody has answered."""


class PermissionAnswered(Fact, frozen=True, kw_only=True, tag="permission_answered"):
    """A person, or the policy for absence, answered what an agent asked for."""

    request: int
    allowed: bool
    by: str


class RunStarted(Fact, frozen=True, kw_only=True, tag="run_started"):
    """A training process was launched, or told to go; its clock does not run yet."""

    experiment: int
    replicate: int
    seed: int
    pid: int
    threads: int
    budget_s: float


class TrialOpened(Fact, frozen=True, kw_only=True, tag="trial_opened"):
    """The training process runs its script: up to its clock it builds, compiles and warms up."""

    experiment: int
    replicate: int


class ClockStarted(Fact, frozen=True, kw_only=True, tag="clock_started"):
    """The training process got its rows, and its budget began."""

    experiment: int
    replicate: int
    startup_s: float


class RunEnded(Fact, frozen=True, kw_only=True, tag="run_ended"):
    """A training process is gone, and all that it had started."""

    experiment: int
    replicate: int
    outcome: RunOutcome
    reason: str
    trained_s: float = 0.0
    overrun_s: float = 0.0
    clock_ended_at: float | None = None
    """The moment up to which its clock ran, clearing the process away comes after it; none where
    no clock was started."""
    tokens: int = 0
    steps: int = 0
    peak_memory_mb: int = 0
    exit_code: int | None = None


class Evaluated(Fact, frozen=True, kw_only=True, tag="evaluated"):
    """A separate process scored the weights of a run."""

    experiment: int
    replicate: int
    valid: bool
    reason: str | None
    val_bpb: float | None
    standing: Standing = Standing.MEASURED
    seconds: float = 0.0


class Judged(Fact, frozen=True, kw_only=True, tag="judged"):
    """The verdict; a kept experiment is the incumbent from here on."""

    experiment: int
    status: Status
    reason: str
    commit: str
    val_bpb: float | None = None
    change: float | None = None


class AgentChanged(Fact, frozen=True, kw_only=True, tag="agent_changed"):
    """Another agent proposes from here on, and why."""

    agent: str
    model: str | None
    reason: str


class Paused(Fact, frozen=True, kw_only=True, tag="paused"):
    """Nothing new starts until the session is resumed."""

    by: str
    now: bool = False
    """Whether the run in flight was ended too, to begin anew."""


class Resumed(Fact, frozen=True, kw_only=True, tag="resumed"):
    """The session goes on."""

    by: str


class Steered(Fact, frozen=True, kw_only=True, tag="steered"):
    """A person's sentence for the next proposal."""

    by: str
    text: str


class PageWritten(Fact, frozen=True, kw_only=True, tag="page_written"):
    """The agent's notebook has a new page, which is in a file; the earlier ones stay in theirs."""

    page: int
    """Counts from 1."""
    by: str
    characters: int


class IdeaAdded(Fact, frozen=True, kw_only=True, tag="idea_added"):
    """Something to be tried one day."""

    idea: int
    """Counts from 1."""
    by: str
    text: str
    is_agents: bool = False
    """Whether an agent had it, rather than a person."""
    place: int | None = None
    """Where it stands among those that wait, from 1; none for the end."""


class IdeasOrdered(Fact, frozen=True, kw_only=True, tag="ideas_ordered"):
    """The ideas that wait stand in this order now; those not named keep theirs, behind."""

    ideas: list[int]
    by: str


class IdeaDropped(Fact, frozen=True, kw_only=True, tag="idea_dropped"):
    """An idea is no longer to be tried."""

    idea: int
    by: str
    reason: str = ""


class Frozen(Fact, frozen=True, kw_only=True, tag="frozen"):
    """No agent may change a constant, a function or a class from here on."""

    name: str
    by: str


class Thawed(Fact, frozen=True, kw_only=True, tag="thawed"):
    """Agents may change it again."""

    name: str
    by: str


class KillRequested(Fact, frozen=True, kw_only=True, tag="kill_requested"):
    """A person ended the run in flight."""

    experiment: int
    by: str


class SkipRequested(Fact, frozen=True, kw_only=True, tag="skip_requested"):
    """A person passed over an experiment that has no verdict yet."""

    experiment: int
    by: str
    reason: str = ""


class Undone(Fact, frozen=True, kw_only=True, tag="undone"):
    """An earlier keep is the incumbent again."""

    experiment: int
    """The keep that is."""
    commit: str
    """A commit on the branch that reverts what came after it; the branch never goes back."""
    by: str
    reason: str = ""


class Promoted(Fact, frozen=True, kw_only=True, tag="promoted"):
    """A kept experiment's file was written into the user's work tree."""

    experiment: int
    path: str
    by: str


class BackedOff(Fact, frozen=True, kw_only=True, tag="backed_off"):
    """Something that is needed is not there; the lab waits, and then tries again."""

    reason: str
    until: float


class StopRequested(Fact, frozen=True, kw_only=True, tag="stop_requested"):
    """A person ended the session; `now` interrupts the run in flight."""

    by: str
    now: bool = False


class Notice(Fact, frozen=True, kw_only=True, tag="notice"):
    """Something that a person should know, in a sentence."""

    level: Level
    text: str


class UnknownFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of a kind that this version does not know; it changes nothing."""

    kind: str
    at: float


KnownFact = (
    SessionStarted
    | LabStarted
    | LabStopped
    | ProposalStarted
    | Proposed
    | ProposalFailed
    | ProposalCancelled
    | Rebased
    | Amended
    | EditQueued
    | ApprovalRequested
    | Approved
    | Rejected
    | ApprovalChanged
    | PermissionRequested
    | PermissionAnswered
    | RunStarted
    | TrialOpened
    | ClockStarted
    | RunEnded
    | Evaluated
    | Judged
    | AgentChanged
    | Paused
    | Resumed
    | Steered
    | PageWritten
    | IdeaAdded
    | IdeasOrdered
    | IdeaDropped
    | Frozen
    | Thawed
    | KillRequested
    | SkipRequested
    | Undone
    | Promoted
    | BackedOff
    | StopRequested
    | Notice
)

AnyFact = KnownFact | UnknownFact

_decoder = msgspec.json.Decoder(KnownFact)
_envelope_decoder = msgspec.json.Decoder(UnknownFact)
_encoder = msgspec.json.Encoder()


def encode(fact: KnownFact) -> bytes:
    """Return the fact as one line of JSON, without the line's end."""
    return _encoder.encode(fact)


def decode(line: bytes) -> AnyFact:
    """Return the fact that a line holds.

    A known kind whose fields no longer fit (a newer version's meaning) is unknown too.

    Raises:
        msgspec.DecodeError: the line is no JSON object with a `kind` and an `at`, as a torn one.
    """
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        return _envelope_decoder.decode(line)
