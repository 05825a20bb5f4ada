"""`dart-stream evaluate`: ways to choose exits, side by side on one model."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dart_stream.errors import DataError
from pipeline.clips import cache_folder
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from dart_stream.evaluation.document import Evaluation

HELP = "compare ways to choose exits on one model: accuracy, MACs and time"

_BATCH: Final = 64
_CHOOSING: Final = ("train", "validation")
"""Figures on what a model learned from, or its thresholds came from, would look too good."""
_DOCUMENT, _PAGE = "evaluation.json", "evaluation.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `evaluate`."""
    parser.add_argument("--model", metavar="M", required=True, help="zoo name or model directory")
    parser.add_argument(
        "--data", metavar="DATA", required=True, help="labelled pictures, as `train` takes them"
    )
    parser.add_argument("--split", default="test", help="to measure on (default: test)")
    parser.add_argument(
        "--methods", metavar="NAME", nargs="+", help="which to compare (default: all)"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="new folder for the figures"
    )
    parser.add_argument(
        "--batch", metavar="N", type=int, default=_BATCH, help="pictures at once, for times"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="of torch on the CPU")
    parser.add_argument(
        "--data-root", metavar="DIR", type=Path, help="where named data sets are, or are fetched to"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def execute(args: argparse.Namespace) -> int:
    """Measure, print, write.

    Raises:
        ConfigError: a flag is wrong.
        DataError: the data cannot be used, or there is no such method.
        ModelError: the model cannot be used.
        EngineError: the device is not there.
    """
    from dart_stream.data import open_dataset
    from pipeline.bench.evaluation import evaluate_model
    from pipeline.bench.subject import Subject
    from pipeline.cli.evaluate_report import print_evaluation
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
            command=shlex.join(["dart-stream", *sys.argv[1:]]),
            on_step=(lambda _line: None) if args.quiet else progress.line,
        )
    _write(args.out, evaluation)
    print_evaluation(evaluation)
    print(f"{args.out / _PAGE}")  # noqa: T201  # the result of the command
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse before minutes of measuring what would fail after them."""
    from dart_stream.methods import METHODS

    for flag, value in (("--batch", args.batch), ("--threads", args.threads)):
        if value < 1:
            raise ConfigError(f"{flag}: expected 1 or more, got {value}")
    if args.split in _CHOOSING:
        raise DataError(
            f"--split: expected pictures that neither train nor choose thresholds, "
            f"got {args.split!r}; use test"
        )
    for name in args.methods or ():
        if name not in METHODS:
            raise DataError(f"--methods: expected some of {', '.join(METHODS)}, got {name!r}")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ConfigError(f"--out: expected a new or empty folder, got {args.out}")


def _write(out: Path, evaluation: "Evaluation") -> None:
    import msgspec

    from dart_stream.evaluation.page import evaluation_page

    out.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.format(msgspec.json.encode(evaluation), indent=1)
    (out / _DOCUMENT).write_bytes(document + b"\n")
    (out / _PAGE).write_text(evaluation_page(evaluation), encoding="utf-8")
