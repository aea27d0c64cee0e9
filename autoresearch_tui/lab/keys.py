"""Keys: found in the environment or the keyring, and kept out of what a night leaves behind."""

import logging
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from autoresearch_tui.record.masking import mask

SERVICE = "autoresearch"
"""Under which the keyring knows a key: `keyring set autoresearch ANTHROPIC_API_KEY`."""
KEYRING_LIMIT_S = 10.0
"""A keyring that is locked asks a person, and at night there is none."""
CLAUSE_CHARACTERS = 200

# In a process of its own: some keyrings block for as long as nobody answers them.
_ASK = "import keyring, sys; sys.stdout.write(keyring.get_password(*sys.argv[1:]) or '')"


@dataclass(frozen=True)
class Found:
    """Where keys were looked for, and what was found."""

    environ: Mapping[str, str]
    """The environment, and with it what only the keyring had."""
    in_keyring: tuple[str, ...] = ()
    trouble: str = ""
    """Why the keyring could not be asked, as a clause; empty where it could, or was not."""


def gather(environ: Mapping[str, str], names: Iterable[str]) -> Found:
    """Return the environment with the keys of these names; the keyring is asked for the missing."""
    complete, from_keyring, trouble = dict(environ), list[str](), ""
    for name in names:
        if trouble or complete.get(name, "").strip():
            continue
        value, trouble = _ask_keyring(name)
        if value:
            complete[name] = value
            from_keyring.append(name)
    return Found(complete, tuple(from_keyring), trouble)


def withdraw(environ: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Take keys out of an environment, so that no later child process inherits them."""
    for name in names:
        environ.pop(name, None)


def _ask_keyring(name: str) -> tuple[str, str]:
    """Return a key, empty where there is none, and why the keyring could not be asked."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ASK, SERVICE, name],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=KEYRING_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return "", f"it did not answer within {KEYRING_LIMIT_S:g} s; is it locked"
    except (OSError, UnicodeDecodeError) as error:
        return "", str(error)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        return "", said.rpartition("errors.")[2][:CLAUSE_CHARACTERS]
    return done.stdout.strip(), ""


class MaskingFormatter(logging.Formatter):
    """Writes log lines without what looks like a secret, and without known ones."""

    def __init__(self, layout: str, secrets: Collection[str] = ()) -> None:
        """Take `secrets` out of every line, whatever they look like."""
        super().__init__(layout)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, tracebacks included."""
        return mask(super().format(record), self._secrets)


def guard_log(layout: str, secrets: Collection[str] = ()) -> None:
    """Have all that is logged from here on be masked."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(MaskingFormatter(layout, secrets))
