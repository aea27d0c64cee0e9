"""What every test of the screen leaves behind is taken back here."""

from collections.abc import Iterator

import pytest

from tests.tui import nights


@pytest.fixture(autouse=True)
def _labs_end_with_their_test() -> Iterator[None]:
    yield
    nights.end_labs()
