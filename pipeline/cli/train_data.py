"""The pictures of a training: loaded, divided, weighed, and described a line at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dart_stream.data import Dataset, Pictures, class_weights, imbalance, stratified_split
from dart_stream.model_info import ModelInfo
from dart_stream.training import Recipe
from pipeline.cli.train_report import balance_lines, duplicate_lines, skipped_lines

if TYPE_CHECKING:
    from pipeline.cli.train_progress import TrainProgress

Say = Callable[[str], None]

_UNLIKE_SIZES: Final = 2.0
"""Classes are weighted when the largest has this many times the pictures of the smallest."""


@dataclass(frozen=True)
class TrainingData:
    """What a model is trained, chosen and reported on.

    Attributes:
        train: to learn from.
        validation: to choose temperatures and thresholds on.
        test: to report on, or None.
        class_weights: of each class in the loss, or None where sizes are alike.
        skipped: damaged files that were left out.
    """

    train: Pictures
    validation: Pictures
    test: Pictures | None
    class_weights: list[float] | None
    skipped: int


def load_splits(dataset: Dataset, recipe: Recipe, progress: "TrainProgress") -> dict[str, Pictures]:
    """Decode every split, and name the damaged files.

    Raises:
        DataError: see `Dataset.load`.
    """
    splits = {}
    for split in dataset.splits:
        splits[split] = dataset.load(
            split, size=recipe.input_size, resize=recipe.resize, on_decoded=progress.decoded
        )
        for line in skipped_lines(split, splits[split]):
            progress.line(line)
    return splits


def start_lines(dataset: Dataset, recipe: Recipe, starts: Mapping[str, ModelInfo]) -> list[str]:
    """Say where start weights may know pictures that this training holds back.

    Args:
        dataset: to train on.
        recipe: of this training.
        starts: models that it begins with, by the names that were given.
    """
    if "validation" in dataset.splits:
        return []
    lines = []
    for name, info in starts.items():
        seed, share = info.recipe.get("seed"), info.recipe.get("validation", 0.0)
        is_same = info.data.startswith(f"{dataset.name}:")
        if is_same and (seed != recipe.seed or share < recipe.validation):
            lines.append(
                f"--start {name}: it held back {share:.0%} of these pictures by seed {seed}, this "
                f"training holds back {recipe.validation:.0%} by seed {recipe.seed}: some of them "
                "it has learned, so that thresholds and certificates will be too good; give the "
                "same --seed and `validation`"
            )
    return lines


def fresh_lines(fresh: Sequence[str], weights: Collection[str]) -> list[str]:
    """Say what of a network does not begin with the weights of `--start`.

    Args:
        fresh: names of weights of its stages, such as `stages.0.1.bias`.
        weights: names of all its weights.
    """
    lines = []
    for stage in sorted({int(name.split(".")[1]) for name in fresh}):
        prefix = f"stages.{stage}."
        own = [name for name in fresh if name.startswith(prefix)]
        is_whole = len(own) == sum(name.startswith(prefix) for name in weights)
        what = "another shape there and begins" if is_whole else "more layers here, which begin"
        lines.append(f"--start: stage {stage} has {what} fresh")
    return lines


def divide(splits: dict[str, Pictures], recipe: Recipe, say: Say) -> TrainingData:
    """Cut a validation part off `train` unless there is one, and say what is worth knowing.

    Raises:
        DataError: a class is too small to be divided.
    """
    parts = splits
    if "validation" not in splits:
        whole = splits["train"]
        rows = stratified_split(whole.labels, recipe.validation, recipe.seed, whole.classes)
        parts = {"train": whole.part(rows[0]), "validation": whole.part(rows[1])}
        parts |= {split: splits[split] for split in splits if split != "train"}
    labels = parts["train"].labels
    weights = class_weights(labels) if imbalance(labels) >= _UNLIKE_SIZES else None
    for line in (*duplicate_lines(parts), *balance_lines(parts, weights)):
        say(line)
    skipped = sum(len(pictures.skipped) for pictures in splits.values())
    return TrainingData(parts["train"], parts["validation"], parts.get("test"), weights, skipped)
