"""The morning's report: what a night came to, as one page of Markdown."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Activity, Experiment, SessionState
from autoresearch_tui.record.vocabulary import Direction, Status
from autoresearch_tui.report import standings
from autoresearch_tui.report.markdown import code, fenced, inline, table
from autoresearch_tui.report.summary import duration
from autoresearch_tui.report.tally import Tally, tally
from autoresearch_tui.session import Session

DIFF_LIMIT_BYTES = 64 * 1024
TITLE_CHARS = 100
REASON_CHARS = 200
STEPS_MOST = 200
ROWS_MOST = 1000
NAMED_MOST = 8
"""Of a list of experiments in a table's cell."""


def write(session: Session, path: Path) -> None:
    """Write a session's report to a file, whole or not at all.

    Raises:
        OSError: it can not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(report(session), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def report(session: Session) -> str:
    """Return the report on what a session's journal holds by now."""
    found = tally(JournalReader(session.journal).read())
    sections = [
        _headline(session, found),
        _lineage(session, found.state),
        _other_keeps(found.state),
        _failures(found),
        _ledger(found),
        standings.section(found),
        _permissions(found.state),
        _cost(found),
        _table(session, found.state),
        _places(session, found.state),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(session: Session, found: Tally) -> str:
    state = found.state
    machine = state.hardware
    lines = [f"# Session {inline(session.tag)}", "", _outcome(state), ""]
    facts = [f"{_plural(state.judged_count, 'experiment')}: {_counts(state)}"]
    if state.stop_reason:
        facts.append(f"the lab ended because {inline(state.stop_reason)}")
    else:
        facts.append("no end is recorded: the lab runs still, or died")
    if machine is not None:
        facts.append(
            f"{state.budget_s:g} s of training each, on {inline(machine.device)} "
            f"({inline(machine.name)}), torch {inline(machine.torch)}"
        )
    if state.data is not None:
        facts.append(
            f"data {inline(state.data.name)}/{inline(state.data.profile)}, "
            f"fingerprint {inline(state.data.fingerprint)}"
        )
    if found.labs > 1:
        facts.append(f"the lab was started {found.labs} times")
    if found.interruptions:
        facts.append(f"{_plural(found.interruptions, 'run')} interrupted, and begun anew")
    near = _near_misses(state)
    if near:
        facts.append(
            f"{_plural(len(near), 'near miss', 'near misses')}, discarded by no more than the "
            f"smallest gain that was kept: {_numbers(near)}"
        )
    return "\n".join(lines + [f"- {fact}" for fact in facts])


def _plural(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _counts(state: SessionState) -> str:
    return ", ".join(f"{count} {status}" for status, count in state.status_counts.items()) or "none"


def _outcome(state: SessionState) -> str:
    best, first = state.best, first_kept(state)
    if best is None or best.val_bpb is None:
        return "**No result**: not even the baseline was measured."
    score = f"{inline(state.metric)} {best.val_bpb:.6f}"
    runs = sum(run.val_bpb is not None for run in best.runs)
    sure = f"{best.standing}, and unconfirmed: {_plural(runs, 'run')}, one seed"
    if first is None or first is best or first.val_bpb is None:
        return f"**Nothing beat the baseline**, {score} ({sure})."
    gain = abs(best.val_bpb - first.val_bpb)
    word = "lower" if state.direction is Direction.LOWER else "higher"
    return (
        f"**{score}** by #{best.number}, {inline(best.title, TITLE_CHARS)}: "
        f"{_amount(state, gain)} {word} than the baseline's {first.val_bpb:.6f} ({sure})."
    )


def first_kept(state: SessionState) -> Experiment | None:
    """Return the baseline that was measured, if there is one."""
    return next(_kept(state), None)


def _kept(state: SessionState) -> Iterator[Experiment]:
    return (each for each in state.experiments.values() if each.status is Status.KEEP)


def _amount(state: SessionState, value: float) -> str:
    return change_words(value, state.metric).lstrip("+")


def _change(state: SessionState, value: float | None) -> str:
    return "" if value is None else change_words(value, state.metric)


def _path(state: SessionState) -> list[Experiment]:
    """Return the keeps from the baseline to the best, each an edit of the one before it."""
    path: dict[int, Experiment] = {}
    each = state.best
    while each is not None and each.number not in path:
        path[each.number] = each
        each = None if each.parent is None else state.experiments.get(each.parent)
    return list(path.values())[::-1]


def _lineage(session: Session, state: SessionState) -> str:
    steps = _path(state)[1:]
    if not steps:
        return ""
    parts = ["## The best and what it is made of"]
    if len(steps) > STEPS_MOST:
        parts.append(f"The latest {STEPS_MOST} of {len(steps)} steps.")
    for each in steps[-STEPS_MOST:]:
        expected = _change(state, each.expected_change) or "nothing said"
        parts.append(f"### #{each.number} {inline(each.title, TITLE_CHARS)}")
        said = [
            f"{inline(state.metric)} {each.val_bpb:.6f}" if each.val_bpb is not None else "",
            f"change {_change(state, each.change) or 'unknown'}, expected {expected}",
            f"by {inline(_agent(each))}",
            f"commit {code(each.commit)}",
        ]
        parts.append(", ".join(part for part in said if part) + ".")
        if each.hypothesis:
            parts.append(f"Hypothesis: {inline(each.hypothesis)}")
        if diff := _read(session.diff(each.number)):
            parts.append(fenced(diff.rstrip("\n"), "diff"))
    return "\n\n".join(parts)


def _other_keeps(state: SessionState) -> str:
    on_path = {each.number for each in _path(state)}
    others = [each for each in _kept(state) if each.number not in on_path][-ROWS_MOST:]
    if not others:
        return ""
    lines = [
        f"- #{each.number} {inline(each.title, TITLE_CHARS)}: "
        f"{_change(state, each.change) or 'a baseline'}, commit {code(each.commit)}"
        for each in others
    ]
    return "\n".join(["## Kept, and not part of the best", "", *lines])


def _near_misses(state: SessionState) -> list[int]:
    least = min((abs(each.change) for each in _kept(state) if each.change), default=None)
    if least is None:
        return []
    return [
        each.number
        for each in state.experiments.values()
        if each.status is Status.DISCARD and each.change is not None and abs(each.change) <= least
    ]


def _failures(found: Tally) -> str:
    if not found.causes:
        return ""
    causes = sorted(found.causes.values(), key=lambda each: -len(each.experiments))
    rows = [
        (
            str(len(each.experiments)),
            inline(each.what),
            inline(each.example, REASON_CHARS),
            _numbers(each.experiments),
        )
        for each in causes[:ROWS_MOST]
    ]
    columns = (" count", "how it ended", "reason, of the first one", "experiments")
    return "## Failures by cause\n\n" + table(columns, rows)


def _numbers(numbers: list[int]) -> str:
    distinct = list(dict.fromkeys(numbers))
    named = ", ".join(f"#{number}" for number in distinct[:NAMED_MOST])
    return named + (", …" if len(distinct) > NAMED_MOST else "")


def _ledger(found: Tally) -> str:
    state = found.state
    ledger = state.ledger_at(state.last_fact_at)
    spent = {
        each: ledger[each] for each in Activity if each is not Activity.OFF and ledger.get(each)
    }
    total = sum(spent.values())
    if not total:
        return ""
    wall = state.last_fact_at - found.first_at
    rows = [
        (str(each), f"{seconds:.1f}", f"{seconds / total:.1%}") for each, seconds in spent.items()
    ]
    rows.append(("**all, while a lab ran**", f"**{total:.1f}**", "**100.0%**"))
    # What is left of a journal by clocks that were set back is no time without a lab.
    off = max(0.0, wall - total)
    if off >= 1.0:
        rows.append(("no lab ran", f"{off:.1f}", ""))
    text = f"From the first fact to the last {duration(wall)} passed."
    columns = ("the device was", " seconds", " share")
    return "\n\n".join(["## Where the time went", text, table(columns, rows)])


def _permissions(state: SessionState) -> str:
    if not state.permissions:
        return ""
    asked = state.permission_requests
    kept = len(state.permissions)
    parts = ["## What agents asked to be allowed"]
    if asked > kept:
        parts.append(f"The latest {kept} of {asked}.")
    words = {True: "allowed", False: "refused", None: "open"}
    rows = [
        (
            f"#{each.experiment}",
            inline(each.agent),
            inline(each.what, TITLE_CHARS),
            words[each.allowed],
            inline(each.answered_by),
        )
        for each in state.permissions.values()
    ]
    return "\n\n".join([*parts, table((" for", "agent", "what", "answer", "by"), rows)])


def _cost(found: Tally) -> str:
    state = found.state
    agents = {name: spent for name, spent in found.by_agent.items() if name != "baseline"}
    if not agents:
        return ""
    rows = [
        (
            inline(name),
            str(spent.proposals),
            str(spent.failures),
            f"{spent.seconds:.0f}",
            f"{spent.input_tokens:,}",
            f"{spent.cache_read_tokens:,}",
            f"{spent.cache_write_tokens:,}",
            f"{spent.output_tokens:,}",
            _price(spent.cost_usd, spent.tokens, spent.unpriced_tokens),
        )
        for name, spent in agents.items()
    ]
    text = f"{state.tokens_spent:,} tokens, {_dollars(state.cost_usd)} US dollars"
    if state.unpriced_tokens:
        text += f"; {state.unpriced_tokens:,} of the tokens have no price and are not in the sum"
    columns = (
        "agent", " proposals", " failed", " seconds", " tokens in", " from the cache",
        " to the cache", " tokens out", " USD",
    )  # fmt: skip
    return "\n\n".join(["## What the proposals cost", f"{text}.", table(columns, rows)])


def _price(cost_usd: float, tokens: int, unpriced: int) -> str:
    if not tokens:
        return "none"
    if unpriced == tokens:
        return "no price"
    return _dollars(cost_usd) + (" and more" if unpriced else "")


def _dollars(cost_usd: float) -> str:
    return f"{cost_usd:.2f}" if cost_usd >= 1 else f"{cost_usd:.4f}"


def _table(session: Session, state: SessionState) -> str:
    judged = [each for each in state.experiments.values() if each.status is not None]
    if not judged:
        return ""
    rows = [
        (
            str(each.number),
            inline(each.title, TITLE_CHARS),
            "" if each.val_bpb is None else f"{each.val_bpb:.6f}",
            _change(state, each.change),
            str(each.status),
            inline(_agent(each)),
        )
        for each in judged[-ROWS_MOST:]
    ]
    columns = (" #", "title", f" {inline(state.metric)}", " change", "status", "agent")
    parts = ["## All experiments", table(columns, rows)]
    if len(judged) > ROWS_MOST:
        parts.insert(1, f"The latest {ROWS_MOST}; all are in {code(str(session.results))}.")
    return "\n\n".join(parts)


def _agent(experiment: Experiment) -> str:
    return " ".join(filter(None, (experiment.agent, experiment.model)))


def _places(session: Session, state: SessionState) -> str:
    tag, file = session.tag, state.edited_file
    rows = [
        ("the keeps, one commit each", f"git log autoresearch/{tag}"),
        ("every experiment", f"git log --all --glob='refs/autoresearch/{tag}/*'"),
        ("the best file", f"git show autoresearch/{tag}:{file}"),
        ("one experiment", f"autoresearch show --tag {tag} 7"),
        ("the session goes on with", f"autoresearch run --tag {tag}"),
        ("facts, outputs, diffs", str(session.folder)),
    ]
    lines = [f"- {what}: {code(where)}" for what, where in rows]
    return "\n".join(["## Where everything is", "", *lines])


def _read(path: Path) -> str:
    """Return the start of a diff; empty where there is none, or something else in its place."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        text = file.read(DIFF_LIMIT_BYTES + 1).decode(errors="replace")
    if len(text) > DIFF_LIMIT_BYTES:
        return text[:DIFF_LIMIT_BYTES] + f"\n... the rest is in {path}"
    return text
