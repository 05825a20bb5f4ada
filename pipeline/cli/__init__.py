"""The command line: `dart-stream COMMAND`."""

from pipeline.cli.main import main

__all__ = ["main"]
