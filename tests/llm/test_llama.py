"""Five experiments proposed by a real small model behind a real llama.cpp server.

The model edits badly and calls no tools; what is tested is that the wire is understood and that the
night goes on. `make test-llm` says where the two come from.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch_tui.agents.catalogue import fallback
from autoresearch_tui.agents.claude import ClaudeAgent
from autoresearch_tui.agents.requests import Form, Limits
from autoresearch_tui.record import events
from tests.agents.table import table
from tests.workshop import Workshop

SERVER = shutil.which(os.environ.get("AUTORESEARCH_LLAMA_SERVER", "llama-server"))
MODEL = Path(os.environ.get("AUTORESEARCH_LLAMA_MODEL", "model.gguf"))
EXPERIMENTS = 5
START_LIMIT_S = 60.0
BUDGET_S = 5.0
"""As long as an answer takes: with shorter experiments the fallback proposes them all."""
THREADS = max(1, (os.cpu_count() or 1) // 2)
"""Of the server; the other cores train."""
LIMITS = Limits(seconds=30.0, turns=6, output_tokens=300, retry_wait_s=0.1)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(SERVER is None, reason="no llama-server: make test-llm builds one"),
    pytest.mark.skipif(not MODEL.is_file(), reason="no model: make test-llm fetches one"),
]


@pytest.fixture(scope="module", params=[4_096])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve the model with a context of so many tokens, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert SERVER is not None
    command = [SERVER, "-m", str(MODEL), "--port", str(port), "-c", str(request.param), "--jinja"]
    command += ["-t", str(THREADS), "-np", "1"]
    log = tmp_path_factory.mktemp("llama") / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as serving,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", serving, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            serving.terminate()


def _wait_for(url: str, serving: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and serving.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5.0)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"llama-server did not start: {log.read_text()[-2000:]}")


@pytest.mark.parametrize("form", [Form.AUTO, Form.TEXT])
async def test_a_small_model_proposes_for_a_night(
    server: str, form: Form, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.workshop.BUDGET_S", BUDGET_S)
    agent = ClaudeAgent(model="small", api_key=None, base_url=server, limits=LIMITS, form=form)
    assert "answers" in await agent.check()
    lab = workshop.lab(agent, fallback=fallback(), max_experiments=EXPERIMENTS + 1)
    end = await lab.run()
    assert end.finished
    facts = workshop.facts()
    asked = [f for f in facts if isinstance(f, events.ProposalStarted) and f.agent == agent.name]
    assert asked
    assert lab.state.tokens_spent > 0
    print(f"\n{form} at {server}:", *table(facts), sep="\n")
