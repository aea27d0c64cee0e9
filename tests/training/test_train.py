"""train.py: what its parts promise, on whatever device; its figures are a benchmark's business."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import prepare

ROOT = Path(prepare.__file__).parent


@pytest.fixture
def train(data: Path) -> ModuleType:
    """A fresh import of train.py, for the tiny data set."""
    prepare.use_run({"data": str(data), "device": "cpu", "seed": 5})
    module = prepare.import_script(ROOT / "train.py")
    torch.manual_seed(5)
    return module


def shake(model: torch.nn.Module) -> None:
    """Take a fresh model out of its zeros, so that all of its parts matter."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)


@pytest.mark.parametrize("length", [5, 6, 20, 24])
def test_a_window_reaches_as_far_back_as_it_says(train: ModuleType, length: int) -> None:
    window = 5
    q, k, v = torch.randn(3, 2, 2, length, 8)
    scores = q @ k.mT / 8**0.5
    place = torch.arange(length)
    back = place[:, None] - place[None, :]
    seen = (back >= 0) & (back < window)
    expected = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ v
    torch.testing.assert_close(train.attend(q, k, v, window), expected)
    whole = scores.masked_fill(back < 0, -torch.inf).softmax(-1) @ v
    torch.testing.assert_close(train.attend(q, k, v, length), whole)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"SHORT_BLOCKS": 1, "SHORT_WINDOW": 4, "DEPTH": 3},
        {"BIGRAM_ROWS": 64, "SMEAR_BLOCKS": 0},
        {"BIGRAM_ROWS": 64, "TRIGRAM_ROWS": 128, "NGRAM_WIDTH": 16},
        {"VALUE_EMBEDDING_EVERY": 1, "DEPTH": 4, "SMEAR_BLOCKS": 4},
    ],
)
def test_no_position_sees_what_comes_after_it(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch, choices: dict[str, object]
) -> None:
    for name, value in choices.items():
        assert hasattr(train, name)
        monkeypatch.setattr(train, name, value)
    model = train.build_model()
    shake(model)
    vocab_size, length = prepare.vocabulary_size(), prepare.row_length()
    tokens = torch.randint(0, vocab_size, (1, length))
    with torch.no_grad():
        before = model(tokens)
        for join in (0, length // 2, length - 2):
            changed = tokens.clone()
            changed[:, join + 1 :] = torch.randint(0, vocab_size, (1, length - join - 1))
            after = model(changed)
            torch.testing.assert_close(after[:, : join + 1], before[:, : join + 1])
            assert not torch.allclose(after[:, join + 1 :], before[:, join + 1 :])


def test_a_turn_keeps_lengths_and_sees_only_distances(train: ModuleType) -> None:
    model = train.build_model()
    length, width = prepare.row_length(), train.HEAD_WIDTH
    turn = model.cos, model.sin
    q, k = torch.randn(2, width)
    there = train.rotate(q.expand(1, length, 1, width), turn)[0, :, 0]
    other = train.rotate(k.expand(1, length, 1, width), turn)[0, :, 0]
    torch.testing.assert_close(there.norm(dim=-1), q.norm().expand(length))
    products = there @ other.T
    for distance in (0, 1, 7):
        along = products.diagonal(-distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-4)


@given(rows=st.integers(1, 20), vocab_size=st.integers(2, 50), seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_loss_of_capped_logits_is_the_cross_entropy(
    rows: int, vocab_size: int, seed: int
) -> None:
    train = prepare.import_script(ROOT / "train.py")
    dice = torch.Generator().manual_seed(seed)
    logits = 2 * train.SOFT_CAP * torch.rand(rows, vocab_size, generator=dice)
    targets = torch.randint(0, vocab_size, (rows,), generator=dice)
    expected = functional.cross_entropy(logits, targets)
    torch.testing.assert_close(train.capped_cross_entropy(logits, targets), expected)


def test_ngrams_know_their_last_tokens_and_nothing_else(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rows in (("BIGRAM_ROWS", 4096), ("TRIGRAM_ROWS", 8192)):
        monkeypatch.setattr(train, name, rows)
    ngrams = train.NGrams()
    shake(ngrams)
    tokens = torch.tensor([[9, 1, 2, 3, 7, 1, 2, 3, 4, 2, 3]])
    found = ngrams(tokens)[0]
    torch.testing.assert_close(found[3], found[7])  # 1 2 3, behind 9 and behind 7
    assert not torch.allclose(found[3], found[10])  # 4 2 3 ends with the same pair alone
    assert not torch.allclose(found[2], found[9])


# The compiler asks tensors on their way for a gradient, and hides what torch says to that.
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_blocks_that_are_alike_are_compiled_once(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def count(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., object]:
        counted.append(1)
        return graph.forward

    compile_module = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda part, **how: compile_module(part, backend=count, **how)
    )
    choices = {"DEPTH": 8, "SMEAR_BLOCKS": 0, "VALUE_EMBEDDING_EVERY": 2}
    for name, value in choices.items():
        monkeypatch.setattr(train, name, value)
    model = train.build_model()
    shake(model)
    tokens, targets = torch.randint(0, prepare.vocabulary_size(), (2, 2, prepare.row_length()))
    expected = model(tokens, targets)
    train.compile_parts(model)
    torch.testing.assert_close(model(tokens, targets), expected)
    assert len(counted) == 4, "a start, blocks with value embeddings and without, a head"
    torch._dynamo.reset()


def test_decay_takes_from_what_the_update_takes_from(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[torch.Tensor] = []
    gradient, start = torch.randn(2, 8, 8)
    for decay in (0.0, 0.5):
        monkeypatch.setattr(train, "WEIGHT_DECAY", decay)
        matrix = torch.nn.Parameter(start.clone())
        matrix.grad = gradient.clone()
        train.Muon([matrix], lr=0.1).step()
        moved.append(start - matrix.detach())
    shrinks = moved[0] * start > 0
    torch.testing.assert_close(moved[1] - moved[0], torch.where(shrinks, 0.05 * start, 0.0))


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 64, 16), (2, 16, 64)])
def test_orthogonalising_brings_singular_values_near_one(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(train, "POLAR_STEPS", 5)
    found = torch.linalg.svdvals(train.orthogonalise(torch.randn(shape)))
    assert 0.5 < float(found.min()) <= float(found.max()) < 1.5


def test_lines_of_an_update_come_to_one_size_and_its_whole_size_stays(train: ModuleType) -> None:
    muon = train.Muon([torch.nn.Parameter(torch.zeros(8, 4))], lr=0.1)
    update = torch.randn(1, 8, 4) * torch.arange(1.0, 9.0)[:, None]
    even = muon.even_out(update, torch.Size([8, 4]))
    lines = even.norm(dim=-1)
    torch.testing.assert_close(lines, lines[:, :1].expand_as(lines))
    torch.testing.assert_close(even.norm(), update.norm())


@pytest.mark.parametrize("memory_gb", [8, 24, 80])
def test_memory_decides_how_many_rows_go_at_once(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch, memory_gb: int
) -> None:
    model = train.build_model()
    assert train.passes_per_step(model) == 1, "only CUDA's memory is a narrow one"
    choices = {"DEVICE": "cuda", "DEPTH": 8, "WIDTH": 512, "BATCH_ROWS": 64}
    for name, value in choices.items():
        monkeypatch.setattr(train, name, value)
    monkeypatch.setattr(prepare, "row_length", lambda: 2048)
    monkeypatch.setattr(prepare, "vocabulary_size", lambda: 8192)
    card = SimpleNamespace(total_memory=memory_gb * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda: card)
    passes = train.passes_per_step(model)
    assert 64 % passes == 0
    # Measured on an H200: 21 GB for 64 rows.
    assert 21e9 / passes < 0.8 * card.total_memory
    assert passes == 1 or 2 * 21e9 / passes > 0.5 * card.total_memory, "no more than are needed"


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@needs_cuda
def test_the_fused_mlp_and_its_gradients_are_those_of_its_parts(data: Path) -> None:
    prepare.use_run({"data": str(data), "device": "cuda", "seed": 5})
    train = prepare.import_script(ROOT / "train.py")
    if not train.HAS_FUSED_MLP:
        pytest.skip("needs a Hopper GPU")
    hidden = train.WIDTH * train.MLP_RATIO
    shapes = ((2048, train.WIDTH), (hidden, train.WIDTH), (train.WIDTH, hidden))
    parts = [torch.randn(s, device="cuda").div(s[1] ** 0.5).bfloat16() for s in shapes]
    fused = [p.clone().requires_grad_() for p in parts]
    plain = [p.float().requires_grad_() for p in parts]
    step: Callable[..., torch.Tensor] = functional.linear
    left = train.fused_mlp(*fused)[0]
    right = step(functional.relu(step(plain[0], plain[1])).square(), plain[2])
    grad = torch.randn_like(left)
    left.backward(grad)
    right.backward(grad.float())
    for ours, theirs in (
        (left, right),
        *((a.grad, b.grad) for a, b in zip(fused, plain, strict=True)),
    ):
        assert ours is not None
        assert theirs is not None
        assert (ours.float() - theirs).norm() < 0.02 * theirs.norm()
