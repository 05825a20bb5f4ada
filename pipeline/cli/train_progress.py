"""What a training shows while it works: a bar in a terminal, lines elsewhere."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from dart_stream.training import EpochRecord, StepProgress


class TrainProgress:
    """Draws decoding and training; enter it before the work, leave it after.

    Args:
        quiet: print lines even in a terminal.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(file=sys.stderr)
        self._bar: Progress | None = None
        if self._console.is_terminal and not quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=self._console,
            )
        self._decoding: TaskID | None = None
        self._training: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        console = self._bar.console if self._bar is not None else self._console
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def decoded(self, done: int, total: int) -> None:
        """Show how many pictures are in memory."""
        if self._bar is None:
            if done == total:
                self.line(f"decoded {total} pictures")
            return
        if self._decoding is None or self._bar.tasks[self._decoding].finished:
            self._decoding = self._bar.add_task("decoding", total=total, note="")
        self._bar.update(self._decoding, completed=done)

    def trained(self, event: StepProgress | EpochRecord) -> None:
        """Show a step, or what an epoch reached."""
        if isinstance(event, StepProgress):
            self._step(event)
            return
        exits = " ".join(f"{share:.1%}" for share in event.accuracy)
        self.line(
            f"epoch {event.epoch}: loss {event.loss:.4f}, validation accuracy per exit {exits}, "
            f"{event.duration_s:.0f} s"
        )

    def _step(self, event: StepProgress) -> None:
        if self._bar is None:
            return
        total, done = event.epochs * event.steps, (event.epoch - 1) * event.steps + event.step
        if self._training is None:
            # The time left is judged by what this run has done, not by epochs of an earlier one.
            self._training = self._bar.add_task("training", total=total, completed=done, note="")
        note = f"epoch {event.epoch}/{event.epochs}  loss {event.loss:.3f}"
        self._bar.update(self._training, completed=done, note=note)
