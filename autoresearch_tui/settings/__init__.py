"""Settings: defaults, the session's own, `autoresearch.toml`, the environment, flags; then frozen.

A session keeps what it was last run with, but for its limits: `run` without flags goes on with it.
`sections` are all that can be set, `layers` where it is read from and written to, `checks` what is
refused.
"""

from autoresearch_tui.settings.checks import SettingsError
from autoresearch_tui.settings.layers import FILE_NAME, load, load_tui, write
from autoresearch_tui.settings.sections import (
    AgentSettings,
    ApprovalSettings,
    DataSettings,
    Device,
    Layer,
    LimitSettings,
    NotifySettings,
    Overlap,
    Price,
    RetentionSettings,
    RunSettings,
    Settings,
    WatchdogSettings,
)

__all__ = [
    "FILE_NAME",
    "AgentSettings",
    "ApprovalSettings",
    "DataSettings",
    "Device",
    "Layer",
    "LimitSettings",
    "NotifySettings",
    "Overlap",
    "Price",
    "RetentionSettings",
    "RunSettings",
    "Settings",
    "SettingsError",
    "WatchdogSettings",
    "load",
    "load_tui",
    "write",
]
