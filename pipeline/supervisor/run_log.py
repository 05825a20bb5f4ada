"""One log for the whole run, each line with its stage."""

import contextlib
import logging
import sys
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.one_line import visible
from pipeline.redact import redact
from pipeline.supervisor.log_file import LogFile

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_KEPT_LINES = 200


class RunLog:
    """Writes to the run's folder, to standard error unless a screen is drawn, and keeps a tail.

    A full disk or a reader of standard error that has left costs lines, not the run. What a line
    quotes, a file's name or a camera's answer, steers no terminal.

    Args:
        path: Where it is written; None keeps the tail only.
        echo: Write to standard error, too.
        max_bytes: Of the file and the older one beside it (`run.log.1`); None is no limit.

    Attributes:
        tail: The last lines.
        lost: Lines that found no room.
    """

    def __init__(self, path: Path | None, *, echo: bool, max_bytes: int | None = None) -> None:
        self._file = None if path is None else LogFile(path, max_bytes)
        self._echo = echo
        self._words: list[str] = []
        self.tail: deque[str] = deque(maxlen=_KEPT_LINES)
        self.lost = 0

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
        line = f"{now} {level:<7} {stage}: {visible(redact(text))}"
        self.tail.append(line)
        self._write(line)
        if self._echo:
            with contextlib.suppress(OSError):
                sys.stderr.write(line + "\n")

    def take_words(self) -> list[str]:
        """What a person should know, once."""
        words, self._words = self._words, []
        return words

    def close(self) -> None:
        """No line follows."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(line)
        except OSError as error:
            if not self.lost:
                self._words.append(f"run.log: {error.strerror}; lines are lost, the run goes on")
            self.lost += 1


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
