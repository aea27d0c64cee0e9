"""Checks what a night needs, and says how to mend what is missing."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoresearch_tui import session as sessions
from autoresearch_tui.agents import catalogue
from autoresearch_tui.agents.base import ProposalError, Reachable
from autoresearch_tui.executors import sandbox
from autoresearch_tui.executors.sandbox import Level, SandboxError
from autoresearch_tui.lab import foreign, gpus, host, keys, launcher, machine
from autoresearch_tui.lab.findings import Finding, Grade
from autoresearch_tui.lab.repository import ExperimentRepository, RepositoryError
from autoresearch_tui.session import SessionError
from autoresearch_tui.settings import AgentSettings, Settings


def examine(
    repository: Path, settings: Settings, environ: Mapping[str, str], *, offline: bool = False
) -> list[Finding]:
    """Return the findings for a folder that holds `train.py`; `offline` asks no server.

    Every probe has a limit of time, and none of them raises.
    """
    findings = list(_repository(repository, settings))
    findings += (
        _machine(repository, settings) if settings.run.command is None else _own_way(settings)
    )
    findings += [_sandbox(settings), *agent(settings, environ, offline=offline)]
    findings += host.examine(repository)
    return findings


def _repository(repository: Path, settings: Settings) -> Iterator[Finding]:
    try:
        git = sessions.git_directory(repository)
        fresh = next(sessions.fresh_tags(time.localtime()))
        ExperimentRepository(repository, fresh).check_possible()
        yield Finding(Grade.OK, "repository", f"experiments are kept in {git}")
    except (SessionError, RepositoryError) as error:
        yield Finding(Grade.FAIL, "repository", str(error))
    command, edited = settings.run.command, settings.run.edit
    try:
        launcher.check_train_file(repository / edited, keeps_contract=command is None)
        if command is not None:
            foreign.check_command(repository, command)
        said = "it offers build_model() and main()" if command is None else f"run by: {command}"
        yield Finding(Grade.OK, edited, said)
    except SessionError as error:
        yield Finding(Grade.FAIL, edited, str(error))
    program = repository / "program.md"
    if program.is_file():
        yield Finding(Grade.OK, program.name, "the agents get it as their direction")
    else:
        sentence = "there is none: agents get no direction; write your goals into it"
        yield Finding(Grade.NOTE, program.name, sentence)


def _machine(repository: Path, settings: Settings) -> Iterator[Finding]:
    prepare = repository / launcher.PREPARE_FILE
    if not prepare.is_file():
        sentence = f"there is no {prepare}: data and evaluation come from it"
        yield Finding(Grade.FAIL, prepare.name, sentence)
        return
    try:
        found = launcher.describe(prepare, settings)
    except SessionError as error:
        yield Finding(Grade.FAIL, prepare.name, str(error))
        return
    device = settings.run.device or found["device"]
    yield from _gpus(device, found["device"])
    name = found["gpu"] if device == "cuda" else found["cpu"]
    budget_s = settings.run.budget_s or launcher.BUDGET_S[device]
    sentence = (
        f"{device}: {name}, {found['cores']} cores, torch {found['torch']}; "
        f"{budget_s:g} s an experiment"
    )
    yield Finding(Grade.OK, "machine", sentence)
    data = found["data"]
    if data is None:
        sentence = f"{settings.data.name} is not prepared yet; `autoresearch run` prepares it"
        yield Finding(Grade.NOTE, "data", sentence)
    else:
        sentence = f"{data['name']}/{data['profile']}, fingerprint {data['fingerprint']}"
        yield Finding(Grade.OK, "data", sentence)


def _gpus(device: str, best: str) -> Iterator[Finding]:
    """Yield what the GPUs' driver says, where there is one, or should be."""
    try:
        seen = gpus.read()
    except gpus.NoDriver as error:
        if device == "cuda":
            sentence = f"the driver does not answer ({error}): look with nvidia-smi"
            yield Finding(Grade.FAIL, "gpu", sentence)
        return
    yield from gpus.examine(seen, torch_sees=best == "cuda")


def _own_way(settings: Settings) -> Iterator[Finding]:
    """Say what is known of a machine whose training runs in an environment of its own."""
    run, found = settings.run, machine.find(settings.run.device)
    limit_s = foreign.limit_s(run, run.budget_s or foreign.BUDGET_S)
    sentence = f"{found.device}: {found.name}, {found.cores} cores; {limit_s:g} s a run at most"
    yield Finding(Grade.OK, "machine", sentence)
    sentence = f"{run.metric} is read from the output and believed: {run.direction} is better"
    yield Finding(Grade.NOTE, "metric", sentence)


def _sandbox(settings: Settings) -> Finding:
    try:
        found = sandbox.choose(settings.run.sandbox)
    except SandboxError as error:
        return Finding(Grade.FAIL, "sandbox", str(error))
    if found.note:
        return Finding(Grade.NOTE, "sandbox", found.note)
    if found.level is Level.NONE:
        return Finding(Grade.NOTE, "sandbox", "it is off: runs can do all that you can")
    return Finding(Grade.OK, "sandbox", f"{found.level} (docs/sandbox.md says what it stops)")


def agent(settings: Settings, environ: Mapping[str, str], *, offline: bool) -> Iterator[Finding]:
    """Yield who would propose, and whether its server answers, which `offline` does not ask."""
    for options in (settings.agent, *settings.rivals):
        yield from _one_agent(options, environ, offline=offline)


def _one_agent(
    options: AgentSettings, environ: Mapping[str, str], *, offline: bool
) -> Iterator[Finding]:
    found = keys.gather(environ, catalogue.key_names(options))
    for name in found.in_keyring:
        yield Finding(Grade.OK, "key", f"{name} is from the keyring")
    # Without a word on the agent no key is wanted.
    if found.trouble and options.kind != "auto":
        sentence = f"the environment has no key, and the keyring can not be asked: {found.trouble}"
        yield Finding(Grade.NOTE, "key", sentence)
    try:
        chosen, notice = catalogue.choose(options, found.environ)
    except catalogue.AgentError as error:
        yield Finding(Grade.FAIL, "agent", str(error))
        return
    grade = Grade.NOTE if notice else Grade.OK
    yield Finding(
        grade,
        "agent",
        notice or " ".join(filter(None, (options.name or chosen.name, chosen.model))),
    )
    if offline or not isinstance(chosen, Reachable):
        return
    try:
        yield Finding(Grade.OK, "server", asyncio.run(chosen.check()))
    except ProposalError as error:
        sentence = str(error)
        if error.outage:
            sentence += ". Until it answers, tpe would propose in its place"
        yield Finding(Grade.FAIL, "server", sentence)
