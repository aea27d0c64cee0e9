"""The same night with each agent: what it proposes, what comes of it, and what it uses.

    python benchmarks/agents.py                  30 experiments each, and the table
    python benchmarks/agents.py --agent hybrid   one of them
    python benchmarks/agents.py --json FILE      ... and the figures as JSON

A lab, its supervisors and runs are as in a real night, and nobody watches; the script that trains
is a stand-in of five constants whose val_bpb is a formula, so that a run takes a tenth of a second.
The model of claude and hybrid is a server of this machine that follows a script (it moves one
constant a conversation, whatever the history says), and the agent behind acp a process built with
the protocol's library, which moves the learning rate alone. In the contest claude, tpe and hybrid
share the turns. So the table compares what agents
cost and whether a night with them goes through, not how clever they are.

At the end tpe is timed as after a restart: its first proposal in a session of a thousand
experiments of the real `train.py`, all of which it has to read.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python benchmarks/agents.py` finds the packages beside it, too

from autoresearch_tui.agents import constants  # noqa: E402
from autoresearch_tui.agents.acp.agent import AcpAgent  # noqa: E402
from autoresearch_tui.agents.acp.process import agent_environment  # noqa: E402
from autoresearch_tui.agents.base import Agent  # noqa: E402
from autoresearch_tui.agents.catalogue import fallback  # noqa: E402
from autoresearch_tui.agents.claude import ClaudeAgent  # noqa: E402
from autoresearch_tui.agents.hybrid import HybridAgent  # noqa: E402
from autoresearch_tui.agents.requests import Limits  # noqa: E402
from autoresearch_tui.agents.tpe import TpeAgent, movable  # noqa: E402
from autoresearch_tui.record.samples import ThoughtKind  # noqa: E402
from autoresearch_tui.record.vocabulary import Status  # noqa: E402
from autoresearch_tui.report.tally import tally  # noqa: E402
from benchmarks import landscape  # noqa: E402
from tests.agents.messages_server import EditOneConstant, MessagesServer  # noqa: E402
from tests.workshop import Workshop  # noqa: E402

EXPERIMENTS = 30
RESTARTED_WITH = 1_000
EVERY = 3
"""Of hybrid: the model has each so many-th experiment."""
MOVED = r"^(LEARNING_RATE|WEIGHT_DECAY|MOMENTUM|INIT_SCALE) = ([0-9.]+)"
"""What the scripted model edits."""


@dataclass(frozen=True)
class Row:
    """What a night with one agent came to."""

    agent: str
    proposals: int
    keeps: int
    discards: int
    crashes: int
    other: int
    """Experiments with any other verdict, such as those passed over."""
    failed: int
    """Proposals that did not come to an experiment."""
    by_fallback: int
    """Experiments that the fallback had to propose."""
    tokens: int
    seconds_each: float
    """Of an agent's own time for a proposal."""
    seconds: float
    """Of the whole night."""
    first: float
    best: float


@contextmanager
def tpe(folder: Path) -> Iterator[list[Agent]]:  # noqa: ARG001
    """Lend tpe."""
    yield [fallback()]


@contextmanager
def claude(folder: Path) -> Iterator[list[Agent]]:  # noqa: ARG001
    """Lend claude before a scripted server."""
    with MessagesServer(EditOneConstant(MOVED)) as server:
        yield [ClaudeAgent(model="scripted", api_key=None, base_url=server.url, limits=Limits())]


@contextmanager
def hybrid(folder: Path) -> Iterator[list[Agent]]:
    """Lend both of them as one."""
    with tpe(folder) as tuners, claude(folder) as thinkers:
        yield [HybridAgent(tuners[0], thinkers[0], EVERY)]


@contextmanager
def contest(folder: Path) -> Iterator[list[Agent]]:
    """Lend three of them, which share the turns by what they gain."""
    with claude(folder) as one, tpe(folder) as other, hybrid(folder) as third:
        yield [*one, *other, *third]


@contextmanager
def acp(folder: Path) -> Iterator[list[Agent]]:
    """Lend a process that speaks the protocol."""
    memory = folder / "memory"
    memory.mkdir()
    script = ROOT / "tests" / "agents" / "acp_agent.py"
    agent = AcpAgent(
        command=[sys.executable, str(script), str(memory)],
        environment=agent_environment(os.environ, ["PYTHONPATH"]),
        place=folder / "place",
        limit_s=60.0,
    )
    yield [agent]


AGENTS = {"tpe": tpe, "hybrid": hybrid, "claude": claude, "acp": acp, "contest": contest}


def spend(name: str, experiments: int) -> Row:
    """Spend a night with an agent.

    Raises:
        RuntimeError: it ended early.
    """
    with tempfile.TemporaryDirectory() as place, AGENTS[name](Path(place)) as agents:
        workshop = Workshop.begun(Path(place) / "repository")
        started = time.monotonic()
        finished = asyncio.run(_night(workshop, agents, experiments))
        seconds = time.monotonic() - started
        found = tally(workshop.facts())
    state = found.state
    if not finished or state.baseline is None or state.best is None:
        raise RuntimeError(f"The night with {name} ended early: {state.stop_reason}")
    names = {agent.name for agent in agents}
    mine = [each for each in state.experiments.values() if each.agent in names]
    spent = [each for name, each in found.by_agent.items() if name in names]
    asked = sum(each.proposals + each.failures for each in spent)
    statuses = [each.status for each in mine]
    told = (Status.KEEP, Status.DISCARD, Status.CRASH)
    return Row(
        agent=name,
        proposals=len(mine),
        keeps=statuses.count(Status.KEEP),
        discards=statuses.count(Status.DISCARD),
        crashes=statuses.count(Status.CRASH),
        other=sum(status not in told for status in statuses),
        failed=sum(each.failures for each in spent),
        by_fallback=len(state.experiments) - 1 - len(mine),
        tokens=sum(each.tokens for each in spent),
        seconds_each=sum(each.seconds for each in spent) / max(1, asked),
        seconds=seconds,
        first=state.baseline.val_bpb or 0.0,
        best=state.best.val_bpb or 0.0,
    )


async def _night(workshop: Workshop, agents: list[Agent], experiments: int) -> bool:
    lead, *rivals = agents
    lab = workshop.lab(lead, rivals=rivals, fallback=fallback(), max_experiments=experiments)
    return (await lab.run()).finished


class StoredNight(landscape.Night):
    """A night whose scripts are files, as those of a session are."""

    def __init__(self, source: str, folder: Path) -> None:
        """Keep the scripts in a folder."""
        super().__init__(source)
        self._folder = folder

    def add(self, train: str, measured: float | None) -> None:
        """Add an experiment, and write its script."""
        (self._folder / f"{len(self.trains)}.py").write_text(train)
        super().add(train, measured)

    def train(self, experiment: int) -> str:
        """Read an experiment's script."""
        return (self._folder / f"{experiment}.py").read_text()


def restart(experiments: int) -> tuple[float, float]:
    """Return the seconds of a fresh tpe's first and second proposal after so many experiments."""
    source, rng = (ROOT / "train.py").read_text(), random.Random(1)
    ladders = movable(source, "cpu")[0]
    with tempfile.TemporaryDirectory() as folder:
        night = StoredNight(source, Path(folder))
        night.add(source, 1.0)
        for _ in range(experiments - 1):
            moved = rng.sample(ladders, rng.choice([1, 2, 3]))
            values = {each.constant.key: rng.choice(each.rungs) for each in moved}
            night.add(constants.rewrite(source, values), 1.1 + rng.gauss(0, 0.02))
        agent, seconds = TpeAgent(), list[float]()
        for seed in (1, 2):
            started = time.monotonic()
            asyncio.run(agent.propose(night.context(seed), _think))
            seconds.append(time.monotonic() - started)
    return seconds[0], seconds[1]


def _think(kind: ThoughtKind, text: str) -> None:
    """Listen to nothing."""


COLUMNS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "agent": ("<", lambda row: row.agent),
    "proposals": (">", lambda row: str(row.proposals)),
    "keeps": (">", lambda row: str(row.keeps)),
    "discards": (">", lambda row: str(row.discards)),
    "crashes": (">", lambda row: str(row.crashes)),
    "other": (">", lambda row: str(row.other)),
    "failed": (">", lambda row: str(row.failed)),
    "by fallback": (">", lambda row: str(row.by_fallback)),
    "tokens": (">", lambda row: f"{row.tokens:,}"),
    "s each": (">", lambda row: f"{row.seconds_each:.2f}"),
    "s in all": (">", lambda row: f"{row.seconds:.1f}"),
    "val_bpb": (">", lambda row: f"{row.first:.4f} -> {row.best:.4f}"),
}


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    cells = [list(COLUMNS), *([of(row) for _, of in COLUMNS.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [side for side, _ in COLUMNS.values()]
    return "\n".join(
        "  ".join(f"{c:{s}{w}}" for c, s, w in zip(line, sides, widths, strict=True)).rstrip()
        for line in cells
    )


def main() -> None:
    """Spend the nights, and print what they came to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agent", choices=AGENTS, action="append", help="one, or some; else all")
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS)
    parser.add_argument("--restarted-with", type=int, default=RESTARTED_WITH)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go too")
    arguments = parser.parse_args()
    chosen = arguments.agent or list(AGENTS)
    rows: list[Row] = []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr)
        rows.append(spend(name, arguments.experiments))
    print(table(rows))
    figures: dict[str, object] = {"rows": [asdict(row) for row in rows]}
    if "tpe" in chosen and arguments.restarted_with:
        first, second = restart(arguments.restarted_with)
        print(
            f"tpe after a restart with {arguments.restarted_with:,} experiments: first proposal "
            f"{first:.2f} s, second {second:.2f} s"
        )
        figures["restart"] = {
            "experiments": arguments.restarted_with, "first_s": first, "second_s": second,
        }  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
