"""How an agent is asked to mend an edit that crashed."""

import difflib

from autoresearch_tui.agents import fitting, quoting
from autoresearch_tui.agents.base import Repair

TITLE_CHARACTERS = 200
WORDS_CHARACTERS = 1_000
DIFF_CHARACTERS = 4_000


def request(repair: Repair, incumbent: str) -> str:
    """Return the question, the run's output marked as data in it.

    Args:
        repair: what is to be mended.
        incumbent: the file that it is an edit of.
    """
    before, after = incumbent.splitlines(), repair.train.splitlines()
    lines = difflib.unified_diff(before, after, "incumbent", "crashed", lineterm="")
    diff = quoting.unmarked(fitting.squeeze("\n".join(lines), DIFF_CHARACTERS))
    title = quoting.one_line(repair.title, TITLE_CHARACTERS)
    return (
        f"Experiment {repair.experiment} ({title}) crashed before it could show anything, for "
        "what looks like a small fault. This proposal is asked to repair it: train.py, where you "
        "edit it, stands as that edit left it. Mend the fault with as little as you can, and "
        "submit it.\n"
        f"<diff>\n{diff}\n</diff>\n"
        f"Its hypothesis was: {quoting.one_line(repair.hypothesis, WORDS_CHARACTERS)}\n"
        f"It ended with {quoting.reason(repair.reason, WORDS_CHARACTERS)}\n"
        f"{quoting.output(repair.output)}"
    )
