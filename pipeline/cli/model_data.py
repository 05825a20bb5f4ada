"""Pictures for a model that exists: fitted to its input, with labels in its order of classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dart_stream.data import Dataset, Pictures, stratified_split
from dart_stream.errors import DataError
from dart_stream.model_info import ModelInfo

OnDecoded = Callable[[int, int], None]


@dataclass(frozen=True)
class HeldOut:
    """Pictures that the model was not trained on, and how they were found, in words."""

    pictures: Pictures
    described: str


def load_split(info: ModelInfo, dataset: Dataset, split: str, on_decoded: OnDecoded) -> Pictures:
    """Decode a split as the model wants it.

    Raises:
        DataError: there is no such split, or its classes are not those of the model.
    """
    if split not in dataset.splits:
        raise DataError(
            f"--split: expected one of {', '.join(dataset.splits)} in {dataset.name}, got {split!r}"
        )
    if set(dataset.classes) != set(info.classes):
        raise DataError(
            f"{dataset.name}: expected the classes of the model, {_few(info.classes)}; "
            f"got {_few(dataset.classes)}"
        )
    size, resize = info.input_size, info.resize
    pictures = dataset.load(split, size=size, resize=resize, on_decoded=on_decoded)
    order = np.asarray([info.classes.index(name) for name in dataset.classes])
    return replace(pictures, labels=order[pictures.labels], classes=info.classes)


def held_out(info: ModelInfo, dataset: Dataset, on_decoded: OnDecoded) -> HeldOut:
    """Pictures to choose thresholds on: the split `validation`.

    Without one, the part of `train` that the model's own recipe holds back: if these are the
    pictures that it was trained on, exactly those that it never saw.

    Raises:
        DataError: neither split is there, or the classes are not those of the model.
    """
    if "validation" in dataset.splits:
        pictures = load_split(info, dataset, "validation", on_decoded)
        return HeldOut(pictures, f"{dataset.name}, split validation")
    if "train" not in dataset.splits:
        raise DataError(
            f"{dataset.name}: expected a split validation or train to choose thresholds on, "
            f"found {', '.join(dataset.splits)}"
        )
    whole = load_split(info, dataset, "train", on_decoded)
    share, seed = info.recipe.get("validation", 0.1), info.recipe.get("seed", 0)
    rows = stratified_split(whole.labels, share, seed, whole.classes)[1]
    described = f"{dataset.name}, the {share:.0%} of train that the model's recipe holds back"
    return HeldOut(whole.part(rows), described)


def _few(names: Sequence[str], count: int = 6) -> str:
    shown = ", ".join(names[:count])
    return f"{shown} and {len(names) - count} more" if len(names) > count else shown
