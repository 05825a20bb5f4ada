"""`dart-stream verify`: whether a run kept its promise, by playing it again at full depth."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.cli.complaint import complain
from pipeline.cli.measuring import require_at_least
from pipeline.errors import ConfigError
from pipeline.one_line import one_line

if TYPE_CHECKING:
    from pipeline.verify.document import Verification

HELP = "check a finished run: every region again at full depth, and whether the promise was kept"

VERIFIED: Final = "verify.json"
_WINDOW: Final = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `verify`."""
    parser.add_argument(
        "run", metavar="DIR", type=Path, help="folder of a run, as `--out` named it"
    )
    parser.add_argument(
        "--window",
        metavar="N",
        type=int,
        default=_WINDOW,
        help=f"regions of a window (default: {_WINDOW:,})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--precision", choices=("auto", "fp32", "bf16"), help="default: the run's own"
    )
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def execute(args: argparse.Namespace) -> int:
    """Play, compare, print, write; 0 if the promise was kept, 1 if not, 2 if only a part is known.

    Raises:
        ConfigError: the run, its model or its footage cannot be used.
        SourceError: a source cannot be read.
        ModelError: the model cannot be used.
    """
    from pipeline.cli.verify_report import print_verification

    require_at_least(args, {"--window": 10, "--threads": 1})
    if not args.run.is_dir() or not os.access(args.run, os.W_OK):
        raise ConfigError(f"DIR: expected the folder of a run that can be written, got {args.run}")
    found = _verified(args)
    _write(args.run / VERIFIED, found)
    print_verification(found)
    for words in found.complaints:
        complain(one_line(f"{words}; left out"))
    if found.left_out:
        complain(one_line(_in_part(found)))
    return {True: 0, False: 1, None: 2}[found.kept]


def _in_part(found: "Verification") -> str:
    n, first = found.unchecked, found.left_out[0]
    more = f"; {len(found.left_out) - 1} more reasons above" if len(found.left_out) > 1 else ""
    return f"{n:,} of {found.regions + n:,} answers could not be checked: {first.why}{more}"


def _verified(args: argparse.Namespace) -> "Verification":
    from pipeline.cli.train_progress import TrainProgress
    from pipeline.verify.run_files import read_run
    from pipeline.verify.verify import Asked, verify_run

    run = read_run(args.run)
    total = len(run.answers)
    asked = Asked(
        command=shlex.join(["dart-stream", *sys.argv[1:]]),
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        window=args.window,
    )
    with TrainProgress(quiet=args.quiet) as progress:

        def show(done: int) -> None:
            if not args.quiet:
                progress.worked("at full depth", done, total)

        return verify_run(run, asked, show)


def _write(path: Path, found: "Verification") -> None:
    import msgspec

    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    partial.replace(path)
