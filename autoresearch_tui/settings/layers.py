"""Reads settings from where they are, each source over the one before it, and writes a session's.

A key `budget_s` of the section `[run]` is `AUTORESEARCH_RUN_BUDGET_S` in the environment and the
flag that the command line names for it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import tomli_w

from autoresearch_tui.settings.checks import SettingsError, check, check_sense
from autoresearch_tui.settings.sections import Layer, Settings, TuiSettings, keys_of, tables

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


def load_tui(repository: Path, environ: Mapping[str, str]) -> TuiSettings:
    """Return the settings of the screen alone: a night is watched whatever else the file says.

    Raises:
        SettingsError: the file can not be read, or a value of `[tui]` is wrong.
    """
    file = _file_layer(repository / FILE_NAME)
    layer = {section: values for section, values in file.items() if section == "tui"}
    _flatten_keys(layer)
    check(str(repository / FILE_NAME), layer)
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
        check(source, layer)
        for section, values in layer.items():
            if isinstance(values, list):
                merged[section] = values
            else:
                merged.setdefault(section, {}).update(values)
    settings = msgspec.convert(merged, Settings)
    check_sense(settings)
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
    for section in tables():
        for key, kind in keys_of(section).items():
            yield section, key, kind
