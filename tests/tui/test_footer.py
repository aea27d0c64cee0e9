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


@pytest.mark.parametrize("tag", ["nov23", "a-night-with-a-long-name"])
@pytest.mark.parametrize("ending", [Ending.FINISHED, Ending.DEAD])
async def test_without_a_lab_it_says_how_to_go_on_and_how_to_leave(
    tmp_path: Path, ending: Ending, tag: str
) -> None:
    async with watching(make_night(tmp_path, ending, tag=tag)) as pilot:
        for words in (f"autoresearch run --tag {tag}", "q leave", "? help"):
            assert words in shown(pilot, "Footer")
