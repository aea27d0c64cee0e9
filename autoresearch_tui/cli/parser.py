"""What can be written after `autoresearch`, and what it means."""

import argparse
import math
import shlex
from collections.abc import Callable
from pathlib import Path

from autoresearch_tui import __version__
from autoresearch_tui.cli import common, deciding, nights, reading, steering, upkeep
from autoresearch_tui.control import messages
from autoresearch_tui.record.vocabulary import Absence, ApprovalMode


def build() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="autoresearch",
        description="Let an agent improve train.py overnight: propose, train, measure, keep.",
    )
    parser.add_argument("--version", action="version", version=f"autoresearch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument("--tag", help="the session's name (default: the one used last)")
        return added

    _add_run_flags(command("run", nights.run, "start a night or go on with it, and watch it"))
    attach = command("attach", nights.attach, "watch a session on the screen")
    attach.add_argument("--ascii", action="store_true", help="draw with ASCII characters alone")
    attach.add_argument("--theme", metavar="NAME", help="its colours, instead of the chosen ones")
    replay = command("replay", nights.replay, "play a past night on the screen; no lab hears of it")
    replay.add_argument(
        "--speed", type=speed_factor, default=60.0, metavar="N", help="times as fast (default: 60)"
    )
    replay.add_argument("--from", dest="start", type=int, metavar="N", help="from experiment N on")
    replay.add_argument("--ascii", action="store_true", help="draw with ASCII characters alone")
    replay.add_argument("--theme", metavar="NAME", help="its colours, instead of the chosen ones")
    command("status", reading.status, "say where a session stands")
    pause = command("pause", steering.pause, "start nothing new")
    pause.add_argument("--now", action="store_true", help="end the run; it begins anew afterwards")
    command("resume", common.send(messages.Resume), "go on after a pause")
    approve = command("approve", deciding.approve, "let the waiting experiment run")
    approve.add_argument("experiment", type=int, nargs="?")
    approve.add_argument("--all", action="store_true", help="and all that come after it, unasked")
    command("ask", deciding.ask, "have every edit wait for a person from here on")
    for name, allowed, text in (
        ("allow", True, "let an agent do what it asks for, this once"),
        ("refuse", False, "refuse what an agent asks for"),
    ):
        permit = command(name, deciding.permit(allowed=allowed), text)
        permit.add_argument("request", type=int, nargs="?", help="default: the one that waits")
    edit = command("edit", deciding.edit, "change the waiting experiment in your editor")
    edit.add_argument("experiment", type=int, nargs="?")
    back = command(
        "send-back", deciding.send_back, "refuse the waiting experiment, and say what instead"
    )
    back.add_argument("text", nargs="+", help="a sentence for the agent's next proposal")
    back.add_argument("--experiment", type=int, metavar="N", help="default: the one that waits")
    program = command(
        "program", deciding.program, "print program.md, your instructions to the agent"
    )
    program.add_argument("--edit", action="store_true", help="open it in your editor")
    reject = command("reject", deciding.reject, "refuse the waiting experiment")
    reject.add_argument("experiment", type=int, nargs="?")
    reject.add_argument("--reason", default="", help="what the agent and the record are told")
    command("kill", common.send(messages.Kill), "end the run in flight; it counts as killed")
    skip = command(
        "skip", steering.skip, "pass over the experiment that comes next; it does not count"
    )
    skip.add_argument("experiment", type=int, nargs="?")
    skip.add_argument("--reason", default="", help="what the agent and the record are told")
    attempt = command(
        "try", steering.try_file, "queue an edit of your own, before the agent's next proposal"
    )
    attempt.add_argument("file", type=Path, help="the whole file as it is to be run")
    attempt.add_argument("--title", help="half a line (default: the file's name)")
    attempt.add_argument("--hypothesis", default="", help="why it may be better")
    again = command(
        "again", steering.again, "run an experiment's file once more, to see how far it varies"
    )
    again.add_argument("experiment", type=int)
    undo = command("undo", steering.undo, "make an earlier keep the incumbent again")
    undo.add_argument("experiment", type=int, nargs="?", help="default: the one before")
    undo.add_argument("--reason", default="", help="what the record is told")
    promote = command("promote", steering.promote, "write the best train.py into the work tree")
    promote.add_argument("experiment", type=int, nargs="?", help="another keep than the best")
    steer = command("steer", steering.steer, "give the next proposal a sentence")
    steer.add_argument("text", nargs="+")
    idea = command("idea", steering.idea, "put an idea into the backlog, which agents take from")
    idea.add_argument("text", nargs="+")
    ideas = command(
        "ideas", steering.ideas, "show the backlog, or change it: ideas move 3 1, ideas drop 3"
    )
    ideas.add_argument("action", nargs="?", choices=["move", "drop"])
    ideas.add_argument("idea", type=int, nargs="?", help="its number")
    ideas.add_argument("place", type=int, nargs="?", help="move: where to, from 1")
    ideas.add_argument("--reason", default="", help="drop: what the record is told")
    note = command("note", steering.note, "show the page of notes that the agent keeps, or edit it")
    pen = note.add_mutually_exclusive_group()
    pen.add_argument("--edit", action="store_true", help="with $VISUAL or $EDITOR")
    pen.add_argument("--file", metavar="FILE", help="put this in its place (- for the input)")
    freeze = command(
        "freeze", steering.freeze, "keep agents from changing a constant, function or class"
    )
    freeze.add_argument("name", nargs="*", help="default: show what is frozen by name")
    thaw = command("thaw", steering.thaw, "let agents change it again")
    thaw.add_argument("name", nargs="+")
    stop = command("stop", steering.stop, "end the lab after the run in flight")
    stop.add_argument("--now", action="store_true", help="interrupt the run; it is queued again")
    log = command("log", reading.log, "print what happened, a line a fact")
    log.add_argument("-f", "--follow", action="store_true", help="until the lab ends")
    log.add_argument("--json", action="store_true", help="the facts themselves")
    show = command("show", reading.show, "print one experiment: verdict, hypothesis and diff")
    show.add_argument("experiment", type=int)
    report = command("report", reading.report, "print what a session came to, as Markdown")
    report.add_argument("-o", "--output", metavar="FILE", default="-", help="write it there")
    command("agents", reading.agents, "show what each agent's proposals came to")
    gc = command(
        "gc", upkeep.gc, "show what can be freed of the repository's sessions, and free it"
    )
    free = gc.add_mutually_exclusive_group()
    free.add_argument("--yes", action="store_true", help="free it")
    free.add_argument("--dry-run", action="store_true", help="show it alone, as without --yes")
    command(
        "notify", upkeep.notify, "send a message to all that [notify] names, to see that it works"
    )
    command("sessions", reading.list_sessions, "list the repository's sessions")
    command(
        "init", upkeep.init, "write autoresearch.toml for a repository that trains in its own way"
    )
    doctor = command("doctor", upkeep.doctor, "check what a night needs")
    doctor.add_argument("--offline", action="store_true", help="ask no server")
    _add_agent_flags(doctor)
    _add_sandbox_flag(doctor)
    _add_data_flags(doctor)
    return parser


def _add_run_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--new", action="store_true", help="begin a new session")
    front = parser.add_mutually_exclusive_group()
    front.add_argument("--headless", action="store_true", help="lines instead of a screen")
    front.add_argument("--detach", action="store_true", help="start the lab and return")
    parser.add_argument("--json", action="store_true", help="headless: the facts as JSON lines")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters alone")
    _add_agent_flags(parser)
    parser.add_argument("--approval", choices=[*ApprovalMode], help="ask before each run, or not")
    parser.add_argument(
        "--timeout", type=duration_s, metavar="T", help="asking: how long to wait (90s, 10m, 1h)"
    )
    parser.add_argument("--then", choices=[*Absence], help="asking: what happens after that")
    parser.add_argument("--budget", type=float, metavar="S", help="seconds of training each")
    parser.add_argument("--device", choices=["cpu", "mps", "cuda"])
    _add_sandbox_flag(parser)
    parser.add_argument("--max-experiments", type=int, metavar="N", help="of the whole session")
    parser.add_argument("--max-hours", type=float, metavar="H")
    parser.add_argument("--until", metavar="HH:MM", help="local time of day")
    parser.add_argument("--max-cost", type=float, metavar="USD", help="of all proposals")
    parser.add_argument("--target-bpb", type=float, metavar="BPB", help="good enough")
    _add_data_flags(parser)


def duration_s(text: str) -> float:
    """Return the seconds of `90`, `90s`, `10m` or `1.5h`."""
    factor = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:], 0.0)
    try:
        return float(text[:-1]) * factor if factor else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no span of time; give one such as 90s, 10m or 1h"
        ) from None


def _add_agent_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agent", help="auto, tpe, claude, hybrid or acp")
    parser.add_argument("--model", help="the agent's model")
    parser.add_argument("--base-url", help="a local server that speaks the Messages API")
    parser.add_argument(
        "--agent-command",
        type=shlex.split,
        metavar="COMMAND",
        help="of acp: what speaks the Agent Client Protocol, such as 'gemini --acp'",
    )


def _add_sandbox_flag(parser: argparse.ArgumentParser) -> None:
    choices = ["auto", "require", "off"]
    parser.add_argument("--sandbox", choices=choices, help="confine the runs (docs/sandbox.md)")


def _add_data_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", help="a data set or a path (see prepare.py)")
    parser.add_argument("--profile", choices=["small", "full"])


def speed_factor(text: str) -> float:
    """Return how many times as fast a night is to play."""
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.0 < speed < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give a number above 0, as 60")
    return speed
