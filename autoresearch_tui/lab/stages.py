"""The two jobs of an experiment, training and evaluation: their folders, environments, results.

experiments/0042/            train.py  change.diff  output.log  evaluation.log
experiments/0042/run/        all that the training process may write to
experiments/0042/evaluation/ what the evaluator reads: written by the lab but for the weights
"""

import contextlib
import hashlib
import json
import os
import shutil
import site
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import psutil

from autoresearch_tui.executors.base import Confinement, Ended, Job, Trial
from autoresearch_tui.executors.local import child_environment
from autoresearch_tui.executors.sandbox import NO_SANDBOX, Sandbox
from autoresearch_tui.lab import compile_cache
from autoresearch_tui.record.masking import SECRET_CHARACTERS, mask
from autoresearch_tui.record.vocabulary import RunOutcome
from autoresearch_tui.session import Session, runtime_folder

WEIGHTS = "weights.safetensors"
MODEL_PLACES = ("model-0", "model-1")
"""Folders beside an evaluation's, one for each of its model processes, as prepare.py names them."""
SCRATCH = "scratch"
SEED_BITS = 63
MIB = 1 << 20
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Machine:
    """What `prepare.py describe` said of this machine, as the jobs need it."""

    device: str
    data_folder: Path
    hidden: tuple[Path, ...] = ()
    """What a run must not read."""
    sandbox: Sandbox = NO_SANDBOX
    """What the models that the evaluator asks are confined by; the executor confines the rest."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluator's answer."""

    valid: bool
    reason: str | None = None
    val_bpb: float | None = None
    seconds: float = 0.0


class _TrialFile(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `trial.json`."""

    data: str
    device: str
    seed: int
    budget_s: float | None
    budget_tokens: int | None = None


def seed(session_id: str, experiment: int, replicate: int) -> int:
    """Return the seed of a run: nobody chooses it, and it is the same whenever it is asked for."""
    digest = hashlib.sha256(f"{session_id}/{experiment}/{replicate}".encode()).digest()
    return int.from_bytes(digest[:8]) >> (64 - SEED_BITS)


def thread_count() -> int:
    """Return how many threads a run gets that has the machine to itself.

    A number that the user chose in `OMP_NUM_THREADS` stands.
    """
    chosen = os.environ.get(THREAD_VARIABLES[0], "")
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    usable = usable_cores()
    return max(1, min(usable, psutil.cpu_count(logical=False) or usable))


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def training_job(
    session: Session,
    machine: Machine,
    number: int,
    budget_s: float,
    startup_limit_s: float,
    *,
    stand_by: bool = False,
) -> Job:
    """Return the job that trains an experiment, its folder made afresh.

    `hand_over_training` fills the folder, before the launch or, for one that stands by, before it
    is told to go.
    """
    folder = session.run_folder(number)
    fresh_folder(folder)
    # Weights of an earlier run must not be taken for this one's.
    _remove(_evaluation_folder(session, number))
    environment = _environment(session, folder)
    environment |= compile_cache.environment(compile_cache.open_place(session))
    command = (sys.executable, "train.py")
    if stand_by:
        environment["AUTORESEARCH_STANDBY_DEVICE"] = machine.device
        command = (sys.executable, str(session.prepare), "stand-by")
    return Job(
        command=command,
        folder=folder,
        environment=environment,
        output=session.output(number),
        limit_s=startup_limit_s,
        trial=Trial(rows=machine.data_folder / "train.rows", budget_s=budget_s),
        confinement=_confinement(session, machine, folder, session.compiling),
        stand_by=stand_by,
    )


def hand_over_training(
    session: Session, machine: Machine, number: int, train: str, run_seed: int, budget_s: float
) -> None:
    """Write what a training job reads; no other one of the session may be at work."""
    compile_cache.fill(session)
    _write_inputs(session.run_folder(number), machine, train, run_seed, budget_s)


def evaluation_job(
    session: Session, machine: Machine, number: int, limit_s: float, *, stand_by: bool = False
) -> Job:
    """Return the job that scores an experiment's weights.

    `hand_over_evaluation` fills its folder, before the launch or, for one that stands by, before
    it is told to go.
    """
    folder = _evaluation_folder(session, number)
    if stand_by:
        fresh_folder(folder)
    # The models of an evaluator that was killed may have left word there for those of this one.
    for name in (SCRATCH, *MODEL_PLACES):
        _remove(folder / name)
    answer = _answer_file(session, number)
    return Job(
        command=(
            sys.executable,
            str(session.prepare),
            "evaluate",
            str(folder),
            "--out",
            str(answer),
            *_confine_flag(session, machine, number),
        ),
        folder=folder,
        environment=_environment(session, folder),
        output=session.experiment(number) / "evaluation.log",
        limit_s=limit_s,
        stand_by=stand_by,
    )


def hand_over_evaluation(
    session: Session, machine: Machine, number: int, train: str, run_seed: int, budget_s: float
) -> bool:
    """Write what an evaluation reads, and return whether there are weights to score.

    Code and settings are written again: the training process could have changed its own copies.
    """
    folder = _evaluation_folder(session, number)
    trained = session.run_folder(number) / WEIGHTS
    if _is_regular_file(trained):
        _empty_folder(folder)
        trained.replace(folder / WEIGHTS)
    if not _is_regular_file(folder / WEIGHTS):
        return False
    _remove(_answer_file(session, number))
    _write_inputs(folder, machine, train, run_seed, budget_s)
    return True


def read_evaluation(session: Session, number: int, ended: Ended) -> Evaluation:
    """Return what the evaluator found; one that found nothing makes the result invalid."""
    if ended.outcome is RunOutcome.TRAINED:
        try:
            found = msgspec.json.decode(_answer_file(session, number).read_bytes(), type=Evaluation)
            return msgspec.structs.replace(found, reason=found.reason and mask(found.reason))
        except (OSError, msgspec.DecodeError) as error:
            return Evaluation(
                valid=False, reason=f"the evaluator's answer can not be read: {error}"
            )
    log = session.experiment(number) / "evaluation.log"
    return Evaluation(valid=False, reason=f"the evaluation failed: {explain(ended, log)}")


def explain(ended: Ended, output: Path) -> str:
    """Return why a job failed: what its supervisor saw, and the last line that it printed."""
    if ended.outcome is not RunOutcome.CRASH:
        return ended.reason
    last = last_lines(output, 1).strip()
    return f"{ended.reason}: {last}" if last else ended.reason


def last_lines(path: Path, count: int, limit_bytes: int = 16_384) -> str:
    """Return the last lines of a file that are not blank; none of a file that is not there.

    What looks like a secret is masked.
    """
    read_bytes = limit_bytes + SECRET_CHARACTERS
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - read_bytes))
            text = file.read(read_bytes).decode(errors="replace")
    except OSError:
        return ""
    text = mask(text)[-limit_bytes:].replace("\r", "\n")
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])


def tidy(session: Session, number: int, *, keep_weights: bool) -> None:
    """Free the space of what was judged; step losses stay, and weights where they are wanted."""
    for path in session.run_folder(number).glob("*"):
        if path.name != session.metrics(number).name:
            _remove(path)
    for path in (_evaluation_folder(session, number) / SCRATCH, *_model_places(session, number)):
        _remove(path)
    if not keep_weights:
        _remove(_evaluation_folder(session, number))


def free_mb(session: Session) -> float:
    """Return the space that is left on the session's disk, in MiB."""
    return shutil.disk_usage(session.folder).free / MIB


def drop_run(session: Session, number: int) -> None:
    """Free all that a run wrote which came to nothing, but for its output."""
    _remove(session.run_folder(number))


def run_mb(session: Session, number: int) -> float:
    """Return how much an experiment's run has on the disk, in MiB; links are not followed."""
    size = 0
    for folder, _, names in os.walk(session.run_folder(number)):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(Path(folder) / name).st_size
    return size / MIB


def _evaluation_folder(session: Session, number: int) -> Path:
    return session.experiment(number) / "evaluation"


def _model_places(session: Session, number: int) -> list[Path]:
    folder = _evaluation_folder(session, number)
    return [folder.with_name(f"{folder.name}-{name}") for name in MODEL_PLACES]


def _answer_file(session: Session, number: int) -> Path:
    return session.experiment(number) / "verdict.json"


def fresh_folder(folder: Path) -> None:
    """Make a folder anew, whatever was in its place."""
    _remove(folder)
    folder.mkdir(parents=True)


def _empty_folder(folder: Path) -> None:
    """Remove what is in a folder, but for what a process that works in it already may use."""
    if not folder.is_dir() or folder.is_symlink():
        fresh_folder(folder)
    for path in folder.iterdir():
        if path.name != SCRATCH:
            _remove(path)


def _remove(path: Path) -> None:
    """Remove whatever is there: a training process may have put anything in its place."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        shutil.rmtree(path)
    else:
        path.unlink()


def _write_inputs(
    folder: Path, machine: Machine, train: str, run_seed: int, budget_s: float
) -> None:
    trial = _TrialFile(
        data=str(machine.data_folder), device=machine.device, seed=run_seed, budget_s=budget_s
    )
    for name, content in (
        ("train.py", train.encode()),
        ("trial.json", msgspec.json.encode(trial)),
    ):
        _remove(folder / name)
        (folder / name).write_bytes(content)


def _confinement(session: Session, machine: Machine, folder: Path, *writable: Path) -> Confinement:
    """Return what a training process may reach: all but the session, the data and what we hide."""
    return Confinement(
        writable=(folder, *writable),
        hidden=(*machine.hidden, session.folder.parent, runtime_folder()),
        readable=(session.pristine, machine.data_folder),
        temporary=scratch(folder) / "tmp",
    )


def _confine_flag(session: Session, machine: Machine, number: int) -> tuple[str, ...]:
    """Return how the evaluator, which is trusted, is told to confine the models that it asks."""
    folder = _evaluation_folder(session, number)
    confinement = _confinement(session, machine, folder)
    places = _model_places(session, number)
    flags: list[str] = []
    for place in places:
        temporary = place / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        prefix = machine.sandbox.prefix(
            replace(
                confinement,
                writable=(place,),
                hidden=(*confinement.hidden, *(other for other in places if other != place)),
                readable=(*confinement.readable, folder),
                temporary=temporary,
                shares_gpu_memory=machine.device == "cuda",
            )
        )
        flags += ("--confine", json.dumps(prefix)) if prefix else ()
    return tuple(flags)


def scratch(folder: Path) -> Path:
    """Return a job's place for what it need not keep, made where it is not there yet."""
    place = folder / SCRATCH
    for name in ("tmp", "home", "cache"):
        (place / name).mkdir(parents=True, exist_ok=True)
    return place


def _environment(session: Session, folder: Path) -> dict[str, str]:
    environment = child_environment(os.environ)
    place = scratch(folder)
    if user_packages := site.getuserbase():
        # Python looks for them below HOME.
        environment["PYTHONUSERBASE"] = user_packages
    threads = str(thread_count())
    environment |= {name: environment.get(name, threads) for name in THREAD_VARIABLES}
    return environment | {
        "AUTORESEARCH_RUN_DIR": str(folder),
        "HOME": str(place / "home"),
        "XDG_CACHE_HOME": str(place / "cache"),
        **compile_cache.environment(place / "compiled"),
        "PYTHONPATH": str(session.pristine),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _is_regular_file(path: Path) -> bool:
    """Return whether a path is a file and no link, which could point at anything."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
