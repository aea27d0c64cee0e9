"""The probe's record: no false alarm over honest models, no miss over leaking ones."""

import re
from collections.abc import Iterator

import pytest
import torch

import prepare
from tests.training import variants


@pytest.fixture(scope="module")
def language() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # these models are too small for more
    yield variants.sample_rows()
    torch.set_num_threads(threads)


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_two_hundred_honest_variants_raise_no_alarm(
    language: tuple[torch.Tensor, torch.Tensor], start: int
) -> None:
    rows, sizes = language
    for number in range(start, start + 20):
        model = variants.honest(number, rows)
        try:
            answer = variants.measure(model, rows, sizes)
        except prepare.InvalidRun as alarm:
            pytest.fail(f"{alarm} Variant {number}: {model}")
        assert answer["noise_nats"] < variants.NOISE_LIMIT_NATS / 4, (number, model)
        assert answer["leak_nats"] < prepare.LEAK_LIMIT_NATS / 2, (number, model)


@pytest.mark.parametrize("name", variants.LEAKS)
def test_every_leak_is_found(language: tuple[torch.Tensor, torch.Tensor], name: str) -> None:
    rows, sizes = language
    for seed in range(3):
        model = variants.leaking(name, seed, rows)
        with pytest.raises(prepare.InvalidRun) as found:
            variants.measure(model, rows, sizes)
        assert re.search(variants.LEAKS[name][1], str(found.value))
