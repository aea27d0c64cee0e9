"""The `autoresearch` command: runs a night, watches it, and steers it from any shell."""

import contextlib
import os
import signal
import sys
from typing import NoReturn

from autoresearch_tui.cli import common, parser
from autoresearch_tui.control import client
from autoresearch_tui.session import SessionError
from autoresearch_tui.settings import SettingsError


def main() -> NoReturn:
    """Run the command line; trouble becomes a sentence on standard error and exit code 1."""
    arguments = parser.build().parse_args()
    try:
        code = arguments.run(arguments)
    except (SessionError, SettingsError, client.LabUnreachable) as error:
        print(f"autoresearch: {error}", file=sys.stderr)
        code = common.EXIT_TROUBLE
    except KeyboardInterrupt:
        print("\nautoresearch: interrupted.", file=sys.stderr)
        code = 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our lines has enough of them.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = common.EXIT_TROUBLE
    sys.exit(code)
