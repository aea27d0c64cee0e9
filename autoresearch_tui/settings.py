"""Settings: defaults, the session's own, `autoresearch.toml`, the environment, flags; then frozen.

A session keeps what it was last run with, but for its limits: `run` without flags goes on with it.

A key `budget_s` of the section `[run]` is `AUTORESEARCH_RUN_BUDGET_S` in the environment and the
flag that the command line names for it. Where a value is none, the lab chooses.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import tomli_w

from autoresearch_tui.record.events import Absence, ApprovalMode, Direction

FILE_NAME = "autoresearch.toml"
ENVIRONMENT_PREFIX = "AUTORESEARCH"
KEPT_SECTIONS = (
    "run",
    "data",
    "agent",
    "rivals",
    "approval",
    "prices",
    "notify",
    "watchdog",
    "retention",
)
ALIASES = {("run", "budget"): "budget_s"}
"""Keys that people write for another one."""

Device = Literal["cuda", "mps", "cpu"]
Profile = Literal["small", "full"]
SandboxChoice = Literal["auto", "require", "off"]
Overlap = Literal["auto", "on", "off"]
EditForm = Literal["auto", "tools", "text"]
Layer = dict[str, Any]
"""Sections, each a table of keys and values as far as the user wrote one."""


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; the message says which and where."""


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
    """Keys by what they do, `pause = "space"`: the help names all."""


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


def load_tui(repository: Path, environ: Mapping[str, str]) -> TuiSettings:
    """Return the settings of the screen alone: a night is watched whatever else the file says.

    Raises:
        SettingsError: the file can not be read, or a value of `[tui]` is wrong.
    """
    file = _file_layer(repository / FILE_NAME)
    layer = {section: values for section, values in file.items() if section == "tui"}
    _flatten_keys(layer)
    _check(str(repository / FILE_NAME), layer)
    merged: Layer = {"tui": layer.get("tui", {}) | _environment_layer(environ).get("tui", {})}
    return msgspec.convert(merged, Settings).tui


def load(
    repository: Path,
    environ: Mapping[str, str],
    flags: Layer,
    last_run: Path | None = None,
) -> Settings:
    """Return the settings of a repository, and of the session whose last ones are in `last_run`.

    Raises:
        SettingsError: the file can not be read, or a value is wrong.
    """
    merged: Layer = {}
    file = repository / FILE_NAME
    kept = {} if last_run is None else _file_layer(last_run)
    for source, layer in (
        (str(last_run), {key: value for key, value in kept.items() if key in KEPT_SECTIONS}),
        (str(file), _file_layer(file)),
        ("the environment", _environment_layer(environ)),
        ("the command line", flags),
    ):
        _rename_aliases(layer)
        _part_contest(source, layer)
        _flatten_keys(layer)
        _check(source, layer)
        for section, values in layer.items():
            if isinstance(values, list):
                merged[section] = values
            else:
                merged.setdefault(section, {}).update(values)
    settings = msgspec.convert(merged, Settings)
    _check_sense(settings)
    return settings


def write(path: Path, settings: Settings) -> None:
    """Store the settings for `load`; values that are none are left out: TOML has no word for it.

    So are the addresses to notify, which hold secrets: they are read anew at every start.
    """
    sections: dict[str, Any] = _known(msgspec.to_builtins(settings))
    del sections["notify"]["urls"]
    # The looks are a person's, not the session's.
    del sections["tui"]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(tomli_w.dumps(sections))
    temporary.replace(path)


def _known(value: Any) -> Any:
    """Return a value without the parts of it that are none."""
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return {key: _known(part) for key, part in parts.items() if part is not None}
    if isinstance(value, list):
        return [_known(part) for part in cast("list[Any]", value)]
    return value


def _fields(section: str) -> dict[str, Any]:
    kind = _sections()[section]
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _sections() -> dict[str, Any]:
    """Return the tables of fixed keys; the price table's keys are models, rivals are agents."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    return {name: kind for name, kind in kinds.items() if name not in ("prices", "rivals")}


def _rename_aliases(layer: Layer) -> None:
    for (section, alias), key in ALIASES.items():
        values = layer.get(section)
        if isinstance(values, dict) and alias in values:
            cast("Layer", values)[key] = cast("Layer", values).pop(alias)


def _part_contest(source: str, layer: Layer) -> None:
    """Part `[[agent]]` into the first one, the lead, and its rivals.

    Who names an agent in another way names it alone.
    """
    agents: Any = layer.get("agent")
    if isinstance(agents, list):
        if not agents:
            raise SettingsError(f"{source} has an empty list of agents; name one, or none at all.")
        layer["agent"], *layer["rivals"] = cast("list[Any]", agents)
    elif isinstance(agents, dict) and "kind" in agents:
        layer.setdefault("rivals", cast("Any", []))


def _flatten_keys(layer: Layer) -> None:
    """Join what TOML takes apart: in `[tui.keys]`, `view.open = "o"` is a table in a table."""
    tui = layer.get("tui")
    if not isinstance(tui, dict):
        return
    section = cast("Layer", tui)
    keys = section.get("keys")
    if isinstance(keys, dict):
        section["keys"] = dict(_flat("", cast("Layer", keys)))


def _flat(prefix: str, table: Layer) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", cast("Layer", value))
        else:
            yield prefix + name, value


def _file_layer(path: Path) -> Layer:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can not be read: {error}.") from error


def _environment_layer(environ: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for section, key, kind in _keys():
        name = f"{ENVIRONMENT_PREFIX}_{section}_{key}".upper()
        if name not in environ:
            continue
        written = environ[name].split() if kind == list[str] else environ[name]
        try:
            value = msgspec.convert(written, kind, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{name}={environ[name]!r} does not do: {error}.") from error
        layer.setdefault(section, {})[key] = value
    return layer


def _keys() -> Iterator[tuple[str, str, Any]]:
    for section in _sections():
        for key, kind in _fields(section).items():
            yield section, key, kind


def _check(source: str, layer: Layer) -> None:
    for section, values in layer.items():
        if section == "prices":
            continue
        if section == "rivals":
            for rival in cast("list[Layer]", values):
                _check(source, {"agent": rival})
            continue
        if section not in _sections():
            raise SettingsError(
                f"{source} has an unknown section [{section}]{_nearest(section, _sections())}."
            )
        # What is no table is refused below, with the name of its place.
        for key in cast("Layer", values) if isinstance(values, dict) else ():
            if key not in _fields(section):
                nearest = _nearest(key, _fields(section))
                raise SettingsError(f"{source} has an unknown key {key} in [{section}]{nearest}.")
    try:
        msgspec.convert(layer, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source} has a value that does not do: {error}.") from error


def _check_sense(settings: Settings) -> None:
    positive = {
        "run.budget_s": settings.run.budget_s,
        "run.startup_limit_s": settings.run.startup_limit_s,
        "run.evaluation_limit_s": settings.run.evaluation_limit_s,
        "agent.every": settings.agent.every,
        "agent.max_cost": settings.agent.max_cost,
        "agent.limit_s": settings.agent.limit_s,
        "agent.max_turns": settings.agent.max_turns,
        "agent.max_output_tokens": settings.agent.max_output_tokens,
        "agent.context_tokens": settings.agent.context_tokens,
        "agent.permission_wait_s": settings.agent.permission_wait_s,
        "limits.max_experiments": settings.limits.max_experiments,
        "limits.max_hours": settings.limits.max_hours,
        "limits.max_cost": settings.limits.max_cost,
        "run.limit_s": settings.run.limit_s,
        "approval.timeout_s": settings.approval.timeout_s,
        "watchdog.crashes": settings.watchdog.crashes,
        "watchdog.repeats": settings.watchdog.repeats,
    }
    for rival in settings.rivals:
        for key in (
            "every",
            "max_cost",
            "limit_s",
            "max_turns",
            "max_output_tokens",
            "permission_wait_s",
        ):
            positive[f"agent.{key} of {rival.name or rival.kind}"] = getattr(rival, key)
    for name, value in positive.items():
        if value is not None and not 0 < value < float("inf"):
            raise SettingsError(f"{name} is {value:g}; it must be greater than zero.")
    not_negative = {"retention.outputs_days": settings.retention.outputs_days}
    for model, price in settings.prices.items():
        for what, value in msgspec.structs.asdict(price).items():
            not_negative[f'prices."{model}".{what}'] = value
    for name, value in not_negative.items():
        if not 0 <= value < float("inf"):
            raise SettingsError(f"{name} is {value:g}; it must be zero or more.")
    for agent in (settings.agent, *settings.rivals):
        if agent.permissions == "ask" and agent.permission_wait_s >= agent.limit_s:
            raise SettingsError(
                f"agent.permission_wait_s is {agent.permission_wait_s:g}, and the whole proposal "
                f"has agent.limit_s, {agent.limit_s:g}: nobody could answer in time. Shorten the "
                "one or lengthen the other."
            )
    if (settings.approval.timeout_s is None) != (settings.approval.then is None):
        raise SettingsError(
            "approval.timeout_s and approval.then belong together: how long an edit waits, and "
            "whether it is approved or rejected then."
        )


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}" if close else f"; there are {', '.join(known)}"
