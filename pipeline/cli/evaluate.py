"""`dart-stream evaluate`: ways to choose exits, side by side on one model."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dart_stream.errors import DataError
from pipeline.cli.measuring import (
    add_machine_flags,
    add_subject_flags,
    require_at_least,
    require_unseen,
)
from pipeline.cli.output_folder import require_new_folder
from pipeline.clips import cache_folder

if TYPE_CHECKING:
    from dart_stream.evaluation.document import Evaluation

HELP = "compare ways to choose exits on one model: accuracy, MACs and time"

_BATCH: Final = 64
_DOCUMENT, _PAGE = "evaluation.json", "evaluation.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `evaluate`."""
    add_subject_flags(parser, split_use="measure on")
    parser.add_argument(
        "--methods", metavar="NAME", nargs="+", help="which to compare (default: all)"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="new folder for the figures"
    )
    parser.add_argument(
        "--batch", metavar="N", type=int, default=_BATCH, help="pictures at once, for times"
    )
    parser.add_argument(
        "--energy-proxy",
        choices=["time"],
        help="for DAES, where no sensor measures joules: what stands for them, and is said to",
    )
    add_machine_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Measure, write, print.

    Raises:
        ConfigError: a flag is wrong.
        DataError: the data cannot be used, or there is no such method.
        ModelError: the model cannot be used.
        EngineError: the device is not there.
    """
    from dart_stream.data import open_dataset
    from pipeline.bench.evaluation import evaluate_model
    from pipeline.bench.subject import Subject
    from pipeline.cli.model_data import held_out, load_split
    from pipeline.cli.train_progress import TrainProgress

    _check(args)
    dataset = open_dataset(args.data, args.data_root or cache_folder().parent / "datasets")
    with TrainProgress(quiet=args.quiet) as progress:
        subject = Subject.load(args.model, args.device, args.precision, args.threads)
        measured_on = load_split(subject.info, dataset, args.split, progress.decoded)
        chosen_on = held_out(subject.info, dataset, progress.decoded)
        evaluation = evaluate_model(
            subject,
            chosen_on=(chosen_on.pictures, chosen_on.described),
            measured_on=(measured_on, dataset.name, args.split),
            methods=args.methods,
            batch=args.batch,
            energy_proxy=args.energy_proxy,
            command=shlex.join(["dart-stream", *sys.argv[1:]]),
            on_step=(lambda _line: None) if args.quiet else progress.line,
        )
    _write_and_print(args.out, evaluation)
    print(f"{args.out / _PAGE}")  # noqa: T201  # the result of the command
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse before minutes of measuring what would fail after them."""
    from dart_stream.methods import METHODS

    require_at_least(args, {"--batch": 1, "--threads": 1})
    require_unseen(args.split)
    for name in args.methods or ():
        if name not in METHODS:
            raise DataError(f"--methods: expected some of {', '.join(METHODS)}, got {name!r}")
    require_new_folder(args.out)


def _write_and_print(out: Path, evaluation: "Evaluation") -> None:
    from pipeline.cli.evaluate_report import print_evaluation

    try:
        _write(out, evaluation)
    finally:
        # They took minutes: without room for the files they are at least seen.
        print_evaluation(evaluation)


def _write(out: Path, evaluation: "Evaluation") -> None:
    import msgspec

    from dart_stream.evaluation.page import evaluation_page

    out.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.format(msgspec.json.encode(evaluation), indent=1)
    (out / _DOCUMENT).write_bytes(document + b"\n")
    (out / _PAGE).write_text(evaluation_page(evaluation), encoding="utf-8")
