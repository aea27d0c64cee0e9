import subprocess
import sys
from dataclasses import dataclass

import pytest

from autoresearch_tui.agents import catalogue
from autoresearch_tui.agents.claude import DEFAULT_MODEL

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


def test_tpe_needs_no_key_and_no_notice() -> None:
    agent, notice = catalogue.choose(Chosen("tpe"), KEY)
    assert (agent.name, notice) == ("tpe", None)


def test_claude_without_a_key_is_a_sentence() -> None:
    with pytest.raises(catalogue.AgentError, match=r"--base-url.*--agent tpe"):
        catalogue.choose(Chosen("claude"), {})


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
