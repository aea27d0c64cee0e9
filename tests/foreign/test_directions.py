"""Where more is better, everything that compares turns round; where less is, nothing changed."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from autoresearch_tui import headless
from autoresearch_tui.agents import prompt
from autoresearch_tui.agents.tpe import TpeAgent
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import apply
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import Direction, Standing, Status
from tests.agents.night import TRAIN, Night, Thoughts
from tests.tui import nights
from tests.tui.watching import shown, watching

CONSTANTS = {"MATRIX_LR = 0.04": "MATRIX_LR = 0.0{}", "HEAD_LR = 3e-4": "HEAD_LR = {}e-4"}


@dataclass
class Mirrored(Night):
    """A night whose metric may be turned upside down."""

    direction: Direction = Direction.LOWER

    def __post_init__(self) -> None:
        super().__post_init__()
        started = self.facts[0]
        assert isinstance(started, events.LabStarted)
        self.facts[0] = msgspec.structs.replace(started, direction=self.direction, metric="score")

    def tell(self, train: str, status: Status, loss: float, parent: int | None) -> None:
        value = loss if self.direction is Direction.LOWER else 5.0 - loss
        self.add(train, status, value, parent=parent)


def night(direction: Direction) -> Mirrored:
    """Return a night of twenty experiments, each as good or as bad in either direction."""
    made = Mirrored(direction=direction)
    made.tell(TRAIN, Status.KEEP, 1.8, None)
    for number in range(20):
        old, new = list(CONSTANTS.items())[number % 2]
        train = TRAIN.replace(old, new.format(number + 1))
        made.tell(train, Status.DISCARD, 1.9 + 0.25 * ((7 * number) % 5), 0)
    return made


async def test_tpe_proposes_the_same_whichever_way_the_metric_goes() -> None:
    for seed in range(6):
        lower, higher = [
            await TpeAgent().propose(night(way).context(seed=seed), Thoughts()) for way in Direction
        ]
        assert lower.train == higher.train
        assert lower.expected_change is not None
        assert higher.expected_change == pytest.approx(-lower.expected_change)
        # The changes that it tells of are the metric's own.
        signs = [set(re.findall(r"\(([+-])\d", each.hypothesis)) for each in (lower, higher)]
        assert signs in ([{"+"}, {"-"}], [set(), set()])


@pytest.mark.parametrize("direction", Direction)
def test_a_model_is_told_what_the_repositorys_own_way_is(direction: Direction) -> None:
    made = night(direction)
    baseline = events.Evaluated(
        at=0.0, experiment=0, replicate=0, valid=True, reason=None, val_bpb=1.8
    )
    measured = prompt.system("", made.state)
    made.facts.insert(2, msgspec.structs.replace(baseline, standing=Standing.REPORTED))
    told = prompt.system("", made.state)
    assert f"`score:`. {direction.value.capitalize()} is better" in told
    assert "`score:`" not in measured
    digest = prompt.digest(made.state)
    close = digest.partition("but close")[2].partition("The latest")[0]
    distances = [abs(float(value)) for value in re.findall(r"\(([+-][\d.]+)\)", close)]
    assert distances == sorted(distances)
    assert distances[0] == pytest.approx(0.1)


async def test_the_screen_names_the_metric_and_climbs(tmp_path: Path) -> None:
    made = nights.make_night(tmp_path, nights.Ending.TRAINING)
    journal = made.session.journal.read_text()
    journal = journal.replace('"metric":"val_bpb"', '"metric":"accuracy"')
    journal = journal.replace('"direction":"lower"', '"direction":"higher"')
    # Turned over, so that what was an improvement still is one.
    journal = re.sub(r'"val_bpb":([\d.]+)', lambda m: f'"val_bpb":{9 - float(m[1])}', journal)
    journal = re.sub(r'"change":(-?[\d.e-]+)', lambda m: f'"change":{-float(m[1])}', journal)
    made.session.journal.write_text(journal)
    async with watching(made, (120, 40)) as pilot:
        history, table = shown(pilot, "#history"), shown(pilot, "#experiments")
        header = shown(pilot, "Header")
    assert "accuracy" in table.splitlines()[0]
    assert "mbpb" not in table + header
    assert re.search(r"best \d\.\d{6} \+\d\.\d{6}", header)
    assert "╯" in history
    assert "╮" not in history
    assert "↓" in history
    assert "↑" not in history


def test_a_headless_line_says_that_a_result_was_reported() -> None:
    made, state = night(Direction.HIGHER), SessionState()
    told: list[str] = []
    for fact in made.facts:
        apply(state, fact)
        if isinstance(fact, events.Proposed):
            state.experiments[fact.experiment].standing = Standing.REPORTED
        told += headless.lines(state, fact)
    assert "the metric is score: higher is better" in told
    assert any(re.search(r"DISCARD \(-\d\.\d{6}\): .*\(reported\)$", line) for line in told)
