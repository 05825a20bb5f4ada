"""What a training shows while it works: a bar in a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
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

from dart_stream.training import EpochRecord, StepProgress, TrainingEvent
from pipeline.one_line import visible

LINE_EVERY_S = 60.0  # within an epoch, where there is no bar


class TrainProgress:
    """Draws decoding and training; enter it before the work, leave it after.

    Args:
        quiet: print lines even in a terminal.
        clock: seconds from any point in time.
    """

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(file=sys.stderr)
        self._clock = clock
        self._pace: _Pace | None = None
        self._accuracy = ""
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
        self._working: tuple[str, TaskID | None, _Pace] | None = None

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
        """Print a line above the bar; what a file's name might do to the terminal is spelt out."""
        console = self._bar.console if self._bar is not None else self._console
        console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def decoded(self, done: int, total: int) -> None:
        """Show how many pictures are in memory."""
        if done == total:
            self.line(f"decoded {total} pictures")
        if self._bar is None:
            return
        if self._decoding is None:
            self._decoding = self._bar.add_task("decoding", total=total, note="")
        self._bar.update(self._decoding, completed=done)
        if done == total:
            self._bar.remove_task(self._decoding)
            self._decoding = None

    def worked(self, what: str, done: int, total: int) -> None:
        """Show how far a piece of work is; another `what` begins another one."""
        if self._working is None or self._working[0] != what:
            task = None if self._bar is None else self._bar.add_task(what, total=total, note="")
            self._working = (what, task, _Pace(total, done, self._clock()))
        _, task, pace = self._working
        pace.done = done
        if self._bar is not None and task is not None:
            self._bar.update(task, completed=done)
        elif done < total and pace.is_due(self._clock()):
            left_s = pace.left_s(self._clock())
            left = "" if left_s is None else f", about {_duration(left_s)} left"
            self.line(f"{what}: {done} of {total}{left}")
        if done == total:
            if self._bar is not None and task is not None:
                self._bar.remove_task(task)
            self._working = None

    def trained(self, event: TrainingEvent) -> None:
        """Show a step, what an epoch reached, or a remark."""
        if isinstance(event, StepProgress):
            self._step(event)
        elif isinstance(event, EpochRecord):
            self._epoch(event)
        else:
            self.line(event.text)

    def _step(self, event: StepProgress) -> None:
        total, done = event.epochs * event.steps, (event.epoch - 1) * event.steps + event.step
        if self._pace is None:
            self._pace = _Pace(total, done, self._clock())
        self._pace.done = done
        if self._bar is None:
            if self._pace.is_due(self._clock()):
                self.line(
                    f"epoch {event.epoch} of {event.epochs}, step {event.step} of {event.steps}: "
                    f"loss {event.loss:.4f}{self._left()}"
                )
            return
        if self._training is None:
            # The time left is judged by what this run has done, not by epochs of an earlier one.
            self._training = self._bar.add_task("training", total=total, completed=done, note="")
        note = f"epoch {event.epoch}/{event.epochs}  loss {event.loss:.3f}  {self._accuracy}"
        self._bar.update(self._training, completed=done, note=note.rstrip())

    def _epoch(self, event: EpochRecord) -> None:
        exits = " ".join(f"{share:.1%}" for share in event.accuracy)
        self._accuracy = f"exits {exits}"
        self.line(
            f"epoch {event.epoch}: loss {event.loss:.4f}, validation accuracy per exit {exits}, "
            f"{event.duration_s:.0f} s{self._left()}"
        )

    def _left(self) -> str:
        left_s = None if self._pace is None else self._pace.left_s(self._clock())
        return "" if not left_s else f", about {_duration(left_s)} left"


@dataclass
class _Pace:
    """How fast steps go by, judged from the first one of this run, and when a line is due."""

    total: int
    done: int
    started_s: float

    def __post_init__(self) -> None:
        self._first = self.done
        self._line_s = self.started_s

    def left_s(self, now_s: float) -> float | None:
        """Seconds to the last step; None before two steps have been seen."""
        if self.done == self._first:
            return None
        return (now_s - self.started_s) / (self.done - self._first) * (self.total - self.done)

    def is_due(self, now_s: float) -> bool:
        """Tell whether the last line between epochs is `LINE_EVERY_S` old."""
        if now_s - self._line_s < LINE_EVERY_S:
            return False
        self._line_s = now_s
        return True


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
