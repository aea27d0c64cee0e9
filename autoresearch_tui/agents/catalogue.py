"""The agents by name, and which one is taken when none is named."""

import difflib
import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from autoresearch_tui.agents.base import Agent, ProposalError

KINDS = ("auto", "tpe", "claude", "hybrid", "acp")
KEY_VARIABLE = "ANTHROPIC_API_KEY"


class AgentError(ValueError):
    """An agent that does not exist, or can not work here; the message says what to do."""


class Options(Protocol):
    """What a person chose of an agent."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        ...

    @property
    def model(self) -> str | None:
        """Of claude; its default where there is none."""
        ...

    @property
    def base_url(self) -> str | None:
        """A server of the user's own that speaks the Messages API; it may need no key."""
        ...

    @property
    def name(self) -> str | None:
        """What it is called in the record; its kind where none is given."""
        ...

    @property
    def ideas(self) -> bool:
        """Of tpe: whether it proposes whole ideas too."""
        ...

    @property
    def every(self) -> int:
        """Of hybrid: the language model has each so many-th experiment."""
        ...

    @property
    def limit_s(self) -> float:
        """Seconds that one proposal may take."""
        ...

    @property
    def max_turns(self) -> int:
        """Answers of a model for one proposal."""
        ...

    @property
    def max_output_tokens(self) -> int:
        """Tokens of a model for one proposal."""
        ...

    @property
    def form(self) -> str:
        """How a model hands in its edits: `tools`, `text`, or `auto`."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """What the context of a local model holds; learned from its server where none."""
        ...

    @property
    def api_key_env(self) -> str | None:
        """The variable that holds the key; for Anthropic's own server `KEY_VARIABLE`."""
        ...

    @property
    def command(self) -> Sequence[str]:
        """Of acp: a program and its arguments."""
        ...

    @property
    def env(self) -> Sequence[str]:
        """Of acp: the variables that its process gets beside the harmless ones."""
        ...

    @property
    def permissions(self) -> str:
        """Of acp: how what it asks for is answered, one of `Permissions`."""
        ...

    @property
    def permission_wait_s(self) -> float:
        """Of acp: seconds that a person has to answer what it asks for."""
        ...

    @property
    def login(self) -> str | None:
        """Of acp: the way to log in, by the name that the agent offers."""
        ...


def key_names(options: Options) -> list[str]:
    """Return the variables that may hold keys for the agent that was asked for."""
    match options.kind:
        case "acp" | "auto" if options.kind == "acp" or options.command:
            return list(options.env)
        case "claude" | "hybrid" | "auto":
            own = options.api_key_env or (None if options.base_url else KEY_VARIABLE)
            return [own] if own else []
        case _:
            return []


def choose(
    options: Options, environ: Mapping[str, str], place: Path | None = None
) -> tuple[Agent, str | None]:
    """Return the agent that was asked for, and what a person should know of the choice.

    `auto` is acp where a command was named, claude where the environment has a key or a server was
    named, and else tpe. The key for Anthropic is in `ANTHROPIC_API_KEY` of `environ`, unless
    another variable is named; a server of the user's own is sent none but that of a variable that
    was named for it. In `place` an agent may keep what a later start goes on with; none for a
    temporary place.

    Raises:
        AgentError: there is no such kind, claude has neither a key nor a server, the variable that
            was named is empty, or acp has no command.
    """
    variable = options.api_key_env or (None if options.base_url else KEY_VARIABLE)
    key = environ.get(variable, "").strip() or None if variable else None
    can_ask_model = bool(key or options.base_url)
    match options.kind:
        case "tpe":
            return fallback(options), None
        case "acp" | "auto" if options.kind == "acp" or options.command:
            return _acp(options, environ, place), None
        case "claude" | "hybrid" | "auto" if can_ask_model:
            if options.api_key_env and not key:
                raise AgentError(
                    f"{options.api_key_env}, which [agent] names as api_key_env, is not set. Set "
                    "it to the key of the agent's server, or take api_key_env away."
                )
            model = _claude(key, variable, options)
            return (_hybrid(model, options) if options.kind == "hybrid" else model), None
        case "claude" | "hybrid":
            raise AgentError(
                f"The agent {options.kind} needs a key in {KEY_VARIABLE}, or the address of a "
                "server of your own with --base-url. Without either, choose --agent tpe."
            )
        case "auto":
            notice = (
                f"There is no key in {KEY_VARIABLE}, so the agent is tpe: it moves the constants "
                "of train.py by statistics, without a language model."
            )
            return fallback(options), notice
        case kind:
            close = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.0)
            raise AgentError(
                f"There is no agent {kind!r}. Did you mean {close[0]!r}? There are: "
                f"{', '.join(KINDS)}."
            )


def contest(
    chosen: Sequence[Options], environ: Mapping[str, str], place: Path | None = None
) -> tuple[list[Agent], str | None]:
    """Return the agents of a contest, each with a name of its own, and the notice of the first.

    Raises:
        AgentError: as `choose`.
    """
    agents: list[Agent] = []
    first: str | None = None
    for options in chosen:
        agent, notice = choose(options, environ, place)
        first = first or notice
        wanted, count = options.name or agent.name, 1
        agent.name = wanted
        while agent.name in {each.name for each in agents}:
            count += 1
            agent.name = f"{wanted}-{count}"
        agents.append(agent)
    return agents, first


def fallback(options: Options | None = None) -> Agent:
    """Return the agent that works anywhere, for when another one can not go on."""
    # Each agent's libraries are loaded only where that agent works.
    from autoresearch_tui.agents.tpe import TpeAgent  # noqa: PLC0415

    return TpeAgent(ideas=options is not None and options.ideas)


def _hybrid(model: Agent, options: Options) -> Agent:
    from autoresearch_tui.agents.hybrid import HybridAgent  # noqa: PLC0415

    return HybridAgent(fallback(options), model, options.every)


def _acp(options: Options, environ: Mapping[str, str], place: Path | None) -> Agent:
    from autoresearch_tui.agents.acp import process  # noqa: PLC0415
    from autoresearch_tui.agents.acp.agent import AcpAgent  # noqa: PLC0415
    from autoresearch_tui.agents.acp.policy import Permissions  # noqa: PLC0415

    if not options.command:
        raise AgentError(
            "The agent acp needs a command that speaks the Agent Client Protocol, as in "
            '[agent] command = ["claude-agent-acp"], or ["gemini", "--acp"].'
        )
    if missing := [name for name in options.env if not environ.get(name, "").strip()]:
        raise AgentError(
            f"[agent] env names {', '.join(missing)}, which the environment does not hold and the "
            "keyring neither. Set it, or take its name out."
        )
    environment = process.agent_environment(environ, options.env)
    try:
        process.find(options.command, environment)
    except ProposalError as error:
        raise AgentError(str(error)) from None
    if place is not None:
        # Two agents of one night do not meet in one folder.
        command = shlex.join(options.command).encode()
        place /= hashlib.sha256(command).hexdigest()[:8]
    return AcpAgent(
        command=options.command,
        environment=environment,
        secrets=[environ[name].strip() for name in options.env],
        place=place,
        limit_s=options.limit_s,
        permissions=Permissions(options.permissions),
        permission_wait_s=options.permission_wait_s,
        login=options.login,
    )


def _claude(key: str | None, variable: str | None, options: Options) -> Agent:
    from autoresearch_tui.agents.claude import (  # noqa: PLC0415
        DEFAULT_MODEL,
        ClaudeAgent,
    )
    from autoresearch_tui.agents.requests import Form, Limits  # noqa: PLC0415

    return ClaudeAgent(
        model=options.model or DEFAULT_MODEL,
        api_key=key,
        base_url=options.base_url,
        limits=Limits(
            seconds=options.limit_s,
            turns=options.max_turns,
            output_tokens=options.max_output_tokens,
        ),
        form=Form(options.form),
        context_tokens=options.context_tokens,
        key_variable=variable,
    )
