"""`dart-stream bench shift`: what adaptation keeps while the world changes."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dart_stream.errors import DataError
from pipeline.cli.measuring import (
    add_machine_flags,
    add_subject_flags,
    require_at_least,
    require_unseen,
)
from pipeline.clips import cache_folder
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.bench.shift.document import ShiftDocument

HELP = "ways to adapt side by side on a stream that changes, against full depth"

_DELTA: Final = 0.05
_PAPER: Final = "paper"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench shift`."""
    add_subject_flags(parser, split_use="draw streams from")
    parser.add_argument(
        "--schedule",
        metavar="S",
        required=True,
        help="NAME[@SEVERITY]:REGIONS,... as docs/shift.md explains: clean:4000,fog@3:4000",
    )
    parser.add_argument("--out", metavar="FILE.json", type=Path, required=True)
    parser.add_argument(
        "--epsilon", metavar="SHARE", type=float, default=0.02, help="of answers that may differ"
    )
    parser.add_argument(
        "--window", metavar="N", type=int, default=1000, help="regions that are judged together"
    )
    parser.add_argument("--seeds", metavar="N", type=int, default=5, help="streams to draw")
    parser.add_argument(
        "--methods", metavar="NAME", nargs="+", help="which to compare (default: all)"
    )
    parser.add_argument(
        "--live", metavar="N", type=int, default=0, help="streams for the engine itself, on pixels"
    )
    parser.add_argument("--page", metavar="FILE.html", type=Path, help="write charts, too")
    parser.add_argument(
        "--keep-tables", action="store_true", help="keep exit tables beside --out for the next time"
    )
    add_machine_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Measure, print, write.

    Raises:
        ConfigError: a flag or the schedule is wrong.
        DataError: the data cannot be used, or there is no such method.
        ModelError: the model cannot be used.
        EngineError: the device is not there.
    """
    from pipeline.cli.bench_shift_report import print_shift

    _check(args)
    document = _measured(args)
    _write(args, document)
    print_shift(document)
    for path in (args.out, args.page):
        if path is not None:
            print(path)  # noqa: T201  # the result of the command
    return 0


def _measured(args: argparse.Namespace) -> "ShiftDocument":
    from dart_stream.data import open_dataset
    from dart_stream.model_dir import resolve
    from pipeline.bench.shift.contest import Terms
    from pipeline.bench.shift.measure import Asked, measure_shift
    from pipeline.bench.shift.segments import read_segments
    from pipeline.bench.subject import Subject
    from pipeline.cli.model_data import held_out, load_split
    from pipeline.cli.train_progress import TrainProgress

    dataset = open_dataset(args.data, args.data_root or cache_folder().parent / "datasets")
    with TrainProgress(quiet=args.quiet) as progress:
        subject = Subject.load(args.model, args.device, args.precision, args.threads)
        segments = read_segments(args.schedule, subject.info.classes)
        pictures = load_split(subject.info, dataset, args.split, progress.decoded)
        calibration = held_out(subject.info, dataset, progress.decoded)
        return measure_shift(
            subject,
            Terms(
                segments=segments,
                methods=_methods(args, subject.info.num_exits - 1, progress.line),
                epsilon=args.epsilon,
                delta=_DELTA,
                window=args.window,
                seeds=args.seeds,
            ),
            Asked(
                command=shlex.join(["dart-stream", *sys.argv[1:]]),
                model_dir=resolve(args.model),
                schedule=args.schedule,
                dataset=dataset.name,
                split=args.split,
                calibrated_on=calibration.described,
                folder=args.out.with_suffix(".tables") if args.keep_tables else None,
                live=args.live,
            ),
            pictures=pictures,
            calibration=calibration.pictures,
            on_step=(lambda _line: None) if args.quiet else progress.line,
            on_progress=(lambda *_: None) if args.quiet else progress.worked,
        )


def _methods(
    args: argparse.Namespace, early_exits: int, on_step: Callable[[str], None]
) -> tuple[str, ...]:
    """What is compared: all that can take so many exits, if nothing was named.

    Raises:
        DataError: One that was named cannot.
    """
    from dart_stream.adaptation.registry import CONTROLLERS
    from dart_stream.methods import METHODS, methods_for

    can_search = "dart-paper" in methods_for(early_exits)
    named = tuple(args.methods or ())
    if _PAPER in named and not can_search:
        most = METHODS["dart-paper"].most_early_exits
        raise DataError(f"--methods: {_PAPER} takes at most {most} early exits, got {early_exits}")
    if named or can_search:
        return named or tuple(CONTROLLERS)
    on_step(f"left out, for it cannot take so many exits: {_PAPER}")
    return tuple(name for name in CONTROLLERS if name != _PAPER)


def _check(args: argparse.Namespace) -> None:
    """Refuse before minutes of measuring what would fail after them."""
    from dart_stream.adaptation.registry import CONTROLLERS
    from pipeline.perturb import parse_schedule

    require_at_least(args, {"--window": 10, "--seeds": 1, "--live": 0, "--threads": 1})
    if not 0 < args.epsilon < 1:
        raise ConfigError(f"--epsilon: expected a share between 0 and 1, got {args.epsilon:g}")
    require_unseen(args.split)
    for name in args.methods or ():
        if name not in CONTROLLERS:
            raise DataError(f"--methods: expected some of {', '.join(CONTROLLERS)}, got {name!r}")
    parse_schedule(args.schedule)
    for flag, path in (("--out", args.out), ("--page", args.page)):
        if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
            raise ConfigError(
                f"{flag}: expected a file in a folder that can be written, got {path}"
            )


def _write(args: argparse.Namespace, document: "ShiftDocument") -> None:
    import msgspec

    from pipeline.bench.shift.page import shift_page

    text = msgspec.json.format(msgspec.json.encode(document), indent=1)
    args.out.write_bytes(text + b"\n")
    if args.page is not None:
        args.page.write_text(shift_page(document), encoding="utf-8")
