"""`dart-stream train`: a multi-exit model from a folder or zip of pictures."""

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dart_stream.errors import DataError, ModelError

if TYPE_CHECKING:
    from dart_stream.data import Pictures
    from dart_stream.training import FinishedModel, Recipe, Trainer
    from pipeline.cli.train_progress import TrainProgress

HELP = "train a multi-exit model; the same command again resumes"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `train`."""
    parser.add_argument("--arch", metavar="NAME", required=True, help="model family")
    parser.add_argument(
        "--data",
        metavar="DIR_OR_ZIP",
        type=Path,
        required=True,
        help="pictures as train/CLASS/FILE, and test/CLASS/FILE to report on",
    )
    parser.add_argument(
        "--out", metavar="MODEL_DIR", type=Path, required=True, help="where the model goes"
    )
    parser.add_argument("--recipe", metavar="FILE", type=Path, help="training settings (YAML)")
    parser.add_argument("--epochs", metavar="N", type=int, help="instead of the recipe's")
    parser.add_argument("--quiet", action="store_true", help="lines instead of a progress bar")


def execute(args: argparse.Namespace) -> int:
    """Train, calibrate, measure, write.

    Raises:
        DataError: data or recipe cannot be used.
        ModelError: no such family, or the output directory holds something else.
    """
    from pipeline.cli.train_progress import TrainProgress

    task = _Task(args.arch, args.data, args.out, _recipe(args), _command(args))
    _require_free(args.out)
    with TrainProgress(quiet=args.quiet) as progress:
        finished = _train(task, progress)
    for line in _report(args.out, finished):
        print(line)  # noqa: T201 - the result of the command
    return 0


@dataclass(frozen=True)
class _Task:
    """What the command line asks for."""

    family: str
    data: Path
    out: Path
    recipe: "Recipe"
    command: str


def _recipe(args: argparse.Namespace) -> "Recipe":
    from dart_stream.training import Recipe, load_recipe

    recipe = load_recipe(args.recipe) if args.recipe else Recipe()
    if args.epochs is None:
        return recipe
    if args.epochs < 1:
        raise DataError(f"--epochs: expected at least 1, got {args.epochs}")
    return msgspec.structs.replace(recipe, epochs=args.epochs)


def _require_free(out: Path) -> None:
    """An output directory is new, empty, or that of the same training."""
    if out.is_dir() and any(out.iterdir()) and not (out / "training").is_dir():
        raise ModelError(
            f"--out {out}: expected a new or empty directory, or one with a training to resume; "
            "it holds something else, choose another"
        )


def _train(task: _Task, progress: "TrainProgress") -> "FinishedModel":
    from dart_stream.data import has_split
    from dart_stream.training import Origin, finish_model

    _require_family(task.family)
    pictures = _load(task, "train", progress)
    trainer = _trainer(task, pictures)
    if trainer.history:
        progress.line(f"resuming after epoch {len(trainer.history)} of {task.recipe.epochs}")
    trainer.run(progress.trained)
    test = _load(task, "test", progress) if has_split(task.data, "test") else None
    if test is not None and test.classes != pictures.classes:
        raise DataError(
            f"{task.data}: expected the same classes in train and test, "
            f"got {pictures.classes} and {test.classes}"
        )
    origin = Origin(
        name=task.out.resolve().name,
        family=task.family,
        data=f"{task.data.name}: {len(pictures)} pictures of {len(pictures.classes)} classes",
        command=task.command,
    )
    return finish_model(task.out, trainer, origin, pictures.classes, test)


def _require_family(family: str) -> None:
    """Refuse a misspelt family before minutes of decoding."""
    from dart_stream.models import list_models

    if family not in list_models():
        raise ModelError(f"--arch: expected one of {', '.join(list_models())}, got {family!r}")


def _load(task: _Task, split: str, progress: "TrainProgress") -> "Pictures":
    from dart_stream.data import load_split

    pictures = load_split(
        task.data,
        split,
        size=task.recipe.input_size,
        resize=task.recipe.resize,
        on_decoded=progress.decoded,
    )
    if pictures.skipped:
        progress.line(f"{split}: skipped {len(pictures.skipped)} damaged files")
        for file in pictures.skipped:
            progress.line(f"  {file.name}: {file.reason}")
    return pictures


def _trainer(task: _Task, pictures: "Pictures") -> "Trainer":
    import torch

    from dart_stream.data import stratified_split
    from dart_stream.models import create_model
    from dart_stream.training import LabelledImages, Trainer

    recipe = task.recipe
    torch.manual_seed(recipe.seed)
    network = create_model(
        task.family,
        num_classes=len(pictures.classes),
        input_size=recipe.input_size,
        **recipe.model,
    )
    train, validation = (
        LabelledImages(
            torch.from_numpy(pictures.images[part]), torch.from_numpy(pictures.labels[part])
        )
        for part in stratified_split(pictures.labels, recipe.validation, recipe.seed)
    )
    return Trainer(network, recipe, train, validation, task.out / "training")


def _command(args: argparse.Namespace) -> str:
    """The command as it can be typed elsewhere: names instead of this machine's folders."""
    words = ["dart-stream", "train", "--arch", args.arch, "--data", args.data.name]
    if args.recipe is not None:
        words += ["--recipe", args.recipe.name]
    if args.epochs is not None:
        words += ["--epochs", str(args.epochs)]
    return shlex.join([*words, "--out", args.out.name])


def _report(out: Path, finished: "FinishedModel") -> list[str]:
    split = "test" if "test" in finished.info.figures else "validation"
    figures = finished.info.figures[split]
    policy = figures["policy"]
    exits = " ".join(f"{share:.2%}" for share in figures["accuracy"])
    low, high = figures["accuracy_ci95"][-1]
    shares = " ".join(f"{share:.1%}" for share in policy["exits"])
    return [
        f"{out}: {len(figures['accuracy'])} exits, temperatures {finished.info.temperatures}",
        (
            f"{split} accuracy per exit, {figures['n']} pictures: {exits} "
            f"(full depth 95 % interval {low:.2%} to {high:.2%})"
        ),
        (
            f"with early exits: accuracy {policy['accuracy']:.2%}, "
            f"{policy['macs_fraction']:.1%} of the MACs, "
            f"disagreement {policy['disagreement']:.2%}, exits {shares}"
        ),
        *(
            f"exit {index} is taken by less than 2 % of the validation pictures"
            for index in finished.rare_exits
        ),
    ]
