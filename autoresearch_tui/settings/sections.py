"""What a person can set: the sections of the file, their keys, defaults and meanings.

Where a value is none, the lab chooses.
"""

from typing import Any, Literal

import msgspec

from autoresearch_tui.record.vocabulary import Absence, ApprovalMode, Direction

Device = Literal["cuda", "mps", "cpu"]
Profile = Literal["small", "full"]
SandboxChoice = Literal["auto", "require", "off"]
Overlap = Literal["auto", "on", "off"]
EditForm = Literal["auto", "tools", "text"]
Layer = dict[str, Any]
"""Sections, each a table of keys and values as far as the user wrote one."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


class RunSettings(_Section, frozen=True, kw_only=True):
    """How an experiment is trained."""

    command: str | None = None
    """What trains, where the repository's own way is used (`uv run train.py`): it prints its
    metric, and is believed. None for a `train.py` that keeps docs/contract.md."""
    metric: str = "val_bpb"
    """The word before the number that such a command prints."""
    direction: Direction = Direction.LOWER
    """Which way that number gets better."""
    edit: str = "train.py"
    """The file that agents edit, relative to the folder of `autoresearch.toml`."""
    budget_s: float | None = None
    """Seconds of training an experiment; 300 on CUDA, else 20. Also written `budget`."""
    limit_s: float | None = None
    """How long a `command` may take in all; twice the budget and a minute."""
    device: Device | None = None
    """`cuda`, `mps` or `cpu`; the best that there is."""
    startup_limit_s: float = 600.0
    """How long a training process may take before its clock starts."""
    evaluation_limit_s: float = 600.0
    """How long the evaluator may take."""
    sandbox: SandboxChoice = "auto"
    """`auto`: the best that the machine has; `require`: refuse to start without; `off`."""
    overlap: Overlap = "auto"
    """Whether the next run starts up while the last one is evaluated: `on`, `off`, or `auto`, on
    a CUDA device with memory for both."""


class DataSettings(_Section, frozen=True, kw_only=True):
    """What is trained on."""

    name: str = "pystdlib"
    """A data set's name or a path, as `python prepare.py --data` takes it."""
    profile: Profile | None = None
    """`small` or `full`; full on CUDA, else small."""


class AgentSettings(_Section, frozen=True, kw_only=True):
    """Who proposes the experiments."""

    kind: str = "auto"
    """`tpe`, `claude`, `hybrid` (both by turns), `acp`, or `auto`: acp where there is a command,
    claude where there is a key, else tpe."""
    model: str | None = None
    base_url: str | None = None
    """A local server that speaks the Messages API, without `/v1`."""
    limit_s: float = 300.0
    """Seconds that one proposal may take."""
    name: str | None = None
    """What it is called in the record, to tell two of one kind apart in a contest."""
    ideas: bool = False
    """Of tpe: whether it proposes whole ideas from its library too."""
    every: int = 3
    """Of hybrid: the language model has each so many-th experiment, tpe the others."""
    max_cost: float | None = None
    """US dollars that its proposals may cost; then the night goes on without it."""
    max_turns: int = 12
    """Answers of the model for one proposal."""
    max_output_tokens: int = 32_000
    """Tokens of the model for one proposal."""
    form: EditForm = "auto"
    """How the model hands in its edits: by `tools`, as `text`, or `auto`: by tools, until a local
    server's model turns out to be weak at them."""
    context_tokens: int | None = None
    """What the context of a local server's model holds; learned from its refusals."""
    api_key_env: str | None = None
    """The environment variable that holds the key. The one for Anthropic is sent to no
    `base_url` unless it is named here."""
    frozen: list[str] = []
    """What agents may not change: `DEPTH`, `class Attention`, `Block.forward`."""
    command: list[str] = []
    """Of acp: the agent's program and its arguments, `["claude-agent-acp"]`."""
    env: list[str] = []
    """Of acp: variables that the agent's process gets beside the harmless ones, as that of a key;
    from the environment, or else from the keyring."""
    permissions: Literal["train", "ask", "none"] = "train"
    """Of acp: `train` lets the agent read its folder and edit `train.py` where it asks; `ask` has
    a person answer all else that it asks for and that is no write; `none` refuses whatever it asks
    for."""
    permission_wait_s: float = 60.0
    """Of acp: how long such a request waits for a person before it is refused. It counts as the
    proposal's time."""
    login: str | None = None
    """Of acp: the way to log in that the agent is asked to take, by the name that it offers."""


class ApprovalSettings(_Section, frozen=True, kw_only=True):
    """Whether a person lets each edit run."""

    mode: ApprovalMode = ApprovalMode.AUTO
    timeout_s: float | None = None
    """How long an edit waits for a person; for ever."""
    then: Absence | None = None
    """What becomes of it then: `approve` or `reject`."""


class LimitSettings(_Section, frozen=True, kw_only=True):
    """When the session ends by itself."""

    max_experiments: int | None = None
    """Experiments of the whole session, its baseline and its earlier ones included."""
    max_hours: float | None = None
    """Hours since this start of the lab."""
    until: str | None = None
    """A time of day, `07:00`, local time."""
    max_cost: float | None = None
    """US dollars that the proposals of the whole session may cost."""
    target_bpb: float | None = None
    """A metric that is good enough."""


class Price(_Section, frozen=True, kw_only=True):
    """What a model costs, in US dollars a million tokens; 0 is a price."""

    input: float
    output: float
    cache_read: float = 0.0
    cache_write: float = 0.0


class NotifySettings(_Section, frozen=True, kw_only=True):
    """Who is told of what matters, beside those who watch."""

    desktop: bool = False
    """The desktop's own notifications, where the lab runs on one."""
    urls: list[str] = []
    """Services as apprise names them; wants `pip install autoresearch-tui[notify]`. They hold
    secrets, so best given in the environment, with blanks between them."""


class WatchdogSettings(_Section, frozen=True, kw_only=True):
    """When the lab helps itself, whatever the agent thinks."""

    crashes: int = 10
    """Experiments in a row without a result before the session pauses."""
    repeats: int = 5
    """Proposals in a row that were tried before, before the agent's place is taken."""


class RetentionSettings(_Section, frozen=True, kw_only=True):
    """What `autoresearch gc` frees; facts and diffs are never dropped."""

    outputs_days: float = 30.0
    """How long outputs and step losses of what was not kept are kept."""


class TuiSettings(_Section, frozen=True, kw_only=True):
    """How the screen looks and is handled; it is read anew by every screen."""

    theme: str | None = None
    """A theme's name; by the terminal's colours, or what was chosen on the screen."""
    keys: dict[str, str] = {}
    """Keys by what they do, `pause = "f9"`: the help names all."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a person can set."""

    run: RunSettings = RunSettings()
    data: DataSettings = DataSettings()
    agent: AgentSettings = AgentSettings()
    rivals: list[AgentSettings] = []
    """The others of a contest: where `[[agent]]` is given several times, all but the first."""
    approval: ApprovalSettings = ApprovalSettings()
    limits: LimitSettings = LimitSettings()
    prices: dict[str, Price] = {}
    """By a model's name, or by how it begins; over the built-in table."""
    notify: NotifySettings = NotifySettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    retention: RetentionSettings = RetentionSettings()
    tui: TuiSettings = TuiSettings()

    @property
    def frozen(self) -> list[str]:
        """What no agent may change, whichever of them it was said of; each name once."""
        named = (name for each in (self.agent, *self.rivals) for name in each.frozen)
        return list(dict.fromkeys(named))


def tables() -> dict[str, Any]:
    """Return the tables of fixed keys; the price table's keys are models, rivals are agents."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    return {name: kind for name, kind in kinds.items() if name not in ("prices", "rivals")}


def keys_of(section: str) -> dict[str, Any]:
    """Return the types of a table's keys."""
    kind = tables()[section]
    return {field.name: field.type for field in msgspec.structs.fields(kind)}
