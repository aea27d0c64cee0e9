"""What the files of a session's experiments hold, for the agents that may read them."""

import contextlib
from pathlib import Path

import msgspec

from autoresearch_tui.lab import stages
from autoresearch_tui.record.lines import LineTail
from autoresearch_tui.record.samples import StepSample
from autoresearch_tui.session import Session

OUTPUT_TAIL_LINES = 30

_steps = msgspec.json.Decoder(StepSample)


class SessionArchive:
    """The files of a session's experiments, as agents may read them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def train(self, experiment: int) -> str:
        """Return an experiment's `train.py`; empty where it can not be read."""
        return read(self._session.train_file(experiment))

    def diff(self, experiment: int) -> str:
        """Return an experiment's change against its parent; empty for the baseline."""
        return read(self._session.diff(experiment))

    def output_tail(self, experiment: int) -> str:
        """Return the last lines that an experiment's run printed."""
        return stages.last_lines(self._session.output(experiment), OUTPUT_TAIL_LINES)

    def curve(self, experiment: int) -> list[StepSample]:
        """Return what an experiment's run logged, oldest first: its own word, shown only."""
        samples: list[StepSample] = []
        for line in LineTail(self._session.metrics(experiment)).read():
            with contextlib.suppress(msgspec.DecodeError):
                samples.append(_steps.decode(line))
        return samples


def read(path: Path) -> str:
    """Return what a file says; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
