"""A tiny prepared data set, and finished runs on it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_model

import prepare

ROOT = Path(prepare.__file__).parent
TEXT = "".join(
    f"def step_{n}(value):\n    return value * {n} + step_{n // 2}(value - {n % 7})\n\n"
    for n in range(1500)
)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in which a text of 100 kB is prepared."""
    folder = tmp_path_factory.mktemp("cache")
    text = folder / "steps.txt"
    text.write_text(TEXT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTORESEARCH_DATA", str(folder / "prepared"))
        patch.setitem(prepare.PROFILES, "small", prepare.Profile(300, 32, 4_096, 10**6))
        prepare.prepare(str(text), "small")
    return folder


@pytest.fixture(scope="session")
def data(cache: Path) -> Path:
    """The folder of the tiny prepared data set."""
    return next(path for path in (cache / "prepared").iterdir() if path.is_dir())


@pytest.fixture
def make_run(tmp_path: Path, data: Path) -> Callable[..., Path]:
    """Make a finished run of a script: its folder with train.py, trial.json and fresh weights."""

    def make(script: str, **settings: object) -> Path:
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / "train.py").write_text(script)
        trial = {"data": str(data), "device": "cpu", "seed": 5, "budget_s": None}
        trial |= {"budget_tokens": 64, **settings}
        (folder / "trial.json").write_text(json.dumps(trial))
        prepare.use_run(trial)
        prepare.torch.manual_seed(5)
        module = prepare.import_script(folder / "train.py")
        save_model(module.build_model(), str(folder / "weights.safetensors"))
        return folder

    return make


@pytest.fixture
def train(tmp_path: Path, cache: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the project's own train.py by hand, on the tiny data set."""

    def run(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / name
        folder.mkdir()
        for file in ("train.py", "prepare.py"):
            shutil.copy(ROOT / file, folder / file)
        return subprocess.run(
            [sys.executable, "train.py"],
            cwd=folder,
            env={
                **os.environ,
                "AUTORESEARCH_DATA": str(cache / "prepared"),
                "AUTORESEARCH_DATASET": str(cache / "steps.txt"),
                "AUTORESEARCH_PROFILE": "small",
                "OMP_NUM_THREADS": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run
