"""The line on standard error that says what is wrong."""

import sys

from pipeline.one_line import visible


def complain(text: str) -> None:
    """Write it as one line; what it quotes, a file's name say, steers no terminal."""
    line = visible(" ".join(text.split()))
    print(f"dart-stream: {line}", file=sys.stderr)  # noqa: T201  # the place for it
