"""The agents by name, and which one is taken when none is named."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Protocol

from autoresearch_tui.agents.base import Agent

KINDS = ("auto", "tpe", "claude", "hybrid")
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


def choose(options: Options, environ: Mapping[str, str]) -> tuple[Agent, str | None]:
    """Return the agent that was asked for, and what a person should know of the choice.

    `auto` is claude where the environment has a key or a server was named, and else tpe. The key
    is looked for in `ANTHROPIC_API_KEY` of `environ` alone.

    Raises:
        AgentError: there is no such kind, or claude has neither a key nor a server.
    """
    key = environ.get(KEY_VARIABLE, "").strip() or None
    can_ask_model = bool(key or options.base_url)
    match options.kind:
        case "tpe":
            return fallback(options), None
        case "hybrid" if can_ask_model:
            return _hybrid(key, options), None
        case "claude" | "auto" if can_ask_model:
            return _claude(key, options), None
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
    chosen: Sequence[Options], environ: Mapping[str, str]
) -> tuple[list[Agent], str | None]:
    """Return the agents of a contest, each with a name of its own, and the notice of the first.

    Raises:
        AgentError: as `choose`.
    """
    agents: list[Agent] = []
    first: str | None = None
    for options in chosen:
        agent, notice = choose(options, environ)
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


def _hybrid(key: str | None, options: Options) -> Agent:
    from autoresearch_tui.agents.hybrid import HybridAgent  # noqa: PLC0415

    return HybridAgent(fallback(options), _claude(key, options), options.every)


def _claude(key: str | None, options: Options) -> Agent:
    from autoresearch_tui.agents.claude import (  # noqa: PLC0415
        DEFAULT_MODEL,
        ClaudeAgent,
        Limits,
    )

    return ClaudeAgent(
        model=options.model or DEFAULT_MODEL,
        api_key=key,
        base_url=options.base_url,
        limits=Limits(
            seconds=options.limit_s,
            turns=options.max_turns,
            output_tokens=options.max_output_tokens,
        ),
    )
