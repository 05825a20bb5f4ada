"""`dart-stream calibrate`: temperatures, difficulty, thresholds and certificate for one's own."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.cli.measuring import add_machine_flags, require_at_least
from pipeline.cli.output_folder import require_new_folder
from pipeline.clips import cache_folder
from pipeline.errors import ConfigError
from pipeline.schema_check import require_unicode

if TYPE_CHECKING:
    from dart_stream.exit_table import ExitTable
    from dart_stream.thresholds import Objective
    from dart_stream.thresholds.choice import Halves
    from pipeline.bench.subject import Subject
    from pipeline.cli.train_progress import TrainProgress

HELP = "choose thresholds on your own pictures or footage, with a certificate"

_DISAGREEMENT: Final = 0.02


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `calibrate`."""
    parser.add_argument("--model", metavar="M", required=True, help="zoo name or model directory")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--data", metavar="DATA", help="labelled pictures, as `train` takes them")
    given.add_argument("--source", metavar="URI", help="footage without labels, as `run` takes it")
    parser.add_argument(
        "--out", metavar="MODEL_DIR", type=Path, required=True, help="new folder for the model"
    )
    goal = parser.add_mutually_exclusive_group()
    goal.add_argument(
        "--max-disagreement",
        metavar="SHARE",
        type=float,
        help=f"answers that may differ from the full network's (default: {_DISAGREEMENT})",
    )
    goal.add_argument(
        "--macs-fraction", metavar="SHARE", type=float, help="of the full network's cost, at most"
    )
    goal.add_argument(
        "--max-exit-gap", metavar="SHARE", type=float, help="accuracy that may be lost"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the halves")
    add_machine_flags(parser, threads=False)


def execute(args: argparse.Namespace) -> int:
    """Record, choose, certify, write.

    Raises:
        ConfigError: a flag is wrong.
        DataError: data or objective cannot be used.
        ModelError: the model cannot be used.
        SourceError: the footage cannot be read.
    """
    from dart_stream.model_dir import load_network, resolve, write_model_dir
    from dart_stream.recalibration import recalibrate
    from dart_stream.thresholds.choice import selection_facts
    from pipeline.bench.subject import Subject
    from pipeline.cli.calibrate_report import print_choice
    from pipeline.cli.train_progress import TrainProgress

    objective = _objective(args)
    require_at_least(args, {"--seed": 0})
    require_new_folder(args.out)
    if args.source is not None:
        require_unicode(args.source, where="--source")
    with TrainProgress(quiet=args.quiet) as progress:
        subject = Subject.load(args.model, args.device, args.precision, threads=1)
        table, halves = _recorded(args, subject, progress)
        made = recalibrate(subject.info, table, objective, halves, on_step=progress.line)
    facts = selection_facts(objective, table.take(halves.selection), table.source)
    network = load_network(resolve(args.model), subject.info)
    policy = made.chosen.to_dict(facts)
    write_model_dir(args.out, made.info, network.state_dict(), policy, made.table)
    print_choice(args.out, made, objective)
    return 0


def _recorded(
    args: argparse.Namespace, subject: "Subject", progress: "TrainProgress"
) -> "tuple[ExitTable, Halves]":
    from dart_stream.adaptation.scenes import scene_starts
    from dart_stream.data import open_dataset
    from dart_stream.thresholds.choice import earlier_and_later, random_halves
    from pipeline.cli.model_data import held_out
    from pipeline.config import SourceConfig
    from pipeline.footage import MAX_CROPS, read_crops
    from pipeline.redact import redact

    if args.data is not None:
        dataset = open_dataset(args.data, args.data_root or cache_folder().parent / "datasets")
        found = held_out(subject.info, dataset, progress.decoded)
        pictures = found.pictures
        table = subject.record(pictures.images, pictures.labels, found.described)
        return table, random_halves(len(table), args.seed)
    source = SourceConfig(uri=args.source)
    crops = read_crops(source, subject.info, MAX_CROPS, lambda _count: None)
    name = redact(args.source)
    scenes = "scenes taken for independent pictures"
    table = subject.record(crops, None, f"footage {Path(name).name}, {scenes}")
    starts = scene_starts(table)
    progress.line(f"{len(crops)} regions of {name}, {starts.sum()} scenes")
    return table, earlier_and_later(len(table), starts)


def _objective(args: argparse.Namespace) -> "Objective":
    from dart_stream.thresholds import CostBudget, MaxDisagreement, MaxExitGap

    for flag, share in (
        ("--max-disagreement", args.max_disagreement),
        ("--macs-fraction", args.macs_fraction),
        ("--max-exit-gap", args.max_exit_gap),
    ):
        if share is not None and not 0 <= share <= 1:
            raise ConfigError(f"{flag}: expected a share from 0 to 1, got {share:g}")
    if args.macs_fraction is not None:
        return CostBudget(args.macs_fraction)
    if args.max_exit_gap is not None:
        if args.source is not None:
            raise ConfigError(
                "--max-exit-gap: expected labelled pictures (--data), since footage does not say "
                "what is right; use --max-disagreement"
            )
        return MaxExitGap(args.max_exit_gap)
    share = _DISAGREEMENT if args.max_disagreement is None else args.max_disagreement
    return MaxDisagreement(share)
