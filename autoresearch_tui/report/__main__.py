"""Writes a session's report into its folder.

python -m autoresearch_tui.report SESSION_FOLDER
"""

import sys
from pathlib import Path

from autoresearch_tui.report import night
from autoresearch_tui.session import Session

if __name__ == "__main__":
    session = Session(Path(sys.argv[1]))
    night.write(session, session.report)
