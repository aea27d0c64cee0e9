"""How an agent is asked to mend an edit that crashed."""

from autoresearch_tui.agents import quoting
from autoresearch_tui.agents.base import Repair

TITLE_CHARACTERS = 200
WORDS_CHARACTERS = 1_000


def request(repair: Repair) -> str:
    """Return the question, the run's output marked as data in it."""
    title = quoting.one_line(repair.title, TITLE_CHARACTERS)
    return (
        f"Experiment {repair.experiment} ({title}) crashed before it could show anything, for "
        "what looks like a small fault. This proposal is asked to repair it: train.py, where you "
        "edit it, stands as that edit left it. Mend the fault with as little as you can, and "
        "submit it.\n"
        f"Its hypothesis was: {quoting.one_line(repair.hypothesis, WORDS_CHARACTERS)}\n"
        f"It ended with {quoting.reason(repair.reason, WORDS_CHARACTERS)}\n"
        f"{quoting.output(repair.output)}"
    )
