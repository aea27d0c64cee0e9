"""What systemd's login manager does to a night when its user logs out, or leaves the machine idle.

The manager's settings are files; what they say is read from there, as it reads them itself. See
logind.conf(5).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoresearch_tui.lab.findings import Finding, fail, note, ok

SUBJECT = "logout"
PLACES = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
"""Below the root, the strongest first."""
UNIT = "docs/night.md shows a unit that is left alone"
LINGER = "loginctl enable-linger"
TRUE = ("yes", "true", "on", "1", "y", "t")


@dataclass(frozen=True)
class Login:
    """How this process hangs on its user's login."""

    user: str
    uid: int
    cgroup: str
    """As `/proc/self/cgroup` names it."""

    @property
    def is_of_a_session(self) -> bool:
        """Whether it ends with the login itself, where logind ends anything."""
        return "/session-" in self.cgroup

    @property
    def is_of_the_users_manager(self) -> bool:
        """Whether it is a service of the user, which end with the last login."""
        return "/user@" in self.cgroup


def settings(root: Path) -> dict[str, str]:
    """Return what the files below `root` set; later words replace earlier ones."""
    found: dict[str, str] = {}
    for file in _files(root):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            key, equals, value = line.partition("=")
            if equals and not key.lstrip().startswith(("#", ";")):
                found[key.strip()] = value.strip()
    return found


def _files(root: Path) -> Iterator[Path]:
    """Yield the strongest main file, then the parts, of each name the strongest, by their names."""
    mains = (root / place / "logind.conf" for place in PLACES)
    yield from [main for main in mains if main.is_file()][:1]
    parts: dict[str, Path] = {}
    for place in reversed(PLACES):
        parts |= {part.name: part for part in (root / place / "logind.conf.d").glob("*.conf")}
    yield from (parts[name] for name in sorted(parts))


def examine(root: Path, login: Login) -> Iterator[Finding]:
    """Yield what happens to a night of `login` when nobody is logged in, or nobody types."""
    if not (root / "run/systemd/system").is_dir():
        yield ok(SUBJECT, "systemd does not run here, so nothing ends when you log out")
        return
    chosen = settings(root)
    lingers = (root / "var/lib/systemd/linger" / login.user).exists()
    yield _of_logout(chosen, login, lingers=lingers)
    removes = chosen.get("RemoveIPC", "yes").lower() in TRUE
    if removes and not lingers and login.uid >= 1000:
        yield note(
            "shared memory",
            "logind removes yours when you log out (RemoveIPC), and runs use some; keep it with: "
            f"{LINGER}",
        )
    action = chosen.get("IdleAction", "ignore").lower()
    if action not in ("ignore", "lock"):
        yield note(
            "idle",
            f"logind will {action} an idle machine; prevent it with: systemd-inhibit "
            "--what=idle:sleep autoresearch run --headless",
        )


def _of_logout(chosen: dict[str, str], login: Login, *, lingers: bool) -> Finding:
    if login.is_of_the_users_manager and not lingers:
        return fail(
            SUBJECT,
            f"your services end with your last login, and this would be one; keep them: {LINGER}",
        )
    if login.is_of_a_session and _kills(chosen, login.user):
        return fail(
            SUBJECT,
            "logind ends all that you started when you log out (KillUserProcesses=yes), tmux and "
            f"nohup included; {UNIT}, or start with: {LINGER} && systemd-run --user --scope "
            "autoresearch run",
        )
    return ok(SUBJECT, "what you started goes on when you log out")


def _kills(chosen: dict[str, str], user: str) -> bool:
    if chosen.get("KillUserProcesses", "no").lower() not in TRUE:
        return False
    only = chosen.get("KillOnlyUsers", "").split()
    spared = chosen.get("KillExcludeUsers", "root").split()
    return (not only or user in only) and user not in spared
