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

from autoresearch_tui.record.events import ApprovalMode

FILE_NAME = "autoresearch.toml"
ENVIRONMENT_PREFIX = "AUTORESEARCH"
KEPT_SECTIONS = ("run", "data", "agent", "approval")

Device = Literal["cuda", "mps", "cpu"]
Profile = Literal["small", "full"]
SandboxChoice = Literal["auto", "require", "off"]
Overlap = Literal["auto", "on", "off"]
Layer = dict[str, Any]
"""Sections, each a table of keys and values as far as the user wrote one."""


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; the message says which and where."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


class RunSettings(_Section, frozen=True, kw_only=True):
    """How an experiment is trained."""

    budget_s: float | None = None
    """Seconds of training an experiment; 300 on CUDA, else 20."""
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
    """`tpe`, `claude`, or `auto`: claude where there is a key, else tpe."""
    model: str | None = None
    base_url: str | None = None
    """A local server that speaks the Messages API, without `/v1`."""
    limit_s: float = 300.0
    """Seconds that one proposal may take."""
    max_turns: int = 12
    """Answers of the model for one proposal."""
    max_output_tokens: int = 32_000
    """Tokens of the model for one proposal."""


class ApprovalSettings(_Section, frozen=True, kw_only=True):
    """Whether a person lets each edit run."""

    mode: ApprovalMode = ApprovalMode.AUTO


class LimitSettings(_Section, frozen=True, kw_only=True):
    """When the session ends by itself."""

    max_experiments: int | None = None
    """Experiments of the whole session, its baseline and its earlier ones included."""
    max_hours: float | None = None
    """Hours since this start of the lab."""
    until: str | None = None
    """A time of day, `07:00`, local time."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a person can set."""

    run: RunSettings = RunSettings()
    data: DataSettings = DataSettings()
    agent: AgentSettings = AgentSettings()
    approval: ApprovalSettings = ApprovalSettings()
    limits: LimitSettings = LimitSettings()


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
        _check(source, layer)
        for section, values in layer.items():
            merged.setdefault(section, {}).update(values)
    settings = msgspec.convert(merged, Settings)
    _check_sense(settings)
    return settings


def write(path: Path, settings: Settings) -> None:
    """Store the settings for `load`; values that are none are left out: TOML has no word for it."""
    sections = {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in msgspec.to_builtins(settings).items()
    }
    temporary = path.with_suffix(".tmp")
    temporary.write_text(tomli_w.dumps(sections))
    temporary.replace(path)


def _fields(section: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(_sections()[section])}


def _sections() -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(Settings)}


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
        try:
            value = msgspec.convert(environ[name], kind, strict=False)
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
        "agent.limit_s": settings.agent.limit_s,
        "agent.max_turns": settings.agent.max_turns,
        "agent.max_output_tokens": settings.agent.max_output_tokens,
        "limits.max_experiments": settings.limits.max_experiments,
        "limits.max_hours": settings.limits.max_hours,
    }
    for name, value in positive.items():
        if value is not None and not 0 < value < float("inf"):
            raise SettingsError(f"{name} is {value:g}; it must be greater than zero.")


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}" if close else f"; there are {', '.join(known)}"
