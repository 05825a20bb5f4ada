"""Parses the command line and turns errors into one line and an exit status."""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from dart_stream import __version__
from dart_stream.errors import DartStreamError
from pipeline.cli.complaint import complain
from pipeline.errors import PipelineError, UserError
from pipeline.one_line import visible
from pipeline.ui.showable import show_what_can_be

COMMANDS: Final = (
    *("run", "demo", "top", "control", "replay", "report", "verify", "chaos"),
    *("validate", "doctor", "schema", "models"),
    *("train", "calibrate", "evaluate", "bench", "keys", "reader"),
)
"""Each is a module beside this one with HELP, `configure(parser)` and `execute(args)`."""

EXIT_FAILED, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Quotes what it does not understand, and steers no terminal with it."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(prog="dart-stream", description="Video analytics whose networks stop early.")
    parser.add_argument("--version", action="version", version=f"dart-stream {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"pipeline.cli.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.configure(command)
        command.set_defaults(execute=module.execute)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0, 1 failed, 2 wrong input, 130 interrupted."""
    _open_standard_streams()
    with contextlib.suppress(FileNotFoundError):  # the folder was removed meanwhile
        here = str(Path.cwd())
        if here not in sys.path:
            # Classes of the user's own are imported from where the command is typed.
            sys.path.append(here)
    args = build_parser().parse_args(arguments)
    try:
        return int(args.execute(args))
    except (UserError, DartStreamError) as error:
        return _complain(error, EXIT_USER)
    except PipelineError as error:
        return _complain(error, EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell.
        sys.stderr.close()
        return EXIT_FAILED
    except OSError as error:
        return _complain(error, EXIT_FAILED)


def _open_standard_streams() -> None:
    """What the shell has closed (`2>&-`) is nowhere; else a socket would get that number.

    What the output's encoding lacks is shown as `?`.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  # for good
    for stream in (sys.stdout, sys.stderr):
        show_what_can_be(stream)


def _complain(error: Exception, status: int) -> int:
    complain(str(error))
    return status


if __name__ == "__main__":
    sys.exit(main())
