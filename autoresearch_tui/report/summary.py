"""What a session came to, in a few lines of plain text."""

import shutil
import statistics
from collections.abc import Iterator, Mapping
from datetime import datetime

from autoresearch_tui.record.events import Notice
from autoresearch_tui.record.metric import BITS_PER_BYTE, change_words
from autoresearch_tui.record.plateau import plateau
from autoresearch_tui.record.state import Activity, Experiment, Permission, SessionState
from autoresearch_tui.record.usage import usage_words
from autoresearch_tui.record.vocabulary import Level, Standing
from autoresearch_tui.session import LabLife, Session

LOG_LINES = 12
MIB = 1 << 20
MIB_WANTED = 64
LIFE_WORDS = {
    LabLife.ALIVE: "running",
    LabLife.SILENT: "running, but its heart does not beat: the process hangs or is stopped",
    LabLife.DEAD: "dead: its process is gone, and it did not say why",
    LabLife.NONE: "not running",
}


def status(session: Session, state: SessionState, life: LabLife, now: float) -> str:
    """Return where a session stands."""
    return "\n".join(_status_lines(session, state, life, now))


def closing(session: Session, state: SessionState) -> str:
    """Return what a session has come to, and where its results are."""
    return "\n".join(_closing_lines(session, state))


def last_words(session: Session) -> str:
    """Return what is known of a lab that died: the end of its log."""
    free_mb = shutil.disk_usage(session.folder).free / MIB
    full = (
        f"Its disk has {free_mb:.0f} MiB left: make room first.\n" if free_mb < MIB_WANTED else ""
    )
    try:
        log = session.lab_log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        log = []
    said = "\n".join(f"  {line}" for line in log[-LOG_LINES:]) or "  nothing"
    return (
        f"The lab died. No finished experiment is lost; go on with: "
        f"autoresearch run --tag {session.tag}\n{full}The end of {session.lab_log}:\n{said}"
    )


def ledger_rows(ledger: Mapping[Activity, float]) -> list[str]:
    """Return what the time went to as aligned rows, the most first and the sum last.

    What took no time has no row; `ledger` is in seconds, as `SessionState.ledger_at` returns it.
    """
    spent = sorted(((each, name) for name, each in ledger.items() if each > 0), reverse=True)
    if not spent:
        return []
    total = sum(each for each, _ in spent)
    return [
        f"{name:<18}{duration(each):>14}{each / total:>9.1%}"
        for each, name in [*spent, (total, "sum")]
    ]


def experiment(experiment: Experiment, metric: str = BITS_PER_BYTE) -> str:
    """Return one experiment's page, without its diff."""
    return "\n".join(_experiment_lines(experiment, metric))


def backlog(state: SessionState) -> Iterator[str]:
    """Yield the ideas that wait, a line each, the next one first."""
    if not state.backlog:
        yield "No idea waits. Put one in with: autoresearch idea TEXT"
    for place, idea in enumerate(state.backlog, 1):
        yield f"{place:>3}. idea {idea.idea} by {idea.by}: {idea.text}"


def request(permission: Permission) -> Iterator[str]:
    """Yield what an agent asks to be allowed, as a person has to know it to answer."""
    yield f"request {permission.request}: {permission.agent} asks for #{permission.experiment}"
    yield f"  {permission.what}"
    if permission.detail:
        yield f"  exactly: {permission.detail}"
    if permission.reason:
        yield f"  {permission.reason}"


def _experiment_lines(experiment: Experiment, metric: str) -> Iterator[str]:
    yield f"experiment  #{experiment.number} {experiment.title}"
    yield f"status      {experiment.status or experiment.phase}: {experiment.reason}".rstrip(": ")
    if experiment.val_bpb is not None:
        yield f"{metric:<11} {experiment.val_bpb:.6f} {experiment.standing}"
    if experiment.change is not None:
        expected = experiment.expected_change
        hoped = "" if expected is None else f" (expected {change_words(expected, metric)})"
        yield f"change      {change_words(experiment.change, metric)}{hoped}"
    yield f"agent       {' '.join(filter(None, (experiment.agent, experiment.model)))}"
    if cost := usage_words(experiment.usage):
        yield f"proposal    {cost}"
    for mark in experiment.marks:
        yield f"look at     ! {mark}"
    if experiment.parent is not None:
        yield f"parent      #{experiment.parent}"
    yield f"commit      {experiment.commit}"
    for run in experiment.runs:
        yield (
            f"run         {run.outcome or 'under way'}, {run.trained_s:.1f} s trained, "
            f"{run.steps} steps, {run.tokens} tokens, seed {run.seed}"
        )
    if experiment.idea is not None:
        yield f"idea        {experiment.idea} of the backlog"
    if experiment.hypothesis:
        yield f"hypothesis  {experiment.hypothesis}"


def _status_lines(
    session: Session, state: SessionState, life: LabLife, now: float
) -> Iterator[str]:
    yield f"session     {session.tag} of {state.repository}"
    word = "paused by " + state.paused_by if state.paused_by else state.activity
    running = life in (LabLife.ALIVE, LabLife.SILENT)
    yield f"lab         {LIFE_WORDS[life]}{f' ({word})' if running else ''}"
    if not running and state.stop_reason:
        yield f"            stopped last because {state.stop_reason}"
    if running and (current := state.current):
        yield f"now         #{current.number} {current.phase}: {current.title}"
        if ahead := state.ahead:
            yield f"next        #{ahead.number} {ahead.phase}: {ahead.title}"
        if (waiting := state.waiting) and waiting.decide_at is not None:
            left = duration(max(0.0, waiting.decide_at - now))
            yield f"            {waiting.then} #{waiting.number} in {left}, if nobody decides"
    elif running and state.asking:
        yield f"now         {state.asking.agent} proposes #{state.asking.experiment}"
    if running and (asked := state.asked):
        yield f"asks        {asked.agent} for #{asked.experiment}: {asked.what}"
        answers = f"autoresearch allow {asked.request}, or refuse {asked.request}"
        left = duration(max(0.0, asked.decide_at - now))
        yield f"            {answers}; refused in {left} without an answer"
    for queued in state.queued_edits:
        yield f"queued      edit {queued.edit} by {queued.by}: {queued.title}"
    if running and state.backed_off_until is not None and state.backed_off_until > now:
        yield f"waits       {duration(state.backed_off_until - now)}: {state.back_off_reason}"
    if (told := _latest_trouble(state)) and told.text != state.back_off_reason:
        yield f"notice      {told.text}"
    agent = ", ".join(state.contest) or " ".join(filter(None, (state.agent, state.model)))
    yield f"{'agents' if state.contest else 'agent':<12}{agent}, {state.approval}"
    if state.limits:
        yield f"limits      {', '.join(_limits(state))}"
    if state.tokens_spent:
        unpriced = f", {state.unpriced_tokens:,} of them without a price"
        yield (
            f"cost        {state.cost_usd:.2f} US dollars, {state.tokens_spent:,} tokens"
            f"{unpriced if state.unpriced_tokens else ''}"
        )
    if state.frozen:
        yield f"frozen      {', '.join(state.frozen)}"
    if state.backlog:
        yield f"ideas       {len(state.backlog)} wait, the next one: {state.backlog[0].text}"
    yield from _results_lines(state)
    if found := plateau(state):
        tried = f"in {found.tried} experiments"
        yield f"            no gain that stands out since #{found.since}, {tried}"
    ledger = state.ledger_at(now if running else state.last_fact_at)
    for index, row in enumerate(ledger_rows(ledger)):
        yield f"{'' if index else 'time':<12}{row}"
    runs = (run for experiment in state.experiments.values() for run in experiment.runs)
    if gaps := [run.gap_s for run in runs if run.gap_s is not None]:
        yield f"            {statistics.median(gaps):.1f} s from clock to clock (median)"
    if not running:
        yield f"go on with  autoresearch run --tag {session.tag}"


def _latest_trouble(state: SessionState) -> Notice | None:
    """Return what this lab, or else the last one, told of trouble last."""
    since = state.lab_started_at or 0.0
    troubles = (n for n in reversed(state.notices) if n.level is not Level.INFO and n.at >= since)
    return next(troubles, None)


def _limits(state: SessionState) -> Iterator[str]:
    for name, value in state.limits.items():
        match name:
            case "experiments" | "US dollars":
                yield f"{value} {name}"
            case "target":
                yield f"a {state.metric} of {value}"
            case _:
                yield f"until {datetime.fromisoformat(value):%A %H:%M}"


def _closing_lines(session: Session, state: SessionState) -> Iterator[str]:
    yield f"session     {session.tag}: {state.stop_reason or 'under way'}"
    yield from _results_lines(state)
    yield f"kept        git log autoresearch/{session.tag}"
    yield f"all         git log --all --glob='refs/autoresearch/{session.tag}/*'"
    if session.report.exists():
        yield f"report      {session.report}"
    yield f"table       {session.results}"
    yield f"files       {session.folder}"


def _results_lines(state: SessionState) -> Iterator[str]:
    counts = ", ".join(f"{count} {status}" for status, count in state.status_counts.items())
    yield f"experiments {state.judged_count}{f': {counts}' if counts else ''}"
    best, baseline = state.best, _first_kept(state)
    if best is None or best.val_bpb is None:
        yield "best        none yet"
        return
    result = f"{best.val_bpb:.6f} {state.metric}"
    if best.standing is Standing.REPORTED:
        result += f" ({best.standing} by the script)"
    yield f"best        {result}, #{best.number} {best.title}"
    if baseline and baseline.val_bpb is not None and baseline is not best:
        gain = state.direction.gain(best.val_bpb - baseline.val_bpb)
        words = change_words(gain, state.metric).lstrip("+")
        yield f"            {words} better than the baseline's {baseline.val_bpb:.6f}"


def _first_kept(state: SessionState) -> Experiment | None:
    kept = (e for e in state.experiments.values() if e.status == "keep")
    return next(kept, None)


def duration(seconds: float) -> str:
    """Return a span of time as people say it: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
