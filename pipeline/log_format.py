"""Log lines for a terminal."""

import logging

from pipeline.one_line import visible


class VisibleFormatter(logging.Formatter):
    """As usual, but what a message quotes steers no terminal; a traceback stays many lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record."""
        return "\n".join(visible(line) for line in super().format(record).split("\n"))
