"""The lab's process: its own session, no terminal; started by the launcher, ended by nobody else.

    python -m autoresearch_tui.lab.daemon SESSION_FOLDER

It answers its launcher with one JSON line on its standard output, and from then on writes to
`lab.log` alone.
"""

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from autoresearch_tui import __version__, session, settings
from autoresearch_tui.agents import catalogue
from autoresearch_tui.agents.base import Agent
from autoresearch_tui.control.server import ControlServer
from autoresearch_tui.executors import sandbox, sweep
from autoresearch_tui.executors.local import LocalExecutor
from autoresearch_tui.executors.sandbox import SandboxError
from autoresearch_tui.lab import clock, foreign, keys, stages
from autoresearch_tui.lab.launcher import HandOver, Launch
from autoresearch_tui.lab.limits import Limits
from autoresearch_tui.lab.loop import Lab
from autoresearch_tui.lab.notify import Notifier
from autoresearch_tui.lab.prices import Prices
from autoresearch_tui.lab.repository import ExperimentRepository, RepositoryError
from autoresearch_tui.lab.seal import SealBroken, seal, seal_snapshot
from autoresearch_tui.lab.telemetry import Telemetry
from autoresearch_tui.lab.tools import Hear, Tools, hear_nothing
from autoresearch_tui.record import events
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import Journal, JournalReader
from autoresearch_tui.record.state import IN_A_RUN
from autoresearch_tui.record.vocabulary import Level
from autoresearch_tui.session import Session, SessionError, SessionLock
from autoresearch_tui.settings import Settings, SettingsError

CLOCK_SET_BACK_S = 1.0
"""From where on a clock that was set back is worth a notice."""
CLEARING_LIMIT_S = 30.0
"""How long the supervisor of an earlier lab's run may take to clear it."""
REPORT_LIMIT_S = 60.0
"""How long the report of a night may take."""

LOG_LAYOUT = "%(asctime)s %(levelname)s %(message)s"

log = logging.getLogger(__name__)


def main() -> int:
    """Run the session whose folder is the first argument; return the process's exit code."""
    logging.basicConfig(level=logging.INFO)
    keys.guard_log(LOG_LAYOUT)
    folder = Session(Path(sys.argv[1]))
    try:
        # The launcher hands them over; only who holds the lock writes them into the session.
        handed = msgspec.json.decode(sys.stdin.buffer.read(), type=HandOver)
        lock = SessionLock(folder)
        settings.write(folder.settings, handed.settings)
        folder.launch.write_bytes(msgspec.json.encode(handed.launch))
        return asyncio.run(_run(folder, lock, handed))
    except (
        SessionError,
        SettingsError,
        RepositoryError,
        SandboxError,
        SealBroken,
        catalogue.AgentError,
    ) as error:
        _answer_launcher(ok=False, detail=str(error))
        log.error("%s", error)  # noqa: TRY400
        return 1
    except OSError as error:
        sentence = _disk_sentence(folder, error)
        _answer_launcher(ok=False, detail=sentence)
        log.exception("a file could not be written")
        log.error("%s", sentence)  # noqa: TRY400 - the log's end is what a viewer shows
        return 1


async def _run(folder: Session, lock: SessionLock, handed: HandOver) -> int:
    run_lock = await _take_over_runs(folder)
    chosen, launch = handed.settings, handed.launch
    # Opened first: it ends a torn last line, which may turn out to be a whole fact.
    journal = Journal(folder.journal)
    state = fold(JournalReader(folder.journal).read())
    agents, notice = _choose_agents(folder, chosen)
    notifier = Notifier(chosen.notify, folder.tag)
    tools = make_tools(folder, handed, agents[0], run_lock, notifier.hear, agents[1:])
    lab = Lab(tools, state, journal)
    socket_path = folder.new_socket()
    server = ControlServer(socket_path, lab.handle)
    record_start(lab, tools, launch, notice)
    await server.start()
    session.write_lab_file(folder, socket_path, __version__)
    _answer_launcher(ok=True, detail="")
    background = [
        asyncio.create_task(_beat(folder, server)),
        asyncio.create_task(Telemetry(folder.telemetry, lab.is_busy).run()),
    ]
    _end_on_signals(lab)
    try:
        code = await _run_to_the_end(lab, folder)
        # What comes after the end would be a command to nobody.
        await server.stop()
        await asyncio.gather(_write_report(folder), notifier.finish())
        if lab.state.lab_pid is None:
            # An end that the journal does not know of is to look like one: `lab.json` stays.
            folder.lab_file.unlink(missing_ok=True)
    finally:
        for task in background:
            task.cancel()
        await server.stop()
        journal.close()
        lock.release()
    if lab.has_stuck_agent:
        # Whoever runs this loop would wait for all that goes on in it.
        logging.shutdown()
        os._exit(code)
    return code


def make_tools(
    folder: Session,
    handed: HandOver,
    agent: Agent,
    run_lock: int,
    hear: Hear = hear_nothing,
    rivals: Sequence[Agent] = (),
) -> Tools:
    """Return what a lab works with on this machine; `run_lock` is a descriptor that jobs keep.

    Raises:
        SandboxError: the sandbox that the settings require is not to be had.
        SealBroken: the session's data or `prepare.py` was changed.
    """
    chosen, launch = handed.settings, handed.launch
    confining = sandbox.choose(chosen.run.sandbox)
    root = Path(launch.repository)
    own_way = foreign.way_of(folder, root, chosen, launch.budget_s, confining)
    return Tools(
        session=folder,
        settings=chosen,
        budget_s=launch.budget_s,
        machine=stages.Machine(
            device=launch.hardware.device,
            data_folder=Path(launch.data_folder),
            hidden=tuple(map(Path, launch.hidden)),
            sandbox=confining,
        ),
        repository=ExperimentRepository(root, folder.tag, chosen.run.edit),
        executor=LocalExecutor(run_lock, confining),
        agent=agent,
        fallback=catalogue.fallback(chosen.agent),
        rivals=rivals,
        limits=Limits(chosen.limits, time.time()),
        seal=(
            seal(folder, Path(launch.data_folder))
            if own_way is None
            else seal_snapshot(folder, own_way.snapshot)
        ),
        prices=Prices(
            chosen.prices,
            local=chosen.agent.base_url is not None,
            local_models=[each.model for each in chosen.rivals if each.model and each.base_url],
        ),
        hear=hear,
        foreign=own_way,
    )


def _choose_agents(folder: Session, chosen: Settings) -> tuple[list[Agent], str | None]:
    """Return the agent and its rivals, which alone have the keys from here on.

    Raises:
        AgentError: one of them can not work here.
    """
    options = (chosen.agent, *chosen.rivals)
    names = list(dict.fromkeys(name for each in options for name in catalogue.key_names(each)))
    found = keys.gather(os.environ, names)
    agents, notice = catalogue.contest(options, found.environ, session.agent_folder(folder))
    keys.guard_log(LOG_LAYOUT, [found.environ[name] for name in names if name in found.environ])
    keys.withdraw(os.environ, names)
    return agents, notice


async def _run_to_the_end(lab: Lab, folder: Session) -> int:
    """Run the night and return the exit code; the journal knows the end, if the disk has room."""
    try:
        end = await lab.run()
    except RepositoryError as error:
        log.error("%s", error)  # noqa: TRY400
        lab.record(events.LabStopped(at=clock.now(), reason=str(error), trouble=True))
        return 1
    except OSError as error:
        sentence = _disk_sentence(folder, error)
        log.exception("a file could not be written")
        log.error("%s", sentence)  # noqa: TRY400 - the log's end is what a viewer shows
        with contextlib.suppress(OSError):
            # A run that was interrupted begins anew, and may be what took all the room.
            for number in lab.state.open_experiments:
                if lab.state.experiments[number].phase in IN_A_RUN:
                    stages.drop_run(folder, number)
        with contextlib.suppress(OSError):
            lab.record(events.LabStopped(at=clock.now(), reason=sentence, trouble=True))
        return 1
    log.info("ended: %s", end.reason)
    return 0


async def _write_report(folder: Session) -> None:
    """Have a process of its own write the night's report; that one fails is no trouble."""
    try:
        writing = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "autoresearch_tui.report",
            str(folder.folder),
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(REPORT_LIMIT_S):
                failed = await writing.wait()
        except TimeoutError:
            writing.kill()
            await writing.wait()
            failed = True
    except OSError:
        failed = True
    if failed:
        log.warning("the report could not be written; autoresearch report prints it")


def record_start(lab: Lab, tools: Tools, launch: Launch, notice: str | None) -> None:
    """Record that a lab took the session up, and what a person should know about that."""
    set_back_s = clock.go_on_from(lab.state.last_fact_at)
    now = clock.now()
    if not lab.state.session_id:
        lab.record(
            events.SessionStarted(
                at=now,
                tag=tools.session.tag,
                session_id=uuid.uuid4().hex,
                repository=launch.repository,
                base_commit=tools.repository.head(),
            )
        )
    lab.record(
        events.LabStarted(
            at=now,
            pid=os.getpid(),
            version=__version__,
            agent=tools.agent.name,
            model=tools.agent.model,
            rivals=[rival.name for rival in tools.rivals],
            approval=tools.settings.approval.mode,
            budget_s=tools.budget_s,
            hardware=launch.hardware,
            data=launch.data,
            limits=tools.limits.described(),
            sandbox=tools.machine.sandbox.level,
            frozen=tools.settings.frozen,
            last_beat_at=_last_sign_at(tools.session),
            metric=tools.settings.run.metric,
            direction=tools.settings.run.direction,
            edit=tools.settings.run.edit,
        )
    )
    if set_back_s > CLOCK_SET_BACK_S:
        text = (
            f"The machine's clock is {set_back_s:.0f} s before the last fact of this session. "
            "Times are counted on from that fact, so that none goes back."
        )
        lab.record(events.Notice(at=now, level=Level.WARNING, text=text))
    note = tools.machine.sandbox.note
    if note and all(known.text != note for known in lab.state.notices):
        lab.record(events.Notice(at=now, level=Level.WARNING, text=note))
    if notice:
        lab.record(events.Notice(at=now, level=Level.INFO, text=notice))
    model = tools.agent.model
    if tools.settings.limits.max_cost is not None and model and tools.prices.of(model) is None:
        text = (
            f"Nobody knows the price of {model}, so its proposals are counted in tokens alone and "
            f'limits.max_cost does not end them. Give it one in [prices."{model}"].'
        )
        lab.record(events.Notice(at=now, level=Level.WARNING, text=text))


def _last_sign_at(folder: Session) -> float | None:
    """Return when an earlier lab that ended without a word is known to have lived, or none.

    Its heart beats twice a second; the supervisor of its run saw its end, and marked the lock.
    """
    beat_at = session.last_beat_at(folder)
    if beat_at is None:
        return None
    try:
        return max(beat_at, _run_lock(folder).stat().st_mtime)
    except OSError:
        return beat_at


def _run_lock(folder: Session) -> Path:
    return folder.folder / "run.lock"


async def _take_over_runs(folder: Session) -> int:
    """Wait until nothing is left of an earlier lab's run, and return the lock that shows it.

    Every supervisor keeps a copy of the lock open, so that two trainings never share a device.

    Raises:
        SessionError: a run could not be cleared in time.
    """
    lock = os.open(_run_lock(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    until = time.monotonic() + CLEARING_LIMIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise SessionError(
                    f"A run that an earlier lab of session {folder.tag} started is still there "
                    f"after {CLEARING_LIMIT_S:g} s. See who holds it with: "
                    f"lsof {_run_lock(folder)}"
                ) from None
            await asyncio.sleep(0.05)
        else:
            # Where lab and supervisor were killed together, nobody ended what had left its group.
            await asyncio.to_thread(sweep.clear, folder.folder)
            return lock


async def _beat(folder: Session, server: ControlServer) -> None:
    """Touch `lab.json` at every interval: whoever watches sees that this loop turns."""
    while True:
        await asyncio.sleep(session.HEARTBEAT_INTERVAL_S)
        with contextlib.suppress(OSError):
            os.utime(folder.lab_file)
            await server.listen_again_if_lost()


def _end_on_signals(lab: Lab) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lab.interrupt, f"its process was sent {number.name}")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _answer_launcher(*, ok: bool, detail: str) -> None:
    """Tell the launcher, once, how the start went; then standard output joins the log."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"ok": ok, "detail": detail}).encode() + b"\n")
        os.dup2(2, 1)


def _disk_sentence(folder: Session, error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return (
        f"The lab had to stop: {error.strerror or error} ({error.filename or folder.folder}). "
        f"Every finished experiment is safe. {'Make room on the disk' if full else 'Mend it'}, "
        f"then go on with: autoresearch run --tag {folder.tag}"
    )


if __name__ == "__main__":
    sys.exit(main())
