"""Tests of what the benchmark computes from runs, and of the corpus that it makes."""

import json
from pathlib import Path

import pytest
from pyarrow import parquet

from autoresearch_tui.agents import constants
from autoresearch_tui.record import events
from autoresearch_tui.record.events import KnownFact
from autoresearch_tui.record.vocabulary import RunOutcome, Status
from benchmarks import corpus, night, training
from benchmarks.training import BenchmarkError, Row

MACHINE = {"device": "cpu", "name": "a processor", "cores": 2}
VERSIONS = {"torch": "2", "python": "3"}


def test_the_summary_is_the_block_behind_the_last_rule() -> None:
    lines = ["---", "val_bpb: 9", " 10%  step 3", "---", "val_bpb:          1.250000", "depth:  8"]
    assert training.read_summary(lines) == {"val_bpb": 1.25, "depth": 8}


def test_a_run_without_a_summary_is_told_in_words() -> None:
    with pytest.raises(BenchmarkError, match="no summary"):
        training.read_summary(["step 1", "Killed"])


def test_upstreams_shape_is_made_from_the_constants_of_train_py() -> None:
    made = constants.find(training.in_upstream_shape(), "cuda")
    values = {each.name: each.value for each in made}
    assert (values["DEPTH"], values["WIDTH"], values["HEAD_WIDTH"]) == (8, 512, 128)
    assert values["BATCH_ROWS"] * 2048 == 2**19
    assert values["BIGRAM_ROWS"] == values["TRIGRAM_ROWS"] == values["SMEAR_BLOCKS"] == 0


def legs(name: str) -> dict[str, object]:
    row = Row("train.py, 60 s", 60, 20_000.0, None, 1.4, None, None, 512.0)
    night_row = Row("night", 20, 19_000.0, None, 1.7, 9.1, 9.2, 600.0)
    found = {"cpu-60": row, "gap": night_row}[name]
    return {"rows": [training.asdict(found)], "details": {}, "seconds": 1.0}


def test_the_six_figures_come_from_their_legs(tmp_path: Path) -> None:
    figures = training.report(MACHINE, VERSIONS, {"cpu-60": legs("cpu-60"), "gap": legs("gap")})
    assert [figures[key] for key in training.KEYS] == [20_000.0, None, 1.4, 9.1, 9.2, 512.0]
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(figures))
    assert training.join(path, MACHINE, VERSIONS) == figures["legs"]


def test_on_cuda_speed_comes_from_upstreams_shape_and_the_result_from_the_default() -> None:
    def leg(row: Row) -> dict[str, object]:
        return {"rows": [training.asdict(row)], "details": {}, "seconds": 1.0}

    found = {
        "gap": leg(Row("night", 20, 1.0, None, 0.9, 9.5, 40.0, 3.0)),
        "default": leg(Row("default", 300, 2.0, 45.0, 0.35, None, None, 70_000.0)),
        "upstream-shape": leg(Row("shape", 300, 2e6, 48.3, 0.38, None, None, 60_000.0)),
    }
    figures = training.report({**MACHINE, "device": "cuda"}, VERSIONS, found)
    assert [figures[key] for key in training.KEYS] == [2e6, 48.3, 0.35, 9.5, 40.0, 70_000.0]
    assert list(figures["legs"]) == ["upstream-shape", "default", "gap"]


def test_a_leg_that_was_not_measured_leaves_its_figures_out() -> None:
    figures = training.report(MACHINE, VERSIONS, {"gap": legs("gap")})
    assert figures["tokens_per_s"] is None
    assert figures["gap_s_warm"] == 9.1
    heading, row, *_ = training.table(figures).splitlines()
    assert all(column in heading for column in training.COLUMNS)
    assert row.split() == ["gap", "night", "19,000", "-", "1.7000", "9.1", "9.2", "600"]


def test_figures_of_another_machine_are_not_joined(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(training.report(MACHINE, VERSIONS, {"gap": legs("gap")})))
    with pytest.raises(BenchmarkError, match="do not compare"):
        training.join(path, {**MACHINE, "cores": 64}, VERSIONS)
    path.write_text("[]")
    with pytest.raises(BenchmarkError, match="no figures"):
        training.join(path, MACHINE, VERSIONS)


def proposed(experiment: int, title: str) -> KnownFact:
    return events.Proposed(
        at=0.0,
        experiment=experiment,
        parent=None,
        commit="c",
        title=title,
        hypothesis="",
        expected_change=None,
        agent="scripted",
    )


def clock(experiment: int, at: float) -> KnownFact:
    return events.ClockStarted(at=at, experiment=experiment, replicate=0, startup_s=3.0)


def ended(experiment: int, at: float, outcome: RunOutcome = RunOutcome.TRAINED) -> KnownFact:
    return events.RunEnded(at=at, experiment=experiment, replicate=0, outcome=outcome, reason="")


def evaluated(experiment: int, seconds: float) -> KnownFact:
    return events.Evaluated(
        at=0.0,
        experiment=experiment,
        replicate=0,
        valid=True,
        reason=None,
        val_bpb=1.0,
        seconds=seconds,
    )


def judged(experiment: int, status: Status) -> KnownFact:
    return events.Judged(at=0.0, experiment=experiment, status=status, reason="", commit="c")


def test_gaps_run_from_clock_to_clock() -> None:
    facts = [
        proposed(0, "baseline"), clock(0, 10), ended(0, 30), evaluated(0, 6.5),
        judged(0, Status.KEEP),
        proposed(1, night.RATE), clock(1, 42), proposed(2, night.RATE), ended(1, 62),
        judged(1, Status.DISCARD), clock(2, 67), ended(2, 87), proposed(3, night.SHAPE),
        # Its start was for nothing; it had no clock.
        proposed(4, night.RATE), ended(4, 90, RunOutcome.INTERRUPTED),
        judged(2, Status.DISCARD), clock(3, 117),
    ]  # fmt: skip
    found = list(night.gaps(facts))
    assert [(gap.experiment, gap.seconds, gap.cold, gap.after_keep) for gap in found] == [
        (1, 12, False, True),
        (2, 5, False, False),
        (3, 30, True, False),
    ]
    assert [gap.rest_s for gap in found] == [12 - 3 - 6.5, 5 - 3, 30 - 3]
    run = night.Run(0, 1, 20.0, 0.0, 1, 2)
    spent = night.Night(run, found)
    assert spent.typical(cold=False) == 5
    assert spent.typical(cold=True) == 30
    assert night.Night(run, found[:1]).typical(cold=False) == 12
    assert night.Night(run).typical(cold=True) is None


def test_the_corpus_is_cut_and_split_by_hash_and_made_once(tmp_path: Path) -> None:
    root = tmp_path / "root" / "deep"
    root.mkdir(parents=True)
    long = "".join(f"line {number} of a long text\n" for number in range(4_000))
    (root / "long.py").write_text(long)
    (root / "same.md").write_text(long)
    (root / "short.py").write_text("x = 1\n")
    (root / "other.bin").write_text(long.upper())
    (root / "latin.txt").write_bytes(b"\xe9" * 500)
    (root / "link.py").symlink_to(root / "other.bin")
    found = corpus.documents([tmp_path / "root"])
    assert max(map(len, found.values())) == corpus.DOCUMENT_CHARS
    assert "".join(sorted(found.values(), key=long.index)) == long
    folder = corpus.build(tmp_path / "corpus", [tmp_path / "root"])
    texts = {path.name: parquet.read_table(path)["text"].to_pylist() for path in folder.iterdir()}
    assert len(texts) == corpus.TRAIN_SHARDS + 1
    assert sorted(text for shard in texts.values() for text in shard) == sorted(found.values())
    for digest, text in found.items():
        held_out = int(digest[-4:], 16) % corpus.VALIDATION_ONE_IN == 0
        assert (text in texts["val_00000.parquet"]) is held_out
    (root / "long.py").unlink()
    assert corpus.build(folder, [tmp_path / "root"]) == folder
