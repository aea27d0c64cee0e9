"""Rows start with BOS, are full, and lose nothing but what does not fill the last one."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

import prepare

BOS = 999
documents = st.lists(st.lists(st.integers(0, 50), max_size=40), max_size=30)
widths = st.integers(2, 12)


@given(documents, widths)
def test_every_row_is_full_and_starts_with_bos(texts: list[list[int]], width: int) -> None:
    for row in prepare.pack(texts, width, BOS):
        assert len(row) == width
        assert row[0] == BOS


@given(documents, widths)
def test_nothing_is_lost_but_the_end(texts: list[list[int]], width: int) -> None:
    packed = Counter(token for row in prepare.pack(texts, width, BOS) for token in row)
    del packed[BOS]
    given_ = Counter(token for text in texts for token in text)
    assert not packed - given_
    assert (given_ - packed).total() < width


@given(documents, widths)
def test_a_piece_stays_in_order(texts: list[list[int]], width: int) -> None:
    numbered: list[list[int]] = []
    count = 0
    for text in texts:
        numbered.append(list(range(count, count + len(text))))
        count += len(text)
    for row in prepare.pack(numbered, width, 10**9):
        for before, after in pairwise(row):
            assert 10**9 in (before, after) or after == before + 1


def test_the_longest_piece_that_fits_is_taken() -> None:
    rows = list(prepare.pack([[1] * 3, [2] * 5, [3] * 2], 10, BOS))
    assert rows == [[BOS, 2, 2, 2, 2, 2, BOS, 1, 1, 1]]


@given(documents, st.integers(0, 200))
def test_what_is_too_much_goes_from_the_end(texts: list[list[int]], limit: int) -> None:
    passed = list(prepare.up_to(limit, texts))
    together = [token for text in texts for token in text]
    assert [token for text in passed for token in text] == together[:limit]
    assert len(passed) <= len(texts)
