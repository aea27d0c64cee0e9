"""One night's files, who holds them, and which nights a repository has.

`files` says where everything is, `life` whether a lab lives there, `finding` looks for sessions.
"""

from autoresearch_tui.session.files import (
    SOCKET_NAME_CHARS,
    LabFile,
    Session,
    SessionError,
    agent_folder,
    last_beat_at,
    read_lab_file,
    runtime_folder,
    write_lab_file,
)
from autoresearch_tui.session.finding import (
    find,
    fresh_tags,
    git_directory,
    named,
    neighbours,
    sessions,
)
from autoresearch_tui.session.life import (
    HEARTBEAT_INTERVAL_S,
    LabLife,
    SessionLock,
    already_running,
    lab_life,
)

__all__ = [
    "HEARTBEAT_INTERVAL_S",
    "SOCKET_NAME_CHARS",
    "LabFile",
    "LabLife",
    "Session",
    "SessionError",
    "SessionLock",
    "agent_folder",
    "already_running",
    "find",
    "fresh_tags",
    "git_directory",
    "lab_life",
    "last_beat_at",
    "named",
    "neighbours",
    "read_lab_file",
    "runtime_folder",
    "sessions",
    "write_lab_file",
]
