"""What every test of the screen leaves behind is taken back here."""

from collections.abc import Iterator

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
