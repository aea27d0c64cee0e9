"""What every test of the screen leaves behind is taken back here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui import nights


@pytest.fixture(autouse=True)
def _labs_end_with_their_test() -> Iterator[None]:
    yield
    nights.end_labs()


@pytest.fixture(autouse=True)
def _plain_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _choices_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep out what the person who runs the tests chose on screens of theirs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
