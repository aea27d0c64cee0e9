"""The state of a session: what all viewers, the report and the lab itself read.

It is made from facts alone (`fold`), so the same facts give the same state on any machine and at
any time. Whether the lab is alive is no fact: `session.lab_status` tells that.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from autoresearch_tui.record.events import Notice
from autoresearch_tui.record.vocabulary import (
    Absence,
    ApprovalMode,
    DataSet,
    Direction,
    Hardware,
    Standing,
    Status,
    Usage,
)

NOTICES_KEPT = 200
PERMISSIONS_KEPT = 200
OPEN_AT_MOST = 2
"""The experiment in flight, and the one that is made ready behind it."""


class Phase(StrEnum):
    """Where an experiment is in its life."""

    WAITING_FOR_APPROVAL = "waiting for approval"
    QUEUED = "queued"
    STARTING = "starting"
    COMPILING = "compiling"
    TRAINING = "training"
    EVALUATING = "evaluating"
    EVALUATED = "evaluated"
    JUDGED = "judged"


NOT_STARTED = (Phase.QUEUED, Phase.WAITING_FOR_APPROVAL)
IN_A_RUN = (Phase.STARTING, Phase.COMPILING, Phase.TRAINING)
"""The phases of a run; one that ends in them without a result begins anew."""
IN_FLIGHT = (*IN_A_RUN, Phase.EVALUATING)
"""The phases in which there is a process."""


class Activity(StrEnum):
    """What the device's time is spent on; every second of a living lab is in one of these."""

    STARTING = "starting"
    """From the lab's decision to run something to a process that runs the script; what the lab
    does between two runs (judging, recording) is in it."""
    COMPILING = "compiling"
    """The script builds, compiles and warms up."""
    TRAINING = "training"
    EVALUATING = "evaluating"
    WAITING_FOR_AGENT = "waiting for agent"
    WAITING_FOR_HUMAN = "waiting for human"
    PAUSED = "paused"
    FAILED = "failed"
    """Spent on runs that came to nothing (crash, timeout, invalid, killed, interrupted), or on
    waiting for something broken."""
    OFF = "off"
    """No lab is running; this time is in no total."""


class Run(msgspec.Struct, gc=False):
    """One training of an experiment."""

    replicate: int
    seed: int
    budget_s: float
    started_at: float
    pid: int
    threads: int
    opened_at: float | None = None
    """When its script began to build, compile and warm up."""
    clock_started_at: float | None = None
    startup_s: float | None = None
    gap_s: float | None = None
    """From the end of the lab's last clock to the start of this one; none for its first."""
    clock_ended_at: float | None = None
    ended_at: float | None = None
    outcome: str | None = None
    reason: str = ""
    trained_s: float = 0.0
    overrun_s: float = 0.0
    tokens: int = 0
    steps: int = 0
    peak_memory_mb: int = 0
    exit_code: int | None = None
    val_bpb: float | None = None
    evaluation_s: float | None = None


class Experiment(msgspec.Struct, gc=False):
    """One edit of `train.py` and all that became of it."""

    number: int
    """0 is the baseline: the user's own `train.py`."""
    parent: int | None
    commit: str
    title: str
    hypothesis: str
    expected_change: float | None
    agent: str
    model: str | None
    lines_added: int
    lines_removed: int
    usage: Usage
    proposed_at: float
    phase: Phase = Phase.QUEUED
    approved_by: str | None = None
    amended_by: str | None = None
    """Who changed it last while it waited for approval."""
    killed_by: str | None = None
    """Who asked for its run to be ended."""
    skipped_by: str | None = None
    """Who passed it over."""
    decide_at: float | None = None
    """When the policy for absence decides, while it waits for approval."""
    then: Absence | None = None
    """What that policy does."""
    edit: int | None = None
    """The person's queued edit that it is; none of an agent's."""
    repairs: int | None = None
    """The crashed experiment whose edit it mends."""
    repair_asked: bool = False
    """Whether an agent was asked to mend it, which happens once."""
    by: str = ""
    """Which part of the agent proposed it, where it is made of several."""
    marks: list[str] = []
    """What in the edit deserves a person's eye, a sentence each."""
    touched: list[str] = []
    """What it changes: constants with both values, names of functions, classes and methods."""
    tree_digest: str = ""
    """Of its normalised syntax tree; empty where nobody took it."""
    idea: int | None = None
    """The idea of the backlog that it tries."""
    runs: list[Run] = []
    valid: bool | None = None
    """What the evaluator said of the last run; none before it spoke."""
    val_bpb: float | None = None
    standing: Standing | None = None
    status: Status | None = None
    reason: str = ""
    change: float | None = None
    judged_at: float | None = None

    @property
    def last_run(self) -> Run | None:
        """The latest run, if any was started."""
        return self.runs[-1] if self.runs else None


@dataclass(slots=True)
class Asking:
    """A proposal that an agent is working on."""

    experiment: int
    agent: str
    since: float


@dataclass(slots=True)
class Permission:
    """Something that an agent asked to be allowed, and the answer."""

    request: int
    experiment: int
    agent: str
    what: str
    detail: str
    reason: str
    """Why its policy does not allow it."""
    options: list[str]
    """What the agent calls the two answers: allowed this once, refused."""
    at: float
    decide_at: float
    """When the policy refuses it, where nobody has answered."""
    allowed: bool | None = None
    """None until somebody answered."""
    answered_by: str = ""


@dataclass(slots=True)
class QueuedEdit:
    """A person's own edit that waits for its turn."""

    edit: int
    by: str
    at: float
    title: str
    hypothesis: str
    commit: str


@dataclass(slots=True)
class Steering:
    """A person's sentence, and the proposal that it was given to."""

    text: str
    by: str
    at: float
    experiment: int | None = None


@dataclass(slots=True)
class Idea:
    """Something to be tried, and the experiment that took it up."""

    idea: int
    text: str
    by: str
    is_agents: bool
    """Whether an agent had it, rather than a person."""
    at: float
    experiment: int | None = None


@dataclass(slots=True)
class SessionState:
    """A session as its facts tell it."""

    tag: str = ""
    session_id: str = ""
    repository: str = ""
    base_commit: str | None = None
    started_at: float | None = None
    agent: str = ""
    model: str | None = None
    contestants: list[str] = field(default_factory=list[str])
    """All agents of a contest, by name; empty where there is none."""
    approval: ApprovalMode = ApprovalMode.AUTO
    budget_s: float = 0.0
    hardware: Hardware | None = None
    data: DataSet | None = None
    limits: dict[str, str] = field(default_factory=dict[str, str])
    metric: str = "val_bpb"
    direction: Direction = Direction.LOWER
    edited_file: str = "train.py"
    lab_pid: int | None = None
    """The process that runs the lab, by its own word; none once it stopped in order."""
    lab_started_at: float | None = None
    stop_requested: bool = False
    stop_now: bool = False
    """Whether the stop that was asked for does not wait for the run in flight."""
    stop_reason: str = ""
    """Why the lab stopped last; empty while it runs."""
    finished: bool = False
    trouble: bool = False
    """Whether the lab stopped because it could not go on."""
    paused_by: str | None = None
    paused_now: bool = False
    """Whether the pause ended the run in flight."""
    experiments: dict[int, Experiment] = field(default_factory=dict[int, Experiment])
    next_number: int = 0
    """The number that the next proposal gets."""
    incumbent: int | None = None
    """The kept experiment whose `train.py` the next edits start from."""
    branch_commit: str | None = None
    """Where the session's branch should be: the last keep, or the revert that came after it."""
    branch_commits: list[str] = field(default_factory=list[str])
    """Everywhere that it was, `branch_commit` included, oldest first."""
    open_experiments: list[int] = field(default_factory=list[int])
    """Proposed and not yet judged, oldest first: at most `OPEN_AT_MOST`."""
    asking: Asking | None = None
    steering: list[Steering] = field(default_factory=list[Steering])
    queued_edits: list[QueuedEdit] = field(default_factory=list[QueuedEdit])
    """People's own edits that wait for their turn, oldest first."""
    edits: int = 0
    """How many of them there ever were."""
    permissions: dict[int, Permission] = field(default_factory=dict[int, Permission])
    """The latest `PERMISSIONS_KEPT` things that agents asked to be allowed, oldest first."""
    permission_requests: int = 0
    """How many of them there ever were."""
    page: int = 0
    """The number of the notebook's page; 0 while it is empty."""
    page_by: str = ""
    """Who wrote it."""
    backlog: list[Idea] = field(default_factory=list[Idea])
    """The ideas that wait, the next one first."""
    taken_ideas: dict[int, Idea] = field(default_factory=dict[int, Idea])
    """Those that an experiment tries or tried, by their number."""
    ideas: int = 0
    """How many of them there ever were."""
    frozen_in_settings: list[str] = field(default_factory=list[str])
    frozen_by_hand: list[str] = field(default_factory=list[str])
    backed_off_until: float | None = None
    """When the lab tries again what it waits for; none where it waits for nothing broken."""
    back_off_reason: str = ""
    back_offs_in_a_row: int = 0
    """How often it waited since the device last did its work, or somebody stepped in."""
    watched_from: int = 0
    """The first experiment that the watchdog counts: the first one that had no verdict when the lab
    started, or a person had it go on after a pause."""
    notices: list[Notice] = field(default_factory=list[Notice])
    """The latest `NOTICES_KEPT` notices."""
    status_counts: dict[Status, int] = field(default_factory=dict[Status, int])
    proposal_failures_in_a_row: int = 0
    cost_usd: float = 0.0
    """What the proposals cost, as far as their models have a price."""
    cost_of_agent: dict[str, float] = field(default_factory=dict[str, float])
    """The part of it that each agent spent, by name."""
    tokens_spent: int = 0
    """Tokens of all proposals, read and written."""
    unpriced_tokens: int = 0
    """Those among them that have no price."""
    clock_ended_at: float | None = None
    """When the last clock under this lab ended."""
    activity: Activity = Activity.OFF
    activity_since: float = 0.0
    ledger_s: dict[Activity, float] = field(default_factory=dict[Activity, float])
    """Seconds spent on each finished activity; what a run that failed took is moved to `FAILED`
    when it ends."""
    run_ledger_s: dict[Activity, float] = field(default_factory=dict[Activity, float])
    """The part of it that the run in flight took so far."""
    last_fact_at: float = 0.0
    facts: int = 0

    @property
    def paused(self) -> bool:
        """Whether new work is held back."""
        return self.paused_by is not None

    @property
    def contest(self) -> list[str]:
        """Who competes now: the contestants, unless the fallback has taken all their places."""
        return self.contestants if self.agent in self.contestants else []

    @property
    def frozen(self) -> list[str]:
        """What agents may not change: constants, functions and classes, by name."""
        return list(dict.fromkeys([*self.frozen_in_settings, *self.frozen_by_hand]))

    @property
    def judged_count(self) -> int:
        """How many experiments have a verdict."""
        return sum(self.status_counts.values())

    @property
    def baseline(self) -> Experiment | None:
        """The user's own `train.py`, once it was recorded."""
        return self.experiments.get(0)

    @property
    def current(self) -> Experiment | None:
        """The experiment in flight: the oldest open one."""
        return self.experiments[self.open_experiments[0]] if self.open_experiments else None

    @property
    def ahead(self) -> Experiment | None:
        """The experiment that is made ready while the current one is in flight."""
        return self.experiments[self.open_experiments[1]] if self.open_experiments[1:] else None

    @property
    def waiting(self) -> Experiment | None:
        """The experiment that waits for a person's approval; the oldest if both do."""
        opened = (self.experiments[number] for number in self.open_experiments)
        return next((each for each in opened if each.phase is Phase.WAITING_FOR_APPROVAL), None)

    @property
    def asked(self) -> Permission | None:
        """What an agent asks a person to be allowed now; the oldest if several do."""
        return next((each for each in self.permissions.values() if each.allowed is None), None)

    def is_stale(self, experiment: Experiment) -> bool:
        """Return whether an edit was made to what is no longer the incumbent."""
        return experiment.parent is not None and experiment.parent != self.incumbent

    @property
    def best(self) -> Experiment | None:
        """The incumbent's record."""
        return None if self.incumbent is None else self.experiments[self.incumbent]

    @property
    def pending_steering(self) -> list[str]:
        """The sentences that no proposal was given yet, oldest first."""
        return [steering.text for steering in self.steering if steering.experiment is None]

    def ledger_at(self, now: float) -> dict[Activity, float]:
        """Return the seconds spent on each activity up to `now`, the one under way included."""
        ledger = dict(self.ledger_s)
        if self.activity is not Activity.OFF:
            elapsed = max(0.0, now - self.activity_since)
            ledger[self.activity] = ledger.get(self.activity, 0.0) + elapsed
        return ledger
