"""`dart-stream train`: a multi-exit model from pictures of one's own or a known data set."""

import argparse
import shlex
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dart_stream.errors import DataError, ModelError
from pipeline.cli.output_folder import try_folder
from pipeline.clips import cache_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dart_stream.data import Dataset, Pictures
    from dart_stream.model_info import ModelInfo
    from dart_stream.models import MultiExitNetwork
    from dart_stream.training import FinishedModel, LabelledImages, Recipe, Teachers, Trainer
    from pipeline.cli.train_data import TrainingData
    from pipeline.cli.train_progress import TrainProgress
    from pipeline.cli.train_recipe import ChosenRecipe

HELP = "train a multi-exit model; the same command again resumes"

_FAMILY_ALIASES: Final = {"default": "dartnet"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `train`."""
    parser.add_argument(
        "--arch", metavar="NAME", required=True, help="model family; `default` is a good one"
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        required=True,
        help="folder or zip with CLASS/FILE or train/CLASS/FILE (and val/, test/), a folder of IDX "
        "files, or cifar10, cifar100, mnist, fashion-mnist, svhn",
    )
    parser.add_argument(
        "--out", metavar="MODEL_DIR", type=Path, required=True, help="where the model goes"
    )
    parser.add_argument("--recipe", metavar="FILE", type=Path, help="training settings (YAML)")
    parser.add_argument("--epochs", metavar="N", type=int, help="instead of the recipe's")
    parser.add_argument(
        "--input-size",
        metavar=("H", "W"),
        type=int,
        nargs=2,
        help="pixels that pictures are fitted to, instead of the recipe's",
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--pretrained", action="store_true", help="begin with the weights of torchvision or timm"
    )
    weights.add_argument(
        "--start",
        metavar="M",
        action="append",
        default=[],
        help="begin with the weights of a model of this family: zoo name or directory; several "
        "times: with the mean of their weights",
    )
    parser.add_argument(
        "--teacher",
        metavar="M",
        action="append",
        default=[],
        help="model whose answers to the same pictures are learned, too: zoo name or directory; "
        "of several the mean",
    )
    parser.add_argument("--seed", metavar="N", type=int, help="instead of the recipe's")
    parser.add_argument(
        "--data-root", metavar="DIR", type=Path, help="where named data sets are, or are fetched to"
    )
    parser.add_argument("--quiet", action="store_true", help="lines instead of a progress bar")


def execute(args: argparse.Namespace) -> int:
    """Train, calibrate, measure, write.

    Raises:
        ConfigError: an unknown key in the recipe.
        DataError: data or recipe cannot be used.
        ModelError: no such family, or the output directory cannot be used.
        KeyboardInterrupt: after a line that says how to go on.
    """
    from pipeline.cli.train_progress import TrainProgress

    _check(args)
    with TrainProgress(quiet=args.quiet) as progress:
        try:
            model, skipped = _train(args, progress)
        except KeyboardInterrupt:
            progress.line(_interrupted(args.out))
            raise
    _print_report(args.out, model, skipped)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is read."""
    from dart_stream.models import list_models

    if _family(args) not in list_models():
        raise ModelError(
            f"--arch: expected one of {', '.join(['default', *list_models()])}, got {args.arch!r}"
        )
    for flag, value, least in (("--epochs", args.epochs, 1), ("--seed", args.seed, 0)):
        if value is not None and value < least:
            raise DataError(f"{flag}: expected at least {least}, got {value}")
    if args.input_size is not None and min(args.input_size) < 8:
        raise DataError(
            f"--input-size: expected height and width of at least 8 pixels, "
            f"got {' '.join(map(str, args.input_size))}"
        )
    _require_free(args.out)


def _require_free(out: Path) -> None:
    """An output directory can be written, and is new, empty, or that of the same training."""
    try:
        if out.is_dir() and any(out.iterdir()) and not _holds_training(out):
            raise ModelError(
                f"--out {out}: expected a new or empty directory, or one with a training to "
                "resume; it holds something else, choose another"
            )
        try_folder(out)
    except OSError as error:
        raise ModelError(
            f"--out {out}: expected a directory that can be written: {error.strerror}"
        ) from error


def _holds_training(out: Path) -> bool:
    """One of this command, however far it came; a folder of pictures may be called so, too."""
    folder = out / "training"
    if not folder.is_dir():
        return False
    began = any((folder / name).exists() for name in ("lock", "steps.jsonl", "checkpoint.pt"))
    return began or not any(folder.iterdir())


def _train(args: argparse.Namespace, progress: "TrainProgress") -> "tuple[FinishedModel, int]":
    """The finished model, and how many damaged files were skipped."""
    from dart_stream.data import open_dataset
    from dart_stream.training import Origin, finish_model
    from pipeline.cli.train_data import divide, load_splits, start_lines
    from pipeline.cli.train_lock import training_lock
    from pipeline.cli.train_recipe import choose_recipe, scaled

    dataset = open_dataset(args.data, args.data_root or cache_folder().parent / "datasets")
    for note in dataset.notes:
        progress.line(note)
    if "train" not in dataset.splits:
        raise DataError(f"{args.data}: expected a folder train/, found {', '.join(dataset.splits)}")
    chosen = choose_recipe(args.recipe, _family(args), dataset).replace(
        input_size=args.input_size and tuple(args.input_size), seed=args.seed
    )
    # What these refuse is refused before anything is decoded.
    network = _network(args, chosen.recipe, dataset, progress)
    teacher = _teachers(args, chosen.recipe, dataset)
    splits = load_splits(dataset, chosen.recipe, progress)
    chosen = scaled(chosen, len(splits["train"]), args.epochs)
    for line in start_lines(dataset, chosen.recipe, _starts(args)):
        progress.line(line)
    data = divide(splits, chosen.recipe, progress.line)
    pictures = len(splits.pop("train"))  # `data` has its own copy of them
    origin = Origin(
        name=args.out.resolve().name,
        family=_family(args),
        data=f"{dataset.name}: {pictures} pictures of {len(dataset.classes)} classes",
        command=_command(args),
    )
    with training_lock(args.out / "training"):
        trainer = _trainer(args, network, chosen, data, progress, teacher=teacher)
        trainer.run(progress.trained)
        progress.line("choosing temperatures and thresholds on validation, then measuring")
        finished = finish_model(args.out, trainer, origin, dataset.classes, data.test)
    return finished, data.skipped


def _network(
    args: argparse.Namespace, recipe: "Recipe", dataset: "Dataset", progress: "TrainProgress"
) -> "MultiExitNetwork":
    import torch

    from dart_stream.model_dir import load_network, read_info, resolve
    from dart_stream.models import create_model, create_pretrained, start_from
    from pipeline.cli.train_data import fresh_lines

    if recipe.frozen and not (args.pretrained or args.start):
        raise DataError(
            "frozen: expected trained weights to be left as they are, got a fresh network; "
            "give --pretrained or --start, or remove `frozen` from the recipe"
        )

    # A training that goes on has its weights, and needs no connection for them.
    fresh = not (args.out / "training" / "checkpoint.pt").exists()
    create = create_pretrained if args.pretrained and fresh else create_model
    torch.manual_seed(recipe.seed)
    network = create(
        _family(args),
        num_classes=len(dataset.classes),
        input_size=recipe.input_size,
        **recipe.model,
    )
    if args.start and fresh:
        places = {name: resolve(name) for name in args.start}
        starts = {name: load_network(at, read_info(at)) for name, at in places.items()}
        begin_fresh = start_from(network, starts)
        _require_unfrozen(begin_fresh, recipe.frozen)
        for line in fresh_lines(begin_fresh, network.state_dict()):
            progress.line(line)
    return network


def _require_unfrozen(fresh: "Sequence[str]", frozen: "Sequence[str]") -> None:
    for name in fresh:
        if any(fnmatchcase(name, pattern) for pattern in frozen):
            raise DataError(
                f"frozen: expected trained weights to be left as they are, got {name!r}, which has "
                "another shape in the model of --start, or none, and begins fresh"
            )


def _starts(args: argparse.Namespace) -> "dict[str, ModelInfo]":
    """Models that a fresh training begins with; one that goes on has their weights already."""
    from dart_stream.model_dir import read_info, resolve

    if (args.out / "training" / "checkpoint.pt").exists():
        return {}
    return {name: read_info(resolve(name)) for name in args.start}


def _teachers(args: argparse.Namespace, recipe: "Recipe", dataset: "Dataset") -> "Teachers | None":
    from dart_stream.model_dir import resolve
    from dart_stream.training import Teacher, Teachers

    taught = (dataset.classes, recipe.input_size, recipe.precision)
    teachers = [Teacher.load(resolve(name), *taught) for name in args.teacher]
    return Teachers(teachers) if teachers else None


def _trainer(
    args: argparse.Namespace,
    network: "MultiExitNetwork",
    chosen: "ChosenRecipe",
    data: "TrainingData",
    progress: "TrainProgress",
    *,
    teacher: "Teachers | None",
) -> "Trainer":
    from dart_stream.training import Trainer

    recipe = chosen.recipe
    trainer = Trainer(
        network,
        recipe,
        _labelled(data.train),
        _labelled(data.validation),
        args.out / "training",
        class_weights=data.class_weights,
        teacher=teacher,
        started_from=[*args.start, *(["pretrained"] if args.pretrained else [])],
    )
    progress.line(
        f"recipe: {chosen.origin}, {recipe.epochs} epochs of {trainer.steps_per_epoch} steps of "
        f"{recipe.batch_size} pictures of {recipe.input_size[1]}x{recipe.input_size[0]} pixels"
    )
    if trainer.steps_done:
        epochs, steps = divmod(trainer.steps_done, trainer.steps_per_epoch)
        within = f" and {steps} steps" if steps else ""
        progress.line(f"resuming after epoch {epochs} of {recipe.epochs}{within}")
    return trainer


def _labelled(pictures: "Pictures") -> "LabelledImages":
    import torch

    from dart_stream.training import LabelledImages

    return LabelledImages(torch.from_numpy(pictures.images), torch.from_numpy(pictures.labels))


def _family(args: argparse.Namespace) -> str:
    arch: str = args.arch
    return _FAMILY_ALIASES.get(arch, arch)


def _command(args: argparse.Namespace) -> str:
    """The command as it can be typed elsewhere: names instead of this machine's folders."""
    words = ["dart-stream", "train", "--arch", args.arch, "--data", Path(args.data).name]
    if args.recipe is not None:
        words += ["--recipe", args.recipe.name]
    if args.epochs is not None:
        words += ["--epochs", str(args.epochs)]
    if args.input_size is not None:
        words += ["--input-size", *map(str, args.input_size)]
    if args.pretrained:
        words += ["--pretrained"]
    for start in args.start:
        words += ["--start", Path(start).name]
    for teacher in args.teacher:
        words += ["--teacher", Path(teacher).name]
    if args.seed is not None:
        words += ["--seed", str(args.seed)]
    return shlex.join([*words, "--out", args.out.name])


def _interrupted(out: Path) -> str:
    if (out / "training" / "checkpoint.pt").exists():
        return "interrupted; the same command again goes on from the last checkpoint"
    return "interrupted before the first checkpoint; the same command again starts anew"


def _print_report(out: Path, model: "FinishedModel", skipped: int) -> None:
    from rich.console import Console

    from pipeline.cli.train_report import closing_lines, exit_table

    console = Console(file=sys.stdout, highlight=False)
    console.print(exit_table(model))
    for line in closing_lines(out, model, skipped):
        console.print(line, markup=False, soft_wrap=True)
