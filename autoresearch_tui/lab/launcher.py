"""Prepares a session, and starts its lab as a process of its own."""

import ast
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

from autoresearch_tui import session as sessions
from autoresearch_tui.lab import foreign, machine, snapshot
from autoresearch_tui.lab.repository import TRAIN_FILE, ExperimentRepository
from autoresearch_tui.record.fold import fold
from autoresearch_tui.record.journal import JournalReader
from autoresearch_tui.record.metric import BITS_PER_BYTE
from autoresearch_tui.record.state import SessionState
from autoresearch_tui.record.vocabulary import DataSet, Direction, Hardware
from autoresearch_tui.session import LabLife, Session, SessionError
from autoresearch_tui.settings import FILE_NAME, Settings

PREPARE_FILE = "prepare.py"
BUDGET_S = {"cuda": 300.0, "mps": 20.0, "cpu": 20.0}
CONTRACT = ("build_model", "main")
TELL_INIT = (
    "For a repository that trains in a way of its own, `autoresearch init` writes an "
    "autoresearch.toml that says how."
)
LOG_TAIL_BYTES = 4096
DESCRIBE_LIMIT_S = 120.0


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What the launcher found out, for the lab that it starts (`launch.json`)."""

    repository: str
    hardware: Hardware
    data: DataSet
    data_folder: str
    budget_s: float
    hidden: list[str] = []
    """What a run must not read, as `prepare.py describe` lists it."""


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """What the lab reads on its standard input."""

    launch: Launch
    settings: Settings


def choose_session(repository: Path, tag: str | None, *, new: bool) -> Session:
    """Return the session to run: the named one, a new one, or the one used last.

    Raises:
        SessionError: the name will not do, or there is no repository.
    """
    if tag is not None:
        chosen = sessions.named(repository, tag)
        if new and chosen.journal.exists():
            raise SessionError(
                f"Session {tag} exists already. Go on with it by leaving out --new, "
                "or choose another name."
            )
        return chosen
    known = sessions.sessions(repository)
    if known and not new:
        return known[-1]
    for fresh in sessions.fresh_tags(time.localtime()):
        unused = ExperimentRepository(repository, fresh).is_unused()
        if unused and not sessions.named(repository, fresh).journal.exists():
            return sessions.named(repository, fresh)
    raise AssertionError("there is always another name")


def launch(repository: Path, session: Session, settings: Settings) -> None:
    """Start the lab of a session, and return once it says that it runs.

    Raises:
        SessionError: it can not be started, or another one runs; nothing was lost.
        RepositoryError: git holds something of that name which is not this session's.
    """
    if sessions.lab_life(session) in (LabLife.ALIVE, LabLife.SILENT):
        raise SessionError(sessions.already_running(session))
    _start(session, hand_over(repository, session, settings))


def hand_over(repository: Path, session: Session, settings: Settings) -> HandOver:
    """Fill a session's folder, prepare its data, and return what its lab is to know.

    Raises:
        SessionError: it can not be run like this; the message says why.
        RepositoryError: git holds something of that name which is not this session's.
    """
    state = fold(JournalReader(session.journal).read())
    run = settings.run
    own = (run.metric, run.direction, run.edit)
    if run.command is None and own != (BITS_PER_BYTE, Direction.LOWER, TRAIN_FILE):
        raise SessionError(
            "run.metric, run.direction and run.edit go with a run.command: a train.py that keeps "
            "docs/contract.md is measured in val_bpb."
        )
    if Path(run.edit).is_absolute() or ".." in Path(run.edit).parts:
        raise SessionError(f"run.edit is {run.edit}; give a path below the folder of {FILE_NAME}.")
    if state.incumbent is None:
        check_train_file(repository / run.edit, keeps_contract=run.command is None)
    if not state.session_id:
        ExperimentRepository(repository, session.tag, run.edit).check_unused()
        session.pristine.mkdir(parents=True, exist_ok=True)
    check_same_way(session, state, settings)
    if run.command is not None:
        foreign.check_command(repository, run.command)
        # The whole of such a run is its clock, and two clocks never share a device.
        settings = msgspec.structs.replace(
            settings, run=msgspec.structs.replace(run, overlap="off")
        )
        found = _launch_of_command(repository, session, settings, state)
    else:
        if not state.session_id:
            _copy_prepare(repository, session)
        description = _describe_prepared(session, settings)
        found = _launch_of(repository, description, settings, state)
    check_comparable(session, state, found)
    return HandOver(launch=found, settings=settings)


def check_same_way(session: Session, state: SessionState, settings: Settings) -> None:
    """Raise a `SessionError` where a session that was begun would go on in another way."""
    if not state.session_id or state.data is None:
        return
    taken, run = snapshot.read(session), settings.run
    for what, before, now in (
        ("command", taken.command if taken else "train.py's own contract", run.command),
        ("edited file", state.edited_file, run.edit),
        ("metric", state.metric, run.metric),
        ("direction", state.direction, run.direction),
    ):
        if before != now and (taken or now):
            raise SessionError(
                f"Session {session.tag} was begun with the {what} `{before}`, and this start would "
                f"use `{now or 'none'}`: results would not compare. Begin another session with: "
                "autoresearch run --new"
            )


def check_train_file(path: Path, *, keeps_contract: bool = True) -> None:
    """Raise a `SessionError` where a file can not be a baseline."""
    if path.suffix != ".py":
        raise SessionError(
            f"run.edit names {path}, and the agents edit Python files only. Name the script, or "
            "a module of it that holds what is to be tried."
        )
    try:
        source = path.read_bytes()
        source.decode()
        tree = ast.parse(source)
    except FileNotFoundError as error:
        raise SessionError(
            f"There is no {path}. Run in the folder that holds the {path.name} to improve. "
            f"{TELL_INIT}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"{path} can not be read: {error}.") from error
    except (SyntaxError, ValueError) as error:
        raise SessionError(
            f"{path} is not valid Python, so it can not be a baseline: {error}."
        ) from error
    if not keeps_contract:
        return
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    missing = [name for name in CONTRACT if name not in defined]
    if missing:
        functions = " and ".join(f"{name}()" for name in missing)
        raise SessionError(
            f"{path} defines no {functions}. A training script offers build_model(), which "
            "returns the module that is measured, and main(), which trains it; "
            f"docs/contract.md shows both. {TELL_INIT}"
        )


def check_comparable(session: Session, state: SessionState, found: Launch) -> None:
    """Raise a `SessionError` where new results would not compare with the session's old ones."""
    if state.data is None or state.hardware is None:
        return
    differences = [
        ("data", state.data.fingerprint, found.data.fingerprint),
        ("device", state.hardware.device, found.hardware.device),
        ("machine", state.hardware.name, found.hardware.name),
        ("budget", f"{state.budget_s:g} s", f"{found.budget_s:g} s"),
    ]
    for what, before, now in differences:
        if before != now:
            raise SessionError(
                f"Session {session.tag} was measured with {what} {before}, and this start would "
                f"use {now}: results would not compare. Begin another session with: "
                "autoresearch run --new"
            )


def describe(prepare: Path, settings: Settings) -> dict[str, Any]:
    """Return what `prepare.py describe` says of this machine and of the prepared data.

    Raises:
        SessionError: it does not know that command, or failed.
    """
    try:
        done = subprocess.run(
            [*_prepare_command(prepare, "describe"), *_data_flags(settings)],
            capture_output=True,
            text=True,
            check=False,
            timeout=DESCRIBE_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise SessionError(
            f"`python {prepare} describe` did not end within {DESCRIBE_LIMIT_S:g} s. It asks torch "
            "for the device, so look at that first: nvidia-smi"
        ) from error
    try:
        description = msgspec.json.decode(done.stdout, type=dict[str, Any])
    except msgspec.DecodeError:
        description = None
    if done.returncode or description is None:
        last = done.stderr.strip().rpartition("\n")[2]
        raise SessionError(f"`python {prepare} describe` failed: {last or 'it said nothing'}")
    return description


def _describe_prepared(session: Session, settings: Settings) -> dict[str, Any]:
    """Describe the machine; data that is not prepared is prepared now, before the user's eyes."""
    description = describe(session.prepare, settings)
    if description["data"] is None:
        done = subprocess.run(
            [*_prepare_command(session.prepare), *_data_flags(settings)], check=False
        )
        if done.returncode:
            raise SessionError(
                f"The data set {settings.data.name} could not be prepared; the lines above say why."
            )
        description = describe(session.prepare, settings)
    return description


def _prepare_command(prepare: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(prepare), *arguments]


def _data_flags(settings: Settings) -> list[str]:
    flags = ["--data", settings.data.name]
    if settings.data.profile is not None:
        flags += ["--profile", settings.data.profile]
    return flags


def _launch_of(
    repository: Path, description: dict[str, Any], settings: Settings, state: SessionState
) -> Launch:
    data = description["data"]
    device = settings.run.device or description["device"]
    return Launch(
        repository=str(repository.resolve()),
        hardware=Hardware(
            device=device,
            name=description["gpu"] if device == "cuda" else description["cpu"],
            cores=description["cores"],
            memory_mb=psutil.virtual_memory().total >> 20,
            device_memory_mb=description.get("gpu_memory_mb", 0) if device == "cuda" else 0,
            torch=description["torch"],
            python=description["python"],
            host=os.uname().nodename,
        ),
        data=DataSet(name=data["name"], profile=data["profile"], fingerprint=data["fingerprint"]),
        data_folder=data["folder"],
        hidden=description.get("hidden", []),
        budget_s=settings.run.budget_s or state.budget_s or BUDGET_S[device],
    )


def _launch_of_command(
    repository: Path, session: Session, settings: Settings, state: SessionState
) -> Launch:
    """Return the same for a repository that trains by a command of its own."""
    taken = snapshot.read(session) if state.session_id else None
    if taken is None:
        taken = snapshot.take(session, repository, settings.run)
    name = snapshot.work_tree_of(repository).name
    return Launch(
        repository=str(repository.resolve()),
        hardware=machine.find(settings.run.device),
        data=DataSet(name=name, profile="tree", fingerprint=taken.fingerprint),
        data_folder=str(snapshot.tree_folder(session)),
        budget_s=settings.run.budget_s or state.budget_s or foreign.BUDGET_S,
    )


def _copy_prepare(repository: Path, session: Session) -> None:
    try:
        shutil.copyfile(repository / PREPARE_FILE, session.prepare)
    except OSError as error:
        raise SessionError(
            f"{repository / PREPARE_FILE} can not be read ({error.strerror}). Data and evaluation "
            "come from it, so it has to lie beside train.py."
        ) from error


def _start(session: Session, handed: HandOver) -> None:
    """Start the process and wait for its word."""
    with session.lab_log.open("ab") as lab_log:
        log_start = lab_log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "autoresearch_tui.lab.daemon", str(session.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=lab_log,
            start_new_session=True,
            cwd="/",
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin as handing:
            handing.write(msgspec.json.encode(handed))
        with process.stdout as answers:
            line = answers.readline()
    except KeyboardInterrupt:
        # Nobody was told yet that it runs, so it must not.
        process.terminate()
        process.wait()
        raise
    if not line:
        process.wait()
        with session.lab_log.open("rb") as written:
            written.seek(max(log_start, session.lab_log.stat().st_size - LOG_TAIL_BYTES))
            said = written.read().decode(errors="replace").strip()
        raise SessionError(f"The lab ended before it ran. {session.lab_log} says:\n{said}")
    answer = json.loads(line)
    if not answer["ok"]:
        raise SessionError(answer["detail"])
