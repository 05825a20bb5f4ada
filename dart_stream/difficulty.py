"""Pixels to difficulty in [0, 1].

Reference: DART Eq. 1-8.

Three numbers describe how busy a picture is: the share of edge pixels, the variance of its colours
and the mean Laplacian. The paper leaves their ranges and its edge threshold open; here

- edge density is the share of pixels whose Sobel magnitude exceeds
  `tau_edge = max(root mean square of the picture's own Sobel magnitude, EDGE_FLOOR)`. The first
  term follows the scene, so halving the contrast leaves the density as it was; the floor keeps
  sensor noise on a flat wall from counting as edges;
- variance is multiplied by 4, because values in [0, 1] have a variance of at most 1/4;
- the mean absolute Laplacian is divided by 4, its value on a one-pixel checkerboard.

So every part lies in [0, 1] by construction, and nothing is clamped. Derivatives are taken where
their kernel fits: a picture's border is not an edge. A picture's difficulty never depends on the
pictures next to it in the batch.

Modes:

- `paper`: the weighted sum of the parts (`paper_difficulty`), which is alpha of Eq. 8;
- `dart`: each part, then their weighted sum, goes through its distribution over the training set
  (`DifficultyTables`). Differs from the paper: the score is uniform on [0, 1] on the training
  distribution, so it cannot saturate, and weights are comparable across parts;
- `paper-code`: what the authors' program computes (`paper_code_difficulty`), for comparison only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError, ModelError

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

PART_NAMES = ("edge_density", "variance", "gradient")
PAPER_WEIGHTS = (0.4, 0.3, 0.3)
KNOTS = 256
EDGE_FLOOR = 0.2  # Sobel magnitude of a straight step of 5 % of the grey range
FLOPS_PER_PIXEL = 36

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601 luma
_PIXELS_PER_CHUNK = 1 << 16  # temporaries of 256 KB stay in the second-level cache


def difficulty_parts(images: Images) -> Floats:
    """Measure edge density, variance and gradient of each picture.

    Costs about 36 floating-point operations a pixel (grey 5, Sobel 8, magnitude and threshold 8,
    Laplacian 7, variance of three channels 9): 37 k for 32x32, see `estimator_flops`.

    Args:
        images: RGB pixels, uint8 (n, height, width, 3), at least 3x3.

    Returns:
        float32 (n, 3), each in [0, 1], in the order of `PART_NAMES`.

    Raises:
        DataError: the array is not such a batch.

    Reference: DART Eq. 1-7.
    """
    return _in_chunks(images, _parts_of_chunk)


def estimator_flops(height: int, width: int) -> int:
    """Floating-point operations of the estimator on one picture (a multiply-add counts as two)."""
    return FLOPS_PER_PIXEL * height * width


def paper_difficulty(images: Images, weights: tuple[float, float, float] = PAPER_WEIGHTS) -> Floats:
    """Return alpha, the weighted sum of the parts: float32 (n,) in [0, 1].

    Reference: DART Eq. 8.
    """
    _require_weights(weights, DataError)
    return np.minimum(_weighted_sum(difficulty_parts(images), weights), np.float32(1))


def paper_code_difficulty(
    images: Images,
    mean: Sequence[float],
    std: Sequence[float],
    weights: tuple[float, float, float] = PAPER_WEIGHTS,
) -> Floats:
    """Return alpha as the authors' program computes it: float32 (n,) in [0, 1].

    Differs from the paper: the pictures are normalised by `mean` and `std` first, edge density is
    the mean Sobel magnitude without any threshold, borders are padded with zeros, and each part is
    clamped to [0, 1], which most pictures hit. Kept to reproduce its figures; no policy uses it.
    """
    _require_weights(weights, DataError)
    shift, scale = np.asarray(mean, dtype=np.float32), np.asarray(std, dtype=np.float32)

    def parts_of_chunk(chunk: Images) -> Floats:
        pixels: Floats = (chunk.astype(np.float32) / np.float32(255) - shift) / scale
        grey: Floats = np.pad(pixels @ _GREY, ((0, 0), (1, 1), (1, 1)))
        sobel = _row_means(np.sqrt(_squared_sobel(grey)))
        variance = pixels.var(axis=(1, 2), ddof=1).mean(axis=1)
        gradient = _row_means(np.abs(_laplacian(grey)))
        parts: Floats = np.stack([sobel, variance, gradient], axis=1)
        return parts.clip(0, 1)

    return np.minimum(_weighted_sum(_in_chunks(images, parts_of_chunk), weights), np.float32(1))


@dataclass(frozen=True, slots=True, eq=False)
class DifficultyTables:
    """The training set's distribution of each part and of their weighted sum.

    `score` gives d = F_sum(sum_j w_j F_j(part_j)), with F the distribution functions through the
    knots. A picture busier than all training pictures gets exactly 1 and a flatter one exactly 0,
    so the mass at both ends tells of drift.

    Attributes:
        weights: of the three parts; not negative, sum 1.
        part_knots: float64 (3, 256), rising quantiles of each part at levels 0, 1/255, ..., 1.
        sum_knots: float64 (256,), the same of the weighted sum.
    """

    weights: tuple[float, float, float]
    part_knots: NDArray[np.float64]
    sum_knots: NDArray[np.float64]
    _curves: tuple["_Distribution", ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _require_weights(self.weights, ModelError)
        knots = np.vstack([self.part_knots, self.sum_knots[np.newaxis]])
        for name, row in zip((*PART_NAMES, "sum"), knots, strict=True):
            _require_knots(name, row)
        self.part_knots.setflags(write=False)
        self.sum_knots.setflags(write=False)
        object.__setattr__(self, "_curves", tuple(_Distribution.through(row) for row in knots))

    def score(self, images: Images) -> Floats:
        """Return the difficulty of each picture, float32 (n,) in [0, 1].

        Args:
            images: RGB pixels, uint8 (n, height, width, 3), sized as the model sees them.
        """
        return self.score_parts(difficulty_parts(images))

    def score_parts(self, parts: Floats) -> Floats:
        """Return the difficulty that belongs to measured parts (n, 3)."""
        levels = [curve(parts[:, j]) for j, curve in enumerate(self._curves[:-1])]
        total = _weighted_sum(np.stack(levels, axis=1), self.weights)
        return self._curves[-1](total).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, as `model.json` keeps them."""
        parts = dict(zip(PART_NAMES, self.part_knots.tolist(), strict=True))
        return {"weights": list(self.weights), "sum": self.sum_knots.tolist(), **parts}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ModelError: keys, lengths or values are not those of difficulty tables.
        """
        expected = {"weights", "sum", *PART_NAMES}
        if not isinstance(body, Mapping) or set(body) != expected:
            found = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
            raise ModelError(f"difficulty tables: expected keys {sorted(expected)}, got {found}")
        weights = tuple(_floats(body, "weights", len(PART_NAMES)).tolist())
        part_knots = np.stack([_floats(body, name, KNOTS) for name in PART_NAMES])
        return cls(weights, part_knots, _floats(body, "sum", KNOTS))


def fit_difficulty(
    images: Images, weights: tuple[float, float, float] = PAPER_WEIGHTS
) -> DifficultyTables:
    """Learn the distribution of each part from training pictures.

    Args:
        images: uint8 (n, height, width, 3), not augmented, sized as the model sees them; a few
            thousand are enough for 256 knots.
        weights: of edge density, variance and gradient; not negative, sum 1.

    Raises:
        DataError: no pictures, or weights that are none.
    """
    return fit_difficulty_to_parts(difficulty_parts(images), weights)


def fit_difficulty_to_parts(
    parts: Floats, weights: tuple[float, float, float] = PAPER_WEIGHTS
) -> DifficultyTables:
    """Do `fit_difficulty` on measured parts (n, 3): a search over weights measures pixels once."""
    _require_weights(weights, DataError)
    if len(parts) == 0:
        raise DataError("difficulty: expected at least one training picture, got none")
    part_knots = np.stack([_quantiles(column) for column in parts.T])
    levels = [_Distribution.through(row)(parts[:, j]) for j, row in enumerate(part_knots)]
    sum_knots = _quantiles(_weighted_sum(np.stack(levels, axis=1), weights))
    return DifficultyTables(weights, part_knots, sum_knots)


@dataclass(frozen=True, slots=True, eq=False)
class _Distribution:
    """A distribution function, linear between rising knots; 0 below the first, 1 above the last."""

    values: NDArray[np.float64]
    levels: NDArray[np.float64]

    @classmethod
    def through(cls, knots: NDArray[np.float64]) -> Self:
        # Equal knots are a value that many pictures share: it gets the middle of its levels.
        values, inverse, counts = np.unique(knots, return_inverse=True, return_counts=True)
        levels = np.bincount(inverse, weights=np.linspace(0, 1, len(knots))) / counts
        return cls(values, levels)

    def __call__(self, x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        levels: NDArray[np.float64] = np.interp(x, self.values, self.levels, left=0.0, right=1.0)
        return levels


def _parts_of_chunk(images: Images) -> Floats:
    n, height, width, _ = images.shape
    # Planes, so that every sum below runs along one contiguous row a picture: the order of
    # additions, and with it the last bit, is then the same in every batch.
    planes = np.empty((n, 3, height * width), dtype=np.float32)
    np.divide(images.reshape(n, -1, 3).transpose(0, 2, 1), np.float32(255), out=planes)
    grey = (_GREY @ planes).reshape(n, height, width)
    squared = _squared_sobel(grey)
    tau_squared = np.maximum(_row_means(squared), np.float32(EDGE_FLOOR**2))
    edges = np.count_nonzero(squared > tau_squared[:, np.newaxis, np.newaxis], axis=(1, 2))
    gradient = _row_means(np.abs(_laplacian(grey))) / 4
    planes -= planes.mean(axis=2, keepdims=True)
    variance = np.square(planes).mean(axis=2).mean(axis=1) * 4
    return np.stack([edges / squared[0].size, variance, gradient], axis=1).astype(np.float32)


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
    means: Floats = values.reshape(len(values), -1).mean(axis=1)
    return means


def _weighted_sum(
    parts: NDArray[np.floating[Any]], weights: Sequence[float]
) -> NDArray[np.float32]:
    # Written out, not a matrix product: BLAS may add in another order for another batch size.
    total: NDArray[np.floating[Any]] = (
        weights[0] * parts[:, 0] + weights[1] * parts[:, 1] + weights[2] * parts[:, 2]
    )
    return total.astype(np.float32)


def _in_chunks(images: Images, measure: Callable[[Images], Floats]) -> Floats:
    _require_images(images)
    n, height, width, _ = images.shape
    step = max(1, _PIXELS_PER_CHUNK // (height * width))
    chunks = [measure(images[start : start + step]) for start in range(0, n, step)]
    return np.concatenate(chunks) if chunks else np.empty((0, 3), dtype=np.float32)


def _quantiles(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    knots: NDArray[np.float64] = np.quantile(values.astype(np.float64), np.linspace(0, 1, KNOTS))
    return knots


def _require_images(images: Images) -> None:
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < 3:
        raise DataError(
            "difficulty: expected uint8 (n, height >= 3, width >= 3, 3), "
            f"got {images.dtype} {tuple(shape)}"
        )


def _require_weights(weights: Sequence[float], error: type[DataError | ModelError]) -> None:
    if len(weights) != 3 or not min(weights) >= 0 or not abs(sum(weights) - 1) < 1e-6:
        raise error(
            "difficulty: expected three weights that are not negative and sum to 1, "
            f"got {list(weights)}"
        )


def _require_knots(name: str, knots: NDArray[np.float64]) -> None:
    if knots.shape != (KNOTS,) or not np.all(np.isfinite(knots)) or np.any(np.diff(knots) < 0):
        raise ModelError(
            f"difficulty tables: {name}: expected {KNOTS} finite knots that never fall, "
            f"got {knots.size} from {knots.min()} to {knots.max()}"
        )


def _floats(body: Mapping[str, Any], key: str, length: int) -> NDArray[np.float64]:
    values = body[key]
    is_list = isinstance(values, (list, tuple)) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values
    )
    if not is_list or len(values) != length:
        found = f"{len(values)} entries" if isinstance(values, (list, tuple)) else repr(values)
        raise ModelError(f"difficulty tables: {key}: expected {length} numbers, got {found}")
    return np.array(values, dtype=np.float64)
