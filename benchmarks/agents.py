"""The same session with tpe, with hybrid, with claude and as a contest, and what each came to.

    python benchmarks/agents.py                      30 experiments each, on a CPU
    python benchmarks/agents.py --json FILE          ... and the figures as JSON
    python benchmarks/agents.py --real --budget-s 5  train.py as it is in place of the stand-in

By default no model is trained: the stand-in of the tests speaks the protocol of a run and scores
its constants by a formula, so a session is as long as its processes take to start. claude, and the
model of hybrid, talk to the tests' scripted server, which edits one constant an experiment: the
table shows that nights run and are counted, not which agent is better.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from autoresearch_tui.agents import catalogue
from autoresearch_tui.record.events import Status
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.report.standings import lines
from autoresearch_tui.report.tally import Tally, tally
from autoresearch_tui.session import Session, named
from autoresearch_tui.settings import AgentSettings, Settings
from tests.agents.messages_server import EditOneConstant, MessagesServer
from tests.workshop import Workshop

EXPERIMENTS = 30
KEY = {"ANTHROPIC_API_KEY": "nobody-looks-at-it"}
NIGHTS: dict[str, tuple[str, ...]] = {
    "tpe": ("tpe",),
    "hybrid": ("hybrid",),
    "claude": ("claude",),
    "contest": ("claude", "tpe", "hybrid"),
}
STANDIN_RATES = r"^ *(LEARNING_RATE|INIT_SCALE|WEIGHT_DECAY) = ([0-9.]+)"


@dataclass
class Night:
    """What a session came to."""

    finished: bool
    experiments: int
    keeps: int
    failures: int
    no_edit: int
    tokens: int
    first: float | None
    best: float | None


def on_standin(folder: Path, agents: list[AgentSettings], experiments: int) -> Session:
    """Run a lab of this process on the stand-in."""
    workshop = Workshop.begun(folder / "repository")
    chosen = Settings(agent=agents[0], rivals=agents[1:])
    minds, _ = catalogue.contest(agents, KEY)
    lab = workshop.lab(
        minds[0], chosen, rivals=minds[1:], fallback=catalogue.fallback(),
        max_experiments=experiments,
    )  # fmt: skip
    asyncio.run(lab.run())
    return workshop.session


def on_real(
    folder: Path, agents: list[AgentSettings], experiments: int, budget_s: float
) -> Session:
    """Run the command itself on train.py."""
    root, sources = folder / "repository", Path(__file__).parents[1]
    workshop = Workshop.begun(root)
    for name in ("train.py", "prepare.py"):
        (root / name).write_bytes((sources / name).read_bytes())
    tables = [
        "[[agent]]\n"
        + "".join(
            f"{key} = {json.dumps(value)}\n"
            for key, value in msgspec.to_builtins(agent).items()
            if value not in (None, [])
        )
        for agent in agents
    ]
    (root / "autoresearch.toml").write_text("\n".join(tables))
    done = workshop.command(
        "run", "--headless", "--tag", "agents", "--budget", f"{budget_s:g}",
        "--device", "cpu", "--max-experiments", str(experiments), **KEY,
    )  # fmt: skip
    _, complaint = done.communicate()
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, "autoresearch run", complaint)
    return named(root, "agents")


def told(found: Tally) -> Night:
    """Return the figures of a session."""
    state = found.state
    counts = state.status_counts
    baseline = state.experiments[0].val_bpb if state.experiments else None
    return Night(
        finished=state.finished,
        experiments=state.judged_count,
        keeps=counts.get(Status.KEEP, 0),
        failures=sum(
            counts.get(each, 0) for each in (Status.CRASH, Status.TIMEOUT, Status.INVALID)
        ),
        no_edit=sum(spent.failures for spent in found.by_agent.values()),
        tokens=state.tokens_spent,
        first=baseline,
        best=state.best.val_bpb if state.best else None,
    )


def main() -> None:
    """Spend the nights, and print each one's standings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", nargs="+", choices=list(NIGHTS), default=list(NIGHTS))
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS, help="with the baseline")
    parser.add_argument("--real", action="store_true", help="train train.py, in place of a formula")
    parser.add_argument("--budget-s", type=float, default=5.0, help="of each run of train.py")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, object]] = {}
    for name in arguments.nights:
        script = EditOneConstant() if arguments.real else EditOneConstant(STANDIN_RATES)
        with tempfile.TemporaryDirectory() as place, MessagesServer(script) as server:
            agents = [
                AgentSettings(kind=kind, base_url=None if kind == "tpe" else server.url)
                for kind in NIGHTS[name]
            ]
            folder = Path(place)
            if arguments.real:
                session = on_real(folder, agents, arguments.experiments, arguments.budget_s)
            else:
                session = on_standin(folder, agents, arguments.experiments)
            found = tally(JournalReader(session.journal).read())
        night = told(found)
        figures[name] = {**asdict(night), "standings": lines(found)}
        ended = "to its end" if night.finished else f"ended early: {found.state.stop_reason}"
        print(f"# {name}: {night.experiments} experiments, {ended}, {night.keeps} kept, "
              f"{night.failures} failed, {night.no_edit} answers without an edit, "
              f"{night.tokens:,} tokens, {night.first} -> {night.best}")  # fmt: skip
        print("\n".join(f"  {line}" for line in lines(found)), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
