"""The hostile scripts, and what their docstrings say must become of them.

    python -m tests.adversarial.case CASE

prints the script that is run.
"""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from autoresearch_tui.executors.sandbox import Level, Sandbox

HERE = Path(__file__).parent
CASES = HERE / "cases"
GUARD = '\n\nif __name__ == "__main__":\n    main()\n'
LIMITS_S = {"Budget": 30.0, "Start-up": 60.0, "Evaluation": 60.0}


@dataclass(frozen=True)
class Case:
    """One hostile script, and what its docstring says must become of it."""

    name: str
    tries: str
    """What it tries, in a sentence."""
    script: str
    """The whole train.py."""
    ends: str
    """`invalid`, `crash`, `timeout`, `same score` or `no better`, both than the honest script's; or
    `same weights`, which the honest model would score the same, so that nobody need do it."""
    reason: str
    """A pattern for the reason of the verdict."""
    sandbox: str
    """`needed`: only a sandbox stops it; `none`: it shows something without one; or `any`."""
    idle: bool
    """Whether it mostly sleeps."""
    limits_s: dict[str, float]

    @classmethod
    def read(cls, name: str) -> "Case":
        """Read a case and complete its script with the honest one's text."""
        text = (CASES / f"{name}.py").read_text()
        docstring = ast.get_docstring(ast.parse(text)) or ""
        said = dict(re.findall(r"^([A-Z][\w-]+): (.+)$", docstring, re.MULTILINE))
        return cls(
            name=name,
            tries=docstring.partition("\n")[0],
            script=compose(text),
            ends=said["Ends"],
            reason=said.get("Reason", ""),
            sandbox=said.get("Sandbox", "any"),
            idle=said.get("Lane") == "idle",
            limits_s={key: float(said.get(key, limit)) for key, limit in LIMITS_S.items()},
        )

    def is_scored(self, sandbox: Sandbox) -> bool:
        """Return whether its weights do not tell its score by themselves."""
        is_unconfined = self.sandbox == "needed" and sandbox.level is Level.NONE
        return self.ends != "same weights" or is_unconfined


def names() -> list[str]:
    """Return the names of all cases."""
    return sorted(path.stem for path in CASES.glob("*.py"))


def compose(case: str) -> str:
    """Return a script that stands alone.

    It is the honest text, where the case builds on it, then the case's, then the call of `main`.
    """
    own, imports = re.subn(
        r"^from tests\.adversarial\.honest import (\([^)]*\)|[^\n]*)\n",
        "",
        case,
        flags=re.MULTILINE,
    )
    return ((HERE / "honest.py").read_text() + "\n\n" if imports else "") + own + GUARD


if __name__ == "__main__":
    print(Case.read(sys.argv[1]).script)
