"""A validation part cut off the training pictures, the same one every time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError


def stratified_split(
    labels: NDArray[np.int64], fraction: float, seed: int, classes: Sequence[str] = ()
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training part and of the validation part, disjoint, each in random order.

    Args:
        labels: class of each picture, [N].
        fraction: share of each class that is held back, in (0, 1), rounded, at least one.
        seed: the same seed gives the same split.
        classes: names for the error below.

    Raises:
        DataError: a class has fewer than two pictures.
    """
    generator = np.random.default_rng(seed)
    train, validation = [], []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            name = classes[label] if classes else label
            raise DataError(
                f"class {name}: expected at least 2 pictures, one of them for validation, "
                f"got {len(members)}; add some, or a folder val/ beside train/"
            )
        held_back = min(max(1, round(fraction * len(members))), len(members) - 1)
        validation.append(members[:held_back])
        train.append(members[held_back:])
    return generator.permutation(np.concatenate(train)), generator.permutation(
        np.concatenate(validation)
    )
