"""The tpe agent: moves the ALL_CAPS numbers of `train.py` by statistics alone.

It needs no key and no network, and is the control that a language model has to beat. Its name is
that of the usual sampler for such a search, and `sampler` takes that one's place: where a hundred
noisy trials are all there are, it goes further with them (`benchmarks/search.py`).

All that it knows it reads from the session's state and files at every proposal, so a resumed night,
or one that another agent began, is no different from its own.
"""

import asyncio
import os
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from autoresearch_tui.agents import constants, ideas, ladders, relations
from autoresearch_tui.agents.base import Context, Proposal, ProposalError, Think
from autoresearch_tui.agents.constants import Constant, Value
from autoresearch_tui.agents.ladders import Ladder
from autoresearch_tui.agents.relations import Relation
from autoresearch_tui.agents.trials import Trial, TrialReader
from autoresearch_tui.record.samples import ThoughtKind
from autoresearch_tui.record.vocabulary import Direction, Usage

LEAST_CHANGES = 8
"""Measured changes below which nothing is said of what the next one may bring."""
IDEA_EVERY = 4
"""Where ideas are wanted: the share of turns, one in so many, that goes to one."""
IDEA_TITLE = "idea: "
WISH_CHARACTERS = 40
"""How far a word such as `lower` may stand from the constant that it means."""

_WAYS = {
    1: r"higher|raise|increase|larger|bigger|greater|more|up|longer|deeper|wider",
    -1: r"lower|reduce|decrease|smaller|less|fewer|down|shorter|shallower|narrower",
}
_WAY = re.compile(rf"\b(?:(?P<up>{_WAYS[1]})|(?P<down>{_WAYS[-1]}))\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Move:
    """A constant and where it goes."""

    constant: Constant
    value: Value

    def __str__(self) -> str:
        literal = constants.spelled(self.value, like=self.constant.literal)
        return f"{self.constant.name} {self.constant.literal} -> {literal}"


class TpeAgent:
    """Proposes other values for up to five constants at a time, and ideas where they are wanted."""

    name = "tpe"
    model: str | None = None
    computes_here = True

    def __init__(self, *, ideas: bool = False) -> None:
        """Propose whole ideas too where `ideas` are wanted."""
        self._ideas = ideas
        self._reader = TrialReader()

    async def propose(self, context: Context, think: Think) -> Proposal:
        """Return an edit of constants that was not tried yet.

        Raises:
            ProposalError: the script has no constant to move, or all moves were tried.
        """
        # The model of a long night is up to a second of pure computing.
        proposal, thoughts = await asyncio.to_thread(self._propose, context)
        for thought in thoughts:
            think(ThoughtKind.TEXT, f"{thought}\n")
        return proposal

    def _propose(self, context: Context) -> tuple[Proposal, list[str]]:
        # Importing numpy takes a moment that only this agent should cost, and not the event loop.
        # It reads then how many threads to work with, and matrices as small as the sampler's are
        # done several times sooner by one that waits for no other.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from autoresearch_tui.agents import sampler  # noqa: PLC0415

        started = time.monotonic()
        idea = _idea(context) if self._ideas and not context.steering else None
        if idea is not None and context.experiment % IDEA_EVERY == 0:
            return idea
        offered, bound = _movable(context)
        trials = self._reader.trials(context, offered)
        tried = self._reader.tried(context, offered)
        wish, thoughts = read_wish(context.steering, offered)
        found = sampler.suggest(offered, trials, tried, context.seed, wish, bound)
        if found is None and wish:
            thoughts.append(
                "All that was asked for was tried, or is out of reach: I choose myself."
            )
            found = sampler.suggest(offered, trials, tried, context.seed, None, bound)
        if found is None and idea is not None:
            return idea
        if found is None:
            raise ProposalError(
                "Every move of the constants in train.py was tried. Give it other constants, or "
                "choose another agent.",
                fatal=True,
            )
        of = {ladder.constant.key: ladder.constant for ladder in offered}
        moves = [_Move(of[key], value) for key, value in found.move.items()]
        direction = context.state.direction
        reasons = [f"{one}: {_reason(one, trials, direction)}" for one in moves]
        proposal = Proposal(
            train=constants.rewrite(context.train, found.move),
            title=", ".join(map(str, moves)),
            hypothesis=" ".join(reasons),
            expected_change=_expected_change(trials, found.change, direction),
            usage=Usage(seconds=time.monotonic() - started),
        )
        return proposal, [*thoughts, _overview(offered, trials), *reasons]


def _idea(context: Context) -> tuple[Proposal, list[str]] | None:
    """Return the next idea that fits the script and was not tried in this session, if any."""
    if context.frozen:
        # A rewrite goes through the whole script, and might touch what must stay.
        return None
    titles = {experiment.title for experiment in context.state.experiments.values()}
    fitting = [
        (idea, train)
        for idea, train in ideas.fitting(context.train)
        if IDEA_TITLE + idea.name not in titles
    ]
    if not fitting:
        return None
    idea, train = random.Random(context.seed).choice(fitting)
    proposal = Proposal(train=train, title=IDEA_TITLE + idea.name, hypothesis=idea.why)
    return proposal, [f"{len(fitting)} ideas fit and were not tried. I try: {idea.name}."]


def _movable(context: Context) -> tuple[list[Ladder], list[Relation]]:
    """Return the ladders of all constants that count on the session's device, and what binds them.

    Raises:
        ProposalError: there are none.
    """
    hardware = context.state.hardware
    try:
        found, bound = movable(context.train, hardware.device if hardware else None)
    except SyntaxError as error:
        raise ProposalError(
            f"train.py of experiment {context.incumbent} does not parse: {error}.", fatal=True
        ) from None
    found = [ladder for ladder in found if ladder.constant.name not in context.frozen]
    if not found:
        raise ProposalError(
            "train.py has no constants to move: tpe needs numbers with names in ALL_CAPS at its "
            "top level, such as LEARNING_RATE = 0.01. Add some, or choose another agent.",
            fatal=True,
        )
    return found, bound


def movable(source: str, device: str | None) -> tuple[list[Ladder], list[Relation]]:
    """Return the ladders of a script's constants that count, and which have to divide which.

    Raises:
        SyntaxError: the script is no Python.
    """
    found = constants.find(source, device)
    idle = relations.idle(found)
    found = [each for each in found if each.key not in idle]
    bound = relations.find(source, found)
    values = {each.key: each.value for each in found}
    divisors = {
        each.key: [values[bond.divisor] for bond in bound if bond.multiple == each.key]
        for each in found
    }
    built = (
        ladders.build(each, [d for d in divisors[each.key] if isinstance(d, int)]) for each in found
    )
    return [ladder for ladder in built if ladder], bound


def read_wish(
    sentences: Sequence[str], movable: Sequence[Ladder]
) -> tuple[dict[str, int], list[str]]:
    """Return the constants that a person named, each with the way to go, and what to answer.

    A way is 1, -1, or 0 where no word such as `lower` stands near the name.
    """
    wish: dict[str, int] = {}
    answers: list[str] = []
    for sentence in sentences:
        named: list[str] = []
        for ladder in movable:
            name = ladder.constant.name
            pattern = rf"\b{name.replace('_', '[_ ]')}\b"
            if match := re.search(pattern, sentence, re.IGNORECASE):
                way = _way(sentence, match.start(), match.end())
                wish[ladder.constant.key] = way
                named.append(name + {1: " higher", -1: " lower"}.get(way, ""))
        known = ", ".join(named) or "no constant of train.py that counts, so it changes nothing"
        answers.append(f'You said: "{sentence}" I read names, not English. It names: {known}.')
    return wish, answers


def _way(sentence: str, start: int, end: int) -> int:
    """Return the way that the word nearest to a name asks for."""
    nearest, way = WISH_CHARACTERS + 1, 0
    for match in _WAY.finditer(sentence):
        distance = max(start - match.end(), match.start() - end)
        if 0 <= distance < nearest:
            nearest, way = distance, 1 if match["up"] else -1
    return way


def _overview(offered: Sequence[Ladder], trials: Sequence[Trial]) -> str:
    failed = sum(trial.loss is None for trial in trials)
    large = sum(trial.out_of_memory for trial in trials)
    earlier = sum(trial.earlier for trial in trials)
    moved = {key for trial in trials for key in trial.moved}
    never = sum(ladder.constant.key not in moved for ladder in offered)
    return (
        f"{len(offered)} constants can be moved, {never} of them never were; {len(trials)} "
        f"experiments to learn from{f', {earlier} of earlier sessions' if earlier else ''}, "
        f"{failed} of them failed{f', {large} for want of memory' if large else ''}."
    )


def _reason(move: _Move, trials: Sequence[Trial], direction: Direction) -> str:
    """Return in words what past experiments say of a constant."""
    key, meaning = move.constant.key, move.constant.meaning
    about = f" ({meaning})" if meaning else ""
    past = [trial for trial in trials if key in trial.moved]
    if not past:
        return f"never moved so far, so this asks whether it matters{about}."
    kept = sum(trial.paid for trial in past)
    times = "once" if len(past) == 1 else f"{len(past)} times"
    text = f"moved {times} so far, {kept} kept"
    measured = [(trial.change, trial.values[key]) for trial in past if trial.change is not None]
    if measured:
        change, value = min(measured, key=lambda each: each[0])
        best = constants.spelled(value)
        text += f"; best when it went to {best} ({_turned(change, direction):+.4f})"
    if failed := sorted({trial.values[key] for trial in past if trial.loss is None}, key=str):
        text += f"; failed at {', '.join(map(constants.spelled, failed[:5]))}"
    return f"{text}{about}."


def _turned(change: float, direction: Direction) -> float:
    """Return the metric's own change, of one that is better when negative."""
    return direction.gain(-change)


def _expected_change(trials: Sequence[Trial], change: float, direction: Direction) -> float | None:
    """Return what the trials let expect of a move; none where they are too few to tell."""
    measured = sum(trial.change is not None for trial in trials)
    return round(_turned(change, direction), 6) if measured >= LEAST_CHANGES else None
