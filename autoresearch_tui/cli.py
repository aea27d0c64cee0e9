"""The `autoresearch` command: runs a night, watches it, and steers it from any shell."""

import argparse
import contextlib
import difflib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TextIO

from autoresearch_tui import __version__, headless, settings
from autoresearch_tui import session as sessions
from autoresearch_tui.control import client, messages
from autoresearch_tui.record.events import Absence, ApprovalMode
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.state import Experiment, SessionState
from autoresearch_tui.report import night, summary
from autoresearch_tui.session import LabLife, Session, SessionError
from autoresearch_tui.settings import Layer, SettingsError
from autoresearch_tui.syntax import syntax_trouble

if TYPE_CHECKING:
    from autoresearch_tui.tui.editor import Draft

EXIT_TROUBLE = 1
STOP_WAIT_S = 30.0

FLAG_SETTINGS = {
    "budget": ("run", "budget_s"),
    "device": ("run", "device"),
    "sandbox": ("run", "sandbox"),
    "data": ("data", "name"),
    "profile": ("data", "profile"),
    "agent": ("agent", "kind"),
    "model": ("agent", "model"),
    "base_url": ("agent", "base_url"),
    "approval": ("approval", "mode"),
    "max_experiments": ("limits", "max_experiments"),
    "timeout": ("approval", "timeout_s"),
    "then": ("approval", "then"),
    "max_hours": ("limits", "max_hours"),
    "max_cost": ("limits", "max_cost"),
    "target_bpb": ("limits", "target_bpb"),
    "until": ("limits", "until"),
}
"""Which setting each flag of `run` stands for."""


def main() -> NoReturn:
    """Run the command line; trouble becomes a sentence on standard error and exit code 1."""
    arguments = _parser().parse_args()
    try:
        code = arguments.run(arguments)
    except (SessionError, SettingsError, client.LabUnreachable) as error:
        print(f"autoresearch: {error}", file=sys.stderr)
        code = EXIT_TROUBLE
    except KeyboardInterrupt:
        print("\nautoresearch: interrupted.", file=sys.stderr)
        code = 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our lines has enough of them.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = EXIT_TROUBLE
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
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

    _add_run_flags(command("run", _run, "start a night or go on with it, and watch it"))
    attach = command("attach", _attach, "watch a session on the screen")
    attach.add_argument("--ascii", action="store_true", help="draw with ASCII characters alone")
    attach.add_argument("--theme", metavar="NAME", help="its colours, instead of the chosen ones")
    command("status", _status, "say where a session stands")
    pause = command("pause", _pause, "start nothing new")
    pause.add_argument("--now", action="store_true", help="end the run; it begins anew afterwards")
    command("resume", _send(messages.Resume), "go on after a pause")
    approve = command("approve", _approve, "let the waiting experiment run")
    approve.add_argument("experiment", type=int, nargs="?")
    approve.add_argument("--all", action="store_true", help="and all that come after it, unasked")
    command("ask", _ask, "have every edit wait for a person from here on")
    edit = command("edit", _edit, "change the waiting experiment in your editor")
    edit.add_argument("experiment", type=int, nargs="?")
    back = command("send-back", _send_back, "refuse the waiting experiment, and say what instead")
    back.add_argument("text", nargs="+", help="a sentence for the agent's next proposal")
    back.add_argument("--experiment", type=int, metavar="N", help="default: the one that waits")
    program = command("program", _program, "print program.md, your instructions to the agent")
    program.add_argument("--edit", action="store_true", help="open it in your editor")
    reject = command("reject", _reject, "refuse the waiting experiment")
    reject.add_argument("experiment", type=int, nargs="?")
    reject.add_argument("--reason", default="", help="what the agent and the record are told")
    command("kill", _send(messages.Kill), "end the run in flight; it counts as killed")
    skip = command("skip", _skip, "pass over the experiment that comes next; it does not count")
    skip.add_argument("experiment", type=int, nargs="?")
    skip.add_argument("--reason", default="", help="what the agent and the record are told")
    attempt = command("try", _try, "queue an edit of your own, before the agent's next proposal")
    attempt.add_argument("file", type=Path, help="the whole file as it is to be run")
    attempt.add_argument("--title", help="half a line (default: the file's name)")
    attempt.add_argument("--hypothesis", default="", help="why it may be better")
    undo = command("undo", _undo, "make an earlier keep the incumbent again")
    undo.add_argument("experiment", type=int, nargs="?", help="default: the one before")
    undo.add_argument("--reason", default="", help="what the record is told")
    promote = command("promote", _promote, "write the best train.py into the work tree")
    promote.add_argument("experiment", type=int, nargs="?", help="another keep than the best")
    steer = command("steer", _steer, "give the next proposal a sentence")
    steer.add_argument("text", nargs="+")
    stop = command("stop", _stop, "end the lab after the run in flight")
    stop.add_argument("--now", action="store_true", help="interrupt the run; it is queued again")
    log = command("log", _log, "print what happened, a line a fact")
    log.add_argument("-f", "--follow", action="store_true", help="until the lab ends")
    log.add_argument("--json", action="store_true", help="the facts themselves")
    show = command("show", _show, "print one experiment: verdict, hypothesis and diff")
    show.add_argument("experiment", type=int)
    report = command("report", _report, "print what a session came to, as Markdown")
    report.add_argument("-o", "--output", metavar="FILE", default="-", help="write it there")
    gc = command("gc", _gc, "show what can be freed of the repository's sessions, and free it")
    free = gc.add_mutually_exclusive_group()
    free.add_argument("--yes", action="store_true", help="free it")
    free.add_argument("--dry-run", action="store_true", help="show it alone, as without --yes")
    command("notify", _notify, "send a message to all that [notify] names, to see that it works")
    command("sessions", _sessions, "list the repository's sessions")
    command("init", _init, "write autoresearch.toml for a repository that trains in its own way")
    doctor = command("doctor", _doctor, "check what a night needs")
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
    parser.add_argument("--agent", help="auto, tpe or claude")
    parser.add_argument("--model", help="the agent's model")
    parser.add_argument("--base-url", help="a local server that speaks the Messages API")


def _add_sandbox_flag(parser: argparse.ArgumentParser) -> None:
    choices = ["auto", "require", "off"]
    parser.add_argument("--sandbox", choices=choices, help="confine the runs (docs/sandbox.md)")


def _add_data_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", help="a data set or a path (see prepare.py)")
    parser.add_argument("--profile", choices=["small", "full"])


def _flags(arguments: argparse.Namespace) -> Layer:
    layer: Layer = {}
    for flag, (section, key) in FLAG_SETTINGS.items():
        value = getattr(arguments, flag, None)
        if value is not None:
            layer.setdefault(section, {})[key] = value
    return layer


def _run(arguments: argparse.Namespace) -> int:
    # The lab's rooms load git and more; the other commands do without.
    from autoresearch_tui.lab import launcher  # noqa: PLC0415
    from autoresearch_tui.lab.repository import RepositoryError  # noqa: PLC0415

    repository = Path.cwd()
    on_screen = not (arguments.headless or arguments.detach)
    if on_screen:
        _need_terminal()
        _check_screen()
    session = launcher.choose_session(repository, arguments.tag, new=arguments.new)
    chosen = settings.load(repository, os.environ, _flags(arguments), session.settings)
    asks = chosen.approval.mode is ApprovalMode.ASK and chosen.approval.then is None
    if arguments.headless and asks:
        raise SettingsError(
            "Nobody is there to approve in a headless run: give --approval auto, or a policy for "
            "absence (--timeout 10m --then approve), or start with --detach and approve from "
            "another shell."
        )
    alive = sessions.lab_life(session) in (LabLife.ALIVE, LabLife.SILENT)
    if alive and on_screen:
        return _watch(session, ascii_only=arguments.ascii)
    started_at, lines_before = time.time(), _line_count(session)
    try:
        launcher.launch(repository, session, chosen)
    except RepositoryError as error:
        raise SessionError(str(error)) from error
    if on_screen:
        return _watch(session, ascii_only=arguments.ascii)
    if arguments.detach:
        print(f"The lab runs. Watch it with: autoresearch attach --tag {session.tag}")
        return 0
    if arguments.json:
        follower = headless.JsonFollower(session, sys.stdout, from_line=lines_before)
        return _run_headless(session, follower, sys.stderr)
    follower = headless.Follower(session, headless.print_line, since=started_at)
    return _run_headless(session, follower, sys.stdout)


def _run_headless(
    session: Session, follower: headless.Follower | headless.JsonFollower, narration: TextIO
) -> int:
    """Follow the session to its end; Ctrl-C or TERM stops the lab in order, a hang-up does not."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    while True:
        try:
            follower.follow()
            break
        except KeyboardInterrupt:
            print("Stopping; a run in flight is queued again.", file=sys.stderr)
            with contextlib.suppress(client.LabUnreachable):
                client.send(session.socket, messages.Stop(by=client.sender(), now=True))
        except BrokenPipeError:
            tag = session.tag
            print(f"The lab of session {tag} goes on without this reader.", file=sys.stderr)
            raise
    state = fold(JournalReader(session.journal).read())
    died = sessions.lab_life(session) is LabLife.DEAD
    if died:
        print(headless.printable_lines(summary.last_words(session)), file=sys.stderr)
    print("\n" + headless.printable_lines(summary.closing(session, state)), file=narration)
    return EXIT_TROUBLE if died or state.trouble else 0


def _raise_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _attach(arguments: argparse.Namespace) -> int:
    _need_terminal()
    # Where nobody names one of several sessions, the screen asks; the last one is at hand.
    pick = arguments.tag is None and len(sessions.sessions(Path.cwd())) > 1
    return _watch(_find(arguments), ascii_only=arguments.ascii, pick=pick, theme=arguments.theme)


def _watch(
    session: Session, *, ascii_only: bool, pick: bool = False, theme: str | None = None
) -> int:
    from autoresearch_tui.tui import terminal  # noqa: PLC0415

    terminal.prepare()
    # Textual reads its environment when it is imported.
    from autoresearch_tui.tui import app  # noqa: PLC0415

    theme, keymap = _theme_and_keys(theme)
    print(app.run(session, ascii_only=ascii_only, pick=pick, theme=theme, keymap=keymap))
    return 0


def _theme_and_keys(theme: str | None) -> tuple[str | None, Mapping[str, str]]:
    """Return the screen's theme, the named one before the settings', and its keymap."""
    from autoresearch_tui.tui import app, keys  # noqa: PLC0415

    chosen = settings.load_tui(Path.cwd(), os.environ)
    theme = theme or chosen.theme
    if theme is not None and theme not in (known := app.theme_names()):
        raise SettingsError(f"There is no theme {theme}. There are: {', '.join(known)}.")
    try:
        return theme, keys.keymap(chosen.keys)
    except keys.KeysError as error:
        raise SettingsError(str(error)) from error


def _check_screen() -> None:
    """Say what is wrong with the screen's settings before a night begins."""
    from autoresearch_tui.tui import terminal  # noqa: PLC0415

    terminal.prepare()
    _theme_and_keys(None)


def _need_terminal() -> None:
    # Textual draws on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise SessionError(
            "The screen needs a terminal for input, output and errors. Without one, use: "
            "autoresearch run --headless, or autoresearch log --follow"
        )


def _status(arguments: argparse.Namespace) -> int:
    session = _find(arguments)
    state = fold(JournalReader(session.journal).read())
    life = sessions.lab_life(session)
    print(headless.printable_lines(summary.status(session, state, life, time.time())))
    return 0


def _send(kind: Callable[..., messages.AnyCommand]) -> Callable[[argparse.Namespace], int]:
    return lambda arguments: _tell(arguments, kind(by=client.sender()))


def _tell(arguments: argparse.Namespace, command: messages.AnyCommand) -> int:
    session = _find(arguments)
    try:
        reply = client.send(session.socket, command)
    except client.LabSilent as error:
        raise client.LabSilent(
            f"{error}. It may be busy or stopped; look at it with: autoresearch status"
        ) from error
    except client.LabUnreachable as error:
        raise client.LabUnreachable(
            f"{error}: session {session.tag} is not running. "
            f"Start it with: autoresearch run --tag {session.tag}"
        ) from error
    print(reply.detail)
    return 0 if reply.ok else EXIT_TROUBLE


def _pause(arguments: argparse.Namespace) -> int:
    return _tell(arguments, messages.Pause(by=client.sender(), now=arguments.now))


def _skip(arguments: argparse.Namespace) -> int:
    number = arguments.experiment
    if number is None:
        # Named here, so that a command that is given twice does not skip two.
        opened = _state(arguments).open_experiments
        number = opened[-1] if opened else None
    reason = _text(arguments.reason)
    return _tell(arguments, messages.Skip(by=client.sender(), experiment=number, reason=reason))


def _undo(arguments: argparse.Namespace) -> int:
    number = arguments.experiment
    if number is None:
        best = _state(arguments).best
        number = best.parent if best else None
    reason = _text(arguments.reason)
    return _tell(arguments, messages.Undo(by=client.sender(), experiment=number, reason=reason))


def _try(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    try:
        # Byte for byte: line ends of another system are the user's too.
        train = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"{path} can not be read: {error}.") from error
    if trouble := syntax_trouble(train):
        raise SessionError(f"{path} can not run: {trouble}.")
    command = messages.Try(
        by=client.sender(),
        train=train,
        title=_text(arguments.title or path.name),
        hypothesis=_text(arguments.hypothesis),
    )
    if len(messages.encode(command)) >= messages.LINE_LIMIT_BYTES:
        raise SessionError(f"{path} is too large to be queued.")
    return _tell(arguments, command)


def _promote(arguments: argparse.Namespace) -> int:
    command = messages.Promote(by=client.sender(), experiment=arguments.experiment)
    try:
        return _tell(arguments, command)
    except client.LabSilent:
        raise
    except client.LabUnreachable:
        return _promote_without_lab(_find(arguments), command)


def _promote_without_lab(session: Session, command: messages.Promote) -> int:
    from autoresearch_tui.lab import hand  # noqa: PLC0415
    from autoresearch_tui.lab.repository import (  # noqa: PLC0415
        ExperimentRepository,
        RepositoryError,
    )

    lock = sessions.SessionLock(session)
    try:
        state = fold(JournalReader(session.journal).read())
        repository = ExperimentRepository(Path(state.repository), session.tag, state.edited_file)
        journal = Journal(session.journal)
        reply = hand.promote(state, command, journal.append, repository)
        journal.close()
    except (RepositoryError, OSError) as error:
        raise SessionError(f"Nothing is promoted: {error}") from error
    finally:
        lock.release()
    print(reply.detail)
    return 0 if reply.ok else EXIT_TROUBLE


def _state(arguments: argparse.Namespace) -> SessionState:
    return fold(JournalReader(_find(arguments).journal).read())


def _approve(arguments: argparse.Namespace) -> int:
    waiting, by = _shown_waiting(arguments), client.sender()
    number = arguments.experiment if waiting is None else waiting.number
    # What is approved is the version that was printed, and no later one.
    commit = None if waiting is None else waiting.commit
    if arguments.all:
        command = messages.SetApproval(by=by, mode="auto", experiment=number, commit=commit)
        return _tell(arguments, command)
    return _tell(arguments, messages.Approve(by=by, experiment=number, commit=commit))


def _shown_waiting(arguments: argparse.Namespace) -> Experiment | None:
    """Print what waits for a decision, and return it; none where it is not what was asked about."""
    waiting = _state(arguments).waiting
    if waiting is None or arguments.experiment not in (None, waiting.number):
        return None
    size = f"+{waiting.lines_added} -{waiting.lines_removed}"
    edited = f", changed by {waiting.amended_by}" if waiting.amended_by else ""
    told = f"#{waiting.number} {waiting.title} [{size}], from #{waiting.parent}{edited}"
    print(headless.printable(told))
    for mark in waiting.marks:
        print(headless.printable(f"! {mark}"))
    return waiting


def _ask(arguments: argparse.Namespace) -> int:
    return _tell(arguments, messages.SetApproval(by=client.sender(), mode="ask"))


def _send_back(arguments: argparse.Namespace) -> int:
    waiting = _shown_waiting(arguments)
    number = arguments.experiment if waiting is None else waiting.number
    text = _text(" ".join(arguments.text))
    return _tell(arguments, messages.SendBack(by=client.sender(), experiment=number, text=text))


def _edit(arguments: argparse.Namespace) -> int:
    from autoresearch_tui.tui.editor import Draft, EditorError  # noqa: PLC0415

    session, waiting = _find(arguments), _shown_waiting(arguments)
    if waiting is None:
        raise SessionError("No such experiment waits for approval, so there is nothing to edit.")
    try:
        train = session.train_file(waiting.number).read_bytes().decode()
        draft = Draft(f"{waiting.number:04d}-train.py", train)
        if not _edit_draft(draft):
            draft.discard()
            print(f"#{waiting.number} is as it was.")
            return 0
        after = draft.text()
    except (EditorError, OSError, UnicodeDecodeError) as error:
        raise SessionError(f"#{waiting.number} is as it was: {error}") from error
    change = difflib.unified_diff(train.splitlines(), after.splitlines(), lineterm="", n=1)
    print("\n".join(headless.printable(line) for line in [*change][2:]))
    command = messages.Amend(
        by=client.sender(), experiment=waiting.number, commit=waiting.commit, train=after
    )
    kept = f"What you wrote is kept. Queue it with: autoresearch try {draft.path}"
    try:
        code = _tell(arguments, command)
    except client.LabUnreachable as error:
        raise client.LabUnreachable(f"{error}. {kept}") from error
    if code:
        print(kept)
    else:
        draft.discard()
        print(f"Let it run with: autoresearch approve {waiting.number}")
    return code


def _edit_draft(draft: "Draft") -> bool:
    """Have the person edit until it parses; return whether anything is to be sent."""
    from autoresearch_tui.tui import editor  # noqa: PLC0415

    while True:
        editor.run(draft.path, os.environ)
        after = draft.text()
        if after == draft.before:
            return False
        trouble = syntax_trouble(after)
        if trouble is None:
            return True
        try:
            answer = input(f"It can not run so: {trouble}. Edit it again? [Y/n] ")
        except EOFError:
            answer = "n"
        if answer.strip().lower().startswith("n"):
            return False


def _program(arguments: argparse.Namespace) -> int:
    from autoresearch_tui.tui import editor  # noqa: PLC0415

    path = Path(_state(arguments).repository) / "program.md"
    try:
        if arguments.edit:
            editor.run(path, os.environ)
            print("The agent reads it anew for each proposal, from the next one on.")
            return 0
        text = path.read_text(encoding="utf-8", errors="replace")
    except (editor.EditorError, OSError) as error:
        raise SessionError(f"{path}: {error}") from error
    print(headless.printable_lines(text.rstrip()))
    return 0


def _reject(arguments: argparse.Namespace) -> int:
    command = messages.Reject(
        by=client.sender(), experiment=arguments.experiment, reason=arguments.reason
    )
    return _tell(arguments, command)


def _steer(arguments: argparse.Namespace) -> int:
    return _tell(
        arguments, messages.Steer(by=client.sender(), text=_text(" ".join(arguments.text)))
    )


def _text(argument: str) -> str:
    """Return an argument as text that can be stored, whatever bytes the shell handed over."""
    return argument.encode("utf-8", "replace").decode()


def _stop(arguments: argparse.Namespace) -> int:
    return _tell(arguments, messages.Stop(by=client.sender(), now=arguments.now))


def _log(arguments: argparse.Namespace) -> int:
    session = _find(arguments)
    follower = (
        headless.JsonFollower(session, sys.stdout)
        if arguments.json
        else headless.Follower(session, headless.print_line)
    )
    if arguments.follow:
        follower.follow()
    else:
        follower.tell()
    return 0


def _show(arguments: argparse.Namespace) -> int:
    session = _find(arguments)
    state = fold(JournalReader(session.journal).read())
    experiment = state.experiments.get(arguments.experiment)
    if experiment is None:
        last = state.next_number - 1
        known = f"the experiments 0 to {last}" if last >= 0 else "no experiment yet"
        raise SessionError(f"Session {session.tag} has {known}.")
    print(headless.printable_lines(summary.experiment(experiment, state.metric)))
    with contextlib.suppress(FileNotFoundError):
        diff = session.diff(experiment.number).read_text(encoding="utf-8", errors="replace")
        print("\n" + headless.printable_lines(diff))
    return 0


def _report(arguments: argparse.Namespace) -> int:
    session = _find(arguments)
    if arguments.output == "-":
        print(night.report(session), end="")
        return 0
    try:
        night.write(session, Path(arguments.output))
    except OSError as error:
        raise SessionError(f"{arguments.output} can not be written: {error.strerror}.") from error
    return 0


def _gc(arguments: argparse.Namespace) -> int:
    from autoresearch_tui.lab import retention  # noqa: PLC0415

    tag, now, total = arguments.tag, time.time(), 0
    of_tag = [sessions.find(Path.cwd(), tag)] if tag else sessions.sessions(Path.cwd())
    for session in of_tag:
        policy = settings.load(Path.cwd(), os.environ, {}, session.settings).retention
        look = retention.free if arguments.yes else retention.waste
        found = look(session, policy, now)
        total += sum(each.size_bytes for each in found)
        for kind in retention.Kind:
            sizes = [each.size_bytes for each in found if each.kind is kind]
            if sizes:
                size = retention.in_words(sum(sizes))
                print(f"{session.tag:<16} {size:>9}  {kind} ({len(sizes)})")
    print(f"{'freed' if arguments.yes else 'can be freed':<16} {retention.in_words(total):>9}")
    if total and not arguments.yes:
        print("Free it with: autoresearch gc --yes. Facts, diffs and git's objects stay.")
    return 0


def _notify(arguments: argparse.Namespace) -> int:
    from autoresearch_tui.lab import notify  # noqa: PLC0415

    known = sessions.sessions(Path.cwd())
    session = sessions.find(Path.cwd(), arguments.tag) if known else None
    last_run = None if session is None else session.settings
    chosen = settings.load(Path.cwd(), os.environ, {}, last_run).notify
    if not (chosen.desktop or chosen.urls):
        raise SettingsError(
            "Nobody is named to be notified: set desktop = true or urls in the section [notify] "
            "of autoresearch.toml, or AUTORESEARCH_NOTIFY_URLS."
        )
    failures = notify.send_now(chosen, "autoresearch", "This is what a message looks like.")
    for failure in failures:
        print(f"autoresearch: {failure}", file=sys.stderr)
    return EXIT_TROUBLE if failures else 0


def _sessions(_arguments: argparse.Namespace) -> int:
    for session in sessions.sessions(Path.cwd()):
        state = fold(JournalReader(session.journal).read())
        best = state.best.val_bpb if state.best else None
        result = "no result yet" if best is None else f"best {best:.6f}"
        life = sessions.lab_life(session)
        print(f"{session.tag:<16} {life:<6} {state.judged_count:>5} experiments, {result}")
    return 0


def _init(_arguments: argparse.Namespace) -> int:
    from autoresearch_tui.lab import layout  # noqa: PLC0415

    for line in layout.init(Path.cwd()):
        print(headless.printable(line))
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from autoresearch_tui.lab import doctor  # noqa: PLC0415
    from autoresearch_tui.lab.findings import Grade  # noqa: PLC0415

    chosen = settings.load(Path.cwd(), os.environ, _flags(arguments))
    findings = doctor.examine(Path.cwd(), chosen, os.environ, offline=arguments.offline)
    for finding in findings:
        print(f"{finding.grade:<5} {finding.subject:<12} {finding.sentence}")
    return EXIT_TROUBLE if any(f.grade is Grade.FAIL for f in findings) else 0


def _find(arguments: argparse.Namespace) -> Session:
    return sessions.find(Path.cwd(), arguments.tag)


def _line_count(session: Session) -> int:
    with contextlib.suppress(FileNotFoundError):
        return session.journal.read_bytes().count(b"\n")
    return 0


if __name__ == "__main__":
    main()
