"""What the soak computes of a night, and a short one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import ROOT, WARM_UP_S, Growth, Life, Sample

KEYS = {"experiments", "faults", "lost", "orphans", "wrong_incumbents", "ledger_error_percent"}


def test_growth_is_counted_after_the_warm_up() -> None:
    life = Life(pid=1, begun=0.0)
    life.samples = [Sample(at, 10.0 + at, 9, 0) for at in (0.0, WARM_UP_S)]
    assert life.growth() is None
    life.samples += [Sample(WARM_UP_S + at, 100.0, 20, 3) for at in range(1, 41)]
    life.samples += [Sample(WARM_UP_S + at, 100.5, 21, 7) for at in range(41, 81)]
    assert life.growth() == Growth(0.5, 1, 4.0, 79.0)


@pytest.mark.long
def test_a_short_soak_finds_nothing_wrong(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    arguments = ("--minutes", "0.5", "--json", str(file), "--folder", str(tmp_path / "night"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "soak.py"), *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(file.read_text())
    assert result.keys() >= KEYS
    assert result["experiments"] > 0
    assert result["faults"] > 0
    assert result["lost"] == result["orphans"] == result["wrong_incumbents"] == 0
