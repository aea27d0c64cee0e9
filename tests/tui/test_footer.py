"""The last row says what its keys do now."""

from pathlib import Path

import pytest

from tests.tui.nights import Ending, make_night
from tests.tui.watching import shown, watching


@pytest.mark.parametrize(
    ("ending", "words"), [(Ending.TRAINING, "p pause"), (Ending.PAUSED, "p resume")]
)
async def test_the_key_that_pauses_says_when_it_resumes(
    tmp_path: Path, ending: Ending, words: str
) -> None:
    async with watching(make_night(tmp_path, ending)) as pilot:
        assert words in shown(pilot, "Footer")
