"""What is wrong with settings, as sentences that name the source, the key and the nearest one."""

import difflib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from autoresearch_tui.settings.sections import Layer, Settings, keys_of, tables


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; the message says which and where."""


def check(source: str, layer: Layer) -> None:
    """Refuse what a source names that nobody knows, and values of another type.

    Raises:
        SettingsError: it has some; the message names the nearest that there is.
    """
    for section, values in layer.items():
        if section == "prices":
            continue
        if section == "rivals":
            for rival in cast("list[Layer]", values):
                check(source, {"agent": rival})
            continue
        if section not in tables():
            raise SettingsError(
                f"{source} has an unknown section [{section}]{_nearest(section, tables())}."
            )
        # What is no table is refused below, with the name of its place.
        for key in cast("Layer", values) if isinstance(values, dict) else ():
            if key not in keys_of(section):
                nearest = _nearest(key, keys_of(section))
                raise SettingsError(f"{source} has an unknown key {key} in [{section}]{nearest}.")
    try:
        msgspec.convert(layer, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source} has a value that does not do: {error}.") from error


def check_sense(settings: Settings) -> None:
    """Refuse values that mean nothing, alone or together.

    Raises:
        SettingsError: there is one.
    """
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
