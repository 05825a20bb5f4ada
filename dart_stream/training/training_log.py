"""The two logs of a training: `steps.jsonl`, a loss a line, and `log.jsonl`, an epoch a line."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from dart_stream.training.events import EpochRecord


class TrainingLog:
    """Writes every step and every epoch once, however often the training was killed.

    A log may be ahead of the checkpoint that a training resumes from; it starts from what the
    checkpoint knows, and what was written beyond is written again. Enter it before the first step.

    Args:
        directory: where the files go.
        steps_per_epoch: tells the epoch of a step.
        losses: of the steps done before.
    """

    def __init__(self, directory: Path, steps_per_epoch: int, losses: Sequence[float]) -> None:
        self._directory = directory
        self._steps_per_epoch = steps_per_epoch
        lines = [self._step_line(step, loss) for step, loss in enumerate(losses)]
        path = directory / "steps.jsonl"
        path.write_text("".join(lines), encoding="utf-8")
        # Line by line: a kill loses no step that was done.
        self._steps = path.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._steps.close()

    def step(self, step: int, loss: float) -> None:
        """Add a step, counted from 0."""
        self._steps.write(self._step_line(step, loss))

    def epochs(self, history: Sequence[EpochRecord]) -> None:
        """Write all epochs so far."""
        lines = [json.dumps(asdict(record)) + "\n" for record in history]
        (self._directory / "log.jsonl").write_text("".join(lines), encoding="utf-8")

    def _step_line(self, step: int, loss: float) -> str:
        """The loss in full precision: equal lines are equal losses."""
        epoch = step // self._steps_per_epoch + 1
        return json.dumps({"epoch": epoch, "step": step + 1, "loss": loss}) + "\n"
