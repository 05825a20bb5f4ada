"""`dart-stream models`: which models there are, their cards, and the times of their parts."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from dart_stream.errors import ModelError
from dart_stream.model_dir import ALIASES, list_zoo, resolve
from pipeline.cli.models_show import print_card, print_family, print_overview
from pipeline.cli.models_times import print_times
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.bench.model_times import Conditions, Subject

HELP = "list models, show the card of one, time its parts"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `models`."""
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="zoo model, model directory or family; without it, all are listed",
    )
    parser.add_argument(
        "--recipe",
        metavar="FILE",
        type=Path,
        help="configuration and input size of a family, from a training recipe",
    )
    parser.add_argument(
        "--times",
        action="store_true",
        help="time every stage and head (without NAME: of every zoo model)",
    )
    parser.add_argument(
        "--batch", metavar="N", type=int, nargs="+", default=[1, 8, 64], help="batch sizes"
    )
    parser.add_argument(
        "--precision", choices=["fp32", "bf16"], nargs="+", default=["fp32", "bf16"]
    )
    parser.add_argument("--threads", metavar="N", type=int, nargs="+", default=[1])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--repeats", metavar="N", type=int, default=15, help="readings of each part (default: 15)"
    )
    parser.add_argument("--out", metavar="FILE.json", type=Path, help="write the times as JSON")


def execute(args: argparse.Namespace) -> int:
    """List, show or measure.

    Raises:
        ModelError: no such model, or it is damaged.
        EngineError: the device is not there.
        DataError: the recipe cannot be used.
        UserError: a flag that does not fit.
    """
    console = Console()
    if args.recipe is not None and (args.name is None or _is_model(args.name)):
        raise UserError("--recipe: expected the name of a family beside it; a model has its own")
    if args.times:
        _times(args, console)
        return 0
    if args.out is not None:
        raise UserError("--out: expected --times beside it, got none; add --times")
    if args.name is None:
        print_overview(console)
    elif _is_model(args.name):
        print_card(console, resolve(args.name))
    else:
        print_family(console, _subject(args.name, args.recipe))
    return 0


def _is_model(name: str) -> bool:
    """A zoo model or a directory, rather than a family; a zoo model wins over a family."""
    return name in ALIASES or name in list_zoo() or Path(name).is_dir()


def _subject(name: str, recipe: Path | None) -> "Subject":
    from dart_stream.models import list_models
    from pipeline.bench.model_times import trained, untrained

    if _is_model(name):
        return trained(ALIASES.get(name, name), resolve(name))
    if name in list_models():
        return untrained(name, _configuration(recipe))
    raise ModelError(
        f"model {name!r}: expected a model directory, one of "
        f"{', '.join([*ALIASES, *list_zoo()])}, or a family, one of {', '.join(list_models())}"
    )


def _configuration(path: Path | None) -> dict[str, Any]:
    """What a recipe says of the network; without one, the family's defaults."""
    from dart_stream.training import load_recipe

    if path is None:
        return {}
    recipe = load_recipe(path)
    return {"input_size": recipe.input_size, **recipe.model}


def _times(args: argparse.Namespace, console: Console) -> None:
    from pipeline.bench.model_times import Conditions, machine

    _check(args)
    names = list_zoo() if args.name is None else [args.name]
    subjects = [_subject(name, args.recipe) for name in names]
    conditions = Conditions(args.device, args.threads, args.precision, args.batch, args.repeats)
    result: dict[str, Any] = {
        "command": shlex.join(["dart-stream", *sys.argv[1:]]),
        **machine(conditions),
        "models": _measure(subjects, conditions),
    }
    print_times(console, result)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        console.print(f"written to {args.out}", markup=False, highlight=False)


def _measure(subjects: "list[Subject]", conditions: "Conditions") -> list[dict[str, Any]]:
    from pipeline.bench.model_times import measure_times

    with Console(stderr=True).status("") as status:
        return [measure_times(subject, conditions, status.update) for subject in subjects]


def _check(args: argparse.Namespace) -> None:
    """Refuse before minutes of measuring what would fail after them."""
    from dart_stream.engine.timing import MIN_INTERVAL_SAMPLES

    for flag, values in (("--batch", args.batch), ("--threads", args.threads)):
        if min(values) < 1:
            raise UserError(f"{flag}: expected 1 or more, got {min(values)}")
    if args.repeats < MIN_INTERVAL_SAMPLES:
        raise UserError(
            f"--repeats: expected {MIN_INTERVAL_SAMPLES} or more, for an interval with 95 %, "
            f"got {args.repeats}"
        )
    out = args.out
    if out is not None and (out.is_dir() or not os.access(out.parent, os.W_OK)):
        raise UserError(f"--out: expected a file in a folder that can be written, got {out}")
