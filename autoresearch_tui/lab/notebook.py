"""What the lab writes for people and upstream's tools: commit messages, diffs, `results.tsv`."""

import re
import textwrap
from pathlib import Path

import pygit2

from autoresearch_tui import __version__
from autoresearch_tui.lab.judge import Verdict
from autoresearch_tui.lab.repository import TRAIN_FILE
from autoresearch_tui.record.metric import change_words
from autoresearch_tui.record.state import Experiment, Phase, SessionState
from autoresearch_tui.record.vocabulary import Hardware, Status

MESSAGE_COLUMNS = 72
RESULTS_HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
UPSTREAM_STATUS = {
    Status.KEEP: "keep",
    Status.CRASH: "crash",
    Status.TIMEOUT: "crash",
    Status.INVALID: "crash",
}


def proposal_message(number: int, title: str, hypothesis: str) -> str:
    """Return the message of a commit that waits for its verdict."""
    return f"{number:04d} proposed: {one_line(title)}\n\n{_wrapped(hypothesis)}\n"


def edit_message(edit: int, title: str, hypothesis: str) -> str:
    """Return the message of a person's own edit that waits for its turn."""
    return f"edit {edit} queued: {one_line(title)}\n\n{_wrapped(hypothesis)}\n"


def undo_message(experiment: Experiment, by: str, reason: str) -> str:
    """Return the message of the commit that makes an earlier keep the incumbent again."""
    subject = f"undo: back to {experiment.number:04d}, {one_line(experiment.title)}"
    why = f"Undone by {one_line(by)}" + (f": {one_line(reason)}" if reason.strip() else "")
    return f"{subject}\n\n{_wrapped(_sentence(why))}\n"


def verdict_message(state: SessionState, experiment: Experiment, verdict: Verdict) -> str:
    """Return the message of an experiment's last commit, a page of a lab notebook."""
    subject = f"{experiment.number:04d} {verdict.status}: {one_line(experiment.title)}"
    if verdict.val_bpb is not None:
        change = "" if verdict.change is None else change_words(verdict.change, state.metric, 2)
        subject += f" ({verdict.val_bpb:.6f}{f', {change}' if change else ''})"
    paragraphs = [subject, _wrapped(experiment.hypothesis), _wrapped(_sentence(verdict.reason))]
    trailers = "\n".join(f"{key}: {value}" for key, value in _trailers(state, experiment, verdict))
    return "\n\n".join([part for part in paragraphs if part] + [trailers]) + "\n"


def _trailers(
    state: SessionState, experiment: Experiment, verdict: Verdict
) -> list[tuple[str, str]]:
    trailers = [
        ("Experiment", f"{state.tag}/{experiment.number:04d}"),
        ("Status", str(verdict.status)),
        ("Hypothesis", one_line(experiment.hypothesis)),
        ("Agent", " ".join(filter(None, (experiment.agent, experiment.model)))),
    ]
    trailers += [("Mark", one_line(mark)) for mark in experiment.marks]
    if verdict.val_bpb is not None:
        trailers.append((_key(state.metric), f"{verdict.val_bpb:.6f} {experiment.standing}"))
    if verdict.change is not None:
        trailers.append(("Measured-Change", f"{verdict.change:+.6f}"))
    if experiment.expected_change is not None:
        trailers.append(("Expected-Change", f"{experiment.expected_change:+.6f}"))
    if run := experiment.last_run:
        trailers += [
            ("Seed", str(run.seed)),
            ("Budget", f"{run.budget_s:g} s"),
            ("Trained", f"{run.trained_s:.2f} s, {run.steps} steps, {run.tokens} tokens"),
        ]
    if state.data is not None:
        trailers.append(
            ("Data", f"{state.data.name}/{state.data.profile} {state.data.fingerprint}")
        )
    if machine := state.hardware:
        trailers += [
            ("Hardware", f"{machine.device}, {machine.name}, {machine.cores} cores"),
            ("Versions", _versions(machine)),
        ]
    return [(key, value) for key, value in trailers if value]


def _key(metric: str) -> str:
    """Return a metric's name as that of a trailer: `Val-Bpb`."""
    parts = re.split(r"[^A-Za-z0-9]+", metric)
    return "-".join(part.capitalize() for part in parts if part) or "Result"


def _versions(machine: Hardware) -> str:
    known = [("torch", machine.torch), ("Python", machine.python)]
    others = [f"{name} {version}" for name, version in known if version]
    return ", ".join([f"autoresearch {__version__}", *others])


def unified_diff(old: str, new: str, name: str = TRAIN_FILE) -> str:
    """Return the change between two versions of the edited file; empty where there is none."""
    # A patch reads from these bytes without holding them: they have to outlive it.
    before, after = old.encode(), new.encode()
    patch = pygit2.Patch.create_from(before, after, name, name)
    return patch.text or ""


def changed_lines(diff: str) -> tuple[int, int]:
    """Return how many lines a unified diff adds and removes."""
    lines = [line for line in diff.splitlines() if not line.startswith(("+++ ", "--- "))]
    added = sum(line.startswith("+") for line in lines)
    return added, sum(line.startswith("-") for line in lines)


def write_results(path: Path, state: SessionState) -> None:
    """Write upstream's table of the judged experiments, whole, from the state."""
    rows = [RESULTS_HEADER]
    rows += [_row(each) for each in state.experiments.values() if each.phase is Phase.JUDGED]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
    temporary.replace(path)


def add_result(path: Path, state: SessionState, experiment: Experiment) -> None:
    """Add the row of an experiment that was just judged to the table.

    It goes at the end, where it belongs; where a later experiment was judged before it, or there
    is no table, all rows are written.
    """
    numbers = range(experiment.number + 1, state.next_number)
    later = [state.experiments[number] for number in numbers if number in state.experiments]
    if any(each.phase is Phase.JUDGED for each in later) or not path.exists():
        write_results(path, state)
        return
    with path.open("a", encoding="utf-8") as table:
        table.write(f"{_row(experiment)}\n")


def _row(experiment: Experiment) -> str:
    assert experiment.status is not None
    status = UPSTREAM_STATUS.get(experiment.status, "discard")
    run = experiment.last_run
    memory_gb = run.peak_memory_mb / 1024 if run and status != "crash" else 0.0
    val_bpb = experiment.val_bpb or 0.0
    title = one_line(experiment.title)
    return f"{experiment.commit[:7]}\t{val_bpb:.6f}\t{memory_gb:.1f}\t{status}\t{title}"


def one_line(text: str) -> str:
    """Return the text with every run of white space, and so every line's end, as one blank."""
    return " ".join(text.split())


def _sentence(reason: str) -> str:
    reason = one_line(reason)
    return reason[:1].upper() + reason[1:] + "." * (not reason.endswith((".", "!", "?")))


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(one_line(text), MESSAGE_COLUMNS))
