"""One log for the whole run, each line with its stage."""

import contextlib
import logging
import sys
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.redact import redact

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_KEPT_LINES = 200


class RunLog:
    """Writes to the run's folder, to standard error unless a screen is drawn, and keeps a tail.

    A full disk or a reader of standard error that has left costs lines, not the run.
    """

    def __init__(self, path: Path | None, *, echo: bool) -> None:
        self._stream = None if path is None else path.open("a", encoding="utf-8")
        self._echo = echo
        self.tail: deque[str] = deque(maxlen=_KEPT_LINES)

    def child_line(self, stage: str, line: str) -> None:
        """A line from a child's standard error, which begins with its level if it is ours."""
        level, _, text = line.partition(" ")
        if level in _LEVELS:
            self.add(stage, level, text)
        elif line.strip():
            self.add(stage, "ERROR", line)

    def add(self, stage: str, level: str, text: str) -> None:
        """Write one line."""
        now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = f"{now} {level:<7} {stage}: {redact(text)}"
        self.tail.append(line)
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.write(line + "\n")
                self._stream.flush()
        if self._echo:
            with contextlib.suppress(OSError):
                sys.stderr.write(line + "\n")

    def close(self) -> None:
        """No line follows."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()


class StageHandler(logging.Handler):
    """Brings `logging` records of this process into the run's log; threads are named by stage."""

    def __init__(self, run_log: RunLog) -> None:
        super().__init__(logging.INFO)
        self._run_log = run_log
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        stage = record.threadName if "/" in (record.threadName or "") else "supervisor"
        for line in self.format(record).splitlines():
            self._run_log.add(str(stage), record.levelname, line)
