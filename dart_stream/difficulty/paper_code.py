"""Alpha as the authors' program computes it, for comparison; no policy uses it.

Reference: DART Eq. 1-8, and github.com/parth-patne/DART.
Differs from the paper: the pictures are normalised first, edge density is the mean Sobel magnitude
without any threshold, borders are padded with zeros, and each part is clamped to [0, 1], which most
pictures hit.
"""

from collections.abc import Sequence

import numpy as np

from dart_stream.difficulty.definition import (
    GREY,
    PAPER_WEIGHTS,
    Floats,
    Weights,
    require_weights,
    weighted_sum,
)
from dart_stream.difficulty.pictures import Images, in_chunks, is_interleaved, require_unit_range


def paper_code_difficulty(
    images: Images,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = PAPER_WEIGHTS,
) -> Floats:
    """Return alpha as the authors' program does: float32 (n,) in [0, 1].

    Args:
        images: as `difficulty_parts` takes them.
        mean: of red, green and blue in [0, 1], over the training set.
        std: their standard deviations.
        weights: of edges, variance and gradient; not negative, sum 1.
    """
    require_weights(weights)
    shift, scale = (np.asarray(numbers, np.float32).reshape(3, 1, 1) for numbers in (mean, std))

    def parts_of_chunk(chunk: Images) -> Floats:
        pixels = (_planes(chunk) - shift) / scale
        grey = np.pad(_grey(pixels), ((0, 0), (1, 1), (1, 1)))
        sobel = _row_means(np.sqrt(_squared_sobel(grey)))
        variance = pixels.var(axis=(2, 3), ddof=1).mean(axis=1)
        gradient = _row_means(np.abs(_laplacian(grey)))
        return np.stack([sobel, variance, gradient], axis=1).clip(0, 1)

    return np.minimum(weighted_sum(in_chunks(images, parts_of_chunk), weights), np.float32(1))


def _planes(images: Images) -> Floats:
    """Colours in [0, 1], float32 (n, 3, height, width)."""
    if is_interleaved(images):
        return images.transpose(0, 3, 1, 2).astype(np.float32, order="C") / np.float32(255)
    require_unit_range(images)
    return images.astype(np.float32)


def _grey(planes: Floats) -> Floats:
    red, green, blue = (planes[:, c] * np.float32(weight) for c, weight in enumerate(GREY))
    grey: Floats = red + green + blue
    return grey


def _squared_sobel(grey: Floats) -> Floats:
    """Squared Sobel magnitude (n, height - 2, width - 2); the kernels are applied separably."""
    down = grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]
    across = grey[:, :, :-2] + 2 * grey[:, :, 1:-1] + grey[:, :, 2:]
    return np.square(down[:, :, 2:] - down[:, :, :-2]) + np.square(across[:, 2:] - across[:, :-2])


def _laplacian(grey: Floats) -> Floats:
    """Four-neighbour Laplacian (n, height - 2, width - 2)."""
    centre = grey[:, 1:-1, 1:-1]
    vertical = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1]
    return vertical + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * centre


def _row_means(values: Floats) -> Floats:
    # Along one contiguous row a picture: the order of additions is the same in every batch.
    means: Floats = values.reshape(len(values), -1).mean(axis=1)
    return means
