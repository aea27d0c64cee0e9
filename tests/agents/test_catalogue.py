import asyncio
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from autoresearch_tui.agents import catalogue
from autoresearch_tui.agents.base import Reachable
from autoresearch_tui.agents.claude import DEFAULT_MODEL
from tests.agents.messages_server import Answer, MessagesServer

KEY = {"ANTHROPIC_API_KEY": "a-key"}


@dataclass(frozen=True)
class Chosen:
    kind: str = "auto"
    model: str | None = None
    base_url: str | None = None
    name: str | None = None
    ideas: bool = False
    every: int = 3
    limit_s: float = 10.0
    max_turns: int = 3
    max_output_tokens: int = 2_000
    form: str = "auto"
    context_tokens: int | None = None
    api_key_env: str | None = None
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    permissions: str = "train"
    permission_wait_s: float = 60.0
    login: str | None = None


def test_auto_is_claude_with_a_key_or_a_server() -> None:
    agent, notice = catalogue.choose(Chosen(), KEY)
    assert (agent.name, agent.model, notice) == ("claude", DEFAULT_MODEL, None)
    agent, notice = catalogue.choose(Chosen(base_url="http://localhost:1", model="m"), {})
    assert (agent.name, agent.model, notice) == ("claude", "m", None)


@pytest.mark.parametrize("environ", [{}, {"ANTHROPIC_API_KEY": " "}])
def test_auto_is_tpe_without_a_key_and_says_so(environ: dict[str, str]) -> None:
    agent, notice = catalogue.choose(Chosen(), environ)
    assert agent.name == "tpe"
    assert notice is not None
    assert "ANTHROPIC_API_KEY" in notice


def headers_sent(chosen: Chosen, environ: dict[str, str]) -> dict[str, str]:
    """Return what a local server is told of who asks."""
    with MessagesServer([Answer()]) as server:
        agent, _ = catalogue.choose(replace(chosen, base_url=server.url), environ)
        assert isinstance(agent, Reachable)
        asyncio.run(agent.check())
        return server.headers[0]


def test_a_key_goes_to_no_server_that_it_was_not_named_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = {**KEY, "OTHER": "other-key", "ANTHROPIC_AUTH_TOKEN": "a-token"}
    environ["ANTHROPIC_CUSTOM_HEADERS"] = "X-Secret: a-header"
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    sent = str(headers_sent(Chosen("claude", "m"), environ))
    assert not any(secret in sent for secret in ("a-key", "other-key", "a-token", "a-header"))
    sent = str(headers_sent(Chosen("claude", "m", api_key_env="OTHER"), environ))
    assert "other-key" in sent
    assert "a-key" not in sent


def test_a_named_key_that_is_not_there_is_a_sentence() -> None:
    chosen = Chosen(base_url="http://localhost:1", api_key_env="OTHER")
    with pytest.raises(catalogue.AgentError, match=r"OTHER, which .* is not set"):
        catalogue.choose(chosen, KEY)


def test_tpe_needs_no_key_and_no_notice() -> None:
    agent, notice = catalogue.choose(Chosen("tpe"), KEY)
    assert (agent.name, notice) == ("tpe", None)


def test_claude_without_a_key_is_a_sentence() -> None:
    with pytest.raises(catalogue.AgentError, match=r"--base-url.*--agent tpe"):
        catalogue.choose(Chosen("claude"), {})


def test_a_command_is_an_agent_by_the_protocol() -> None:
    environ = {**KEY, "PATH": "/usr/bin:/bin", "OTHER": "o"}
    for kind in ("acp", "auto"):
        chosen = Chosen(kind, command=("sh", "-c", "true"), env=("OTHER",))
        agent, notice = catalogue.choose(chosen, environ)
        assert (agent.name, agent.model, notice) == ("acp", "sh", None)
        assert catalogue.key_names(chosen) == ["OTHER"]
    assert catalogue.key_names(Chosen("claude")) == ["ANTHROPIC_API_KEY"]
    assert catalogue.key_names(Chosen("tpe")) == []


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (Chosen("acp"), r"needs a command.*claude-agent-acp"),
        (Chosen("acp", command=("no-such-agent",)), r"no command 'no-such-agent'"),
        (Chosen("acp", command=("sh",), env=("NO_KEY",)), r"NO_KEY, which the environment"),
    ],
)
def test_an_agent_that_can_not_be_started_is_a_sentence(chosen: Chosen, sentence: str) -> None:
    with pytest.raises(catalogue.AgentError, match=sentence):
        catalogue.choose(chosen, {"PATH": "/usr/bin:/bin"})


def test_hybrid_needs_what_claude_needs_and_has_its_model() -> None:
    agent, notice = catalogue.choose(Chosen("hybrid"), KEY)
    assert (agent.name, agent.model, notice) == ("hybrid", DEFAULT_MODEL, None)
    with pytest.raises(catalogue.AgentError, match="The agent hybrid needs a key"):
        catalogue.choose(Chosen("hybrid"), {})


def test_the_agents_of_a_contest_have_names_of_their_own() -> None:
    chosen = [Chosen("tpe"), Chosen("claude"), Chosen("claude", name="other"), Chosen("claude")]
    agents, _ = catalogue.contest(chosen, KEY)
    assert [agent.name for agent in agents] == ["tpe", "claude", "other", "claude-2"]


def test_an_unknown_agent_is_answered_with_the_nearest() -> None:
    with pytest.raises(catalogue.AgentError, match="Did you mean 'claude'"):
        catalogue.choose(Chosen("cloud"), KEY)


def test_choosing_loads_neither_optuna_nor_anthropic() -> None:
    program = (
        "import sys\n"
        "from autoresearch_tui.agents import catalogue\n"
        "catalogue.fallback()\n"
        "print(sorted({'optuna', 'anthropic', 'textual', 'torch', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
