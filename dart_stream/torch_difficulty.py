"""Difficulty of pictures that are tensors, on their device: `dart_stream.difficulty` once more.

For pictures that are on an accelerator already; on a CPU the numpy one takes less time
(`benchmarks/difficulty.py`). Both are equal within float32 rounding; where a Sobel magnitude lies
that close to the edge threshold, one pixel may count as an edge in only one of them. Nothing here
waits for the device, so float pictures are not checked to lie in [0, 1].

Outside the package `dart_stream.difficulty`, which imports no torch.

Reference: DART Eq. 1-8.
Differs from the paper: see `dart_stream.difficulty`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dart_stream.difficulty import PAPER_WEIGHTS, DifficultyTables, Weights
from dart_stream.difficulty.definition import (
    EDGE_FLOOR,
    EDGE_MARGIN,
    GRADIENT_RANGE,
    GREY,
    VARIANCE_RANGE,
    require_weights,
)
from dart_stream.difficulty.distribution import Distribution
from dart_stream.errors import DataError


def difficulty_parts(images: Tensor) -> Tensor:
    """Measure edge density, variance and gradient of each picture.

    Args:
        images: RGB pixels, at least 3x3: uint8 (n, height, width, 3), or float (n, 3, height,
            width) in [0, 1].

    Returns:
        float32 (n, 3), each in [0, 1], in the order of `PART_NAMES`, on the same device.

    Raises:
        DataError: the tensor is not such a batch.

    Reference: DART Eq. 1-7.
    """
    planes = _planes(images)
    grey = _grey(planes)
    parts = [_edge_density(grey), _variance(planes), _laplacian(grey) / GRADIENT_RANGE]
    return torch.stack(parts, dim=1).clamp_(max=1)  # sums are rounded


def paper_difficulty(images: Tensor, weights: Weights = PAPER_WEIGHTS) -> Tensor:
    """Return alpha, the weighted sum of the parts: float32 (n,) in [0, 1].

    Reference: DART Eq. 8.
    """
    require_weights(weights)
    return _weighted_sum(difficulty_parts(images), weights).clamp_(max=1)


def paper_code_difficulty(
    images: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    weights: Weights = PAPER_WEIGHTS,
) -> Tensor:
    """Return alpha as the authors' program does, see `dart_stream.difficulty.paper_code`."""
    require_weights(weights)
    planes = _planes(images)
    shift, scale = (planes.new_tensor(numbers).view(3, 1, 1) for numbers in (mean, std))
    normalised = (planes - shift) / scale
    grey = functional.pad(_grey(normalised), (1, 1, 1, 1))
    sobel = (2 * _half_squared_sobel(grey)).sqrt().mean(dim=1)
    variance = normalised.flatten(2).var(dim=2).mean(dim=1)
    parts = torch.stack([sobel, variance, _laplacian(grey)], dim=1).clamp_(0, 1)
    return _weighted_sum(parts, weights).clamp_(max=1)


class DartDifficulty:
    """Difficulty of mode `dart` on a device.

    Args:
        tables: of the model.
        device: of the pictures; it must know float64.
    """

    def __init__(self, tables: DifficultyTables, device: torch.device | str = "cpu") -> None:
        self._weights = tables.weights
        self._curves = [_Curve(curve, device) for curve in tables.curves]

    def score(self, images: Tensor) -> Tensor:
        """Return the difficulty of each picture, float32 (n,) in [0, 1]."""
        return self.score_parts(difficulty_parts(images))

    def score_parts(self, parts: Tensor) -> Tensor:
        """Return the difficulty that belongs to measured parts (n, 3)."""
        *part_curves, sum_curve = self._curves
        levels = [curve(parts[:, j]) for j, curve in enumerate(part_curves)]
        total = _weighted_sum(torch.stack(levels, dim=1), self._weights).float()
        return sum_curve(total).float()


class _Curve:
    """A `Distribution` on a device."""

    def __init__(self, curve: Distribution, device: torch.device | str) -> None:
        values, levels = (torch.from_numpy(a).to(device) for a in (curve.values, curve.levels))
        # A knot at infinity, so that the last one has a neighbour too.
        self._values = torch.cat([values, values.new_tensor([torch.inf])])
        self._levels = torch.cat([levels, levels[-1:]])

    def __call__(self, x: Tensor) -> Tensor:
        values, levels = self._values, self._levels
        exact = x.double().contiguous()
        above = torch.searchsorted(values, exact, right=True).clamp_(1, len(values) - 1)
        below = above - 1
        share = (exact - values[below]) / (values[above] - values[below])
        inner = levels[below] + share * (levels[above] - levels[below])
        inner = torch.where(exact > values[-2], 1.0, inner)
        return torch.where(exact < values[0], 0.0, inner)


def _planes(images: Tensor) -> Tensor:
    """Colours in [0, 1], float32 (n, 3, height, width)."""
    interleaved = images.dtype == torch.uint8
    known = interleaved or images.dtype.is_floating_point
    if known and images.ndim == 4 and images.shape[3 if interleaved else 1] == 3:
        planes = images.permute(0, 3, 1, 2) if interleaved else images
        if min(planes.shape[2:]) >= 3:
            numbers = planes.to(torch.float32, memory_format=torch.contiguous_format)
            return numbers / 255 if interleaved else numbers
    raise DataError(
        "difficulty: expected uint8 (n, height >= 3, width >= 3, 3) or "
        f"float (n, 3, height >= 3, width >= 3), got {images.dtype} {tuple(images.shape)}"
    )


def _grey(planes: Tensor) -> Tensor:
    red, green, blue = (planes[:, c] * weight for c, weight in enumerate(GREY))
    return red + green + blue


def _edge_density(grey: Tensor) -> Tensor:
    half_squared = _half_squared_sobel(grey)
    threshold = half_squared.mean(dim=1, keepdim=True) * (1 + EDGE_MARGIN) ** 2
    is_edge = half_squared > threshold.clamp_(min=EDGE_FLOOR**2 / 2)
    return is_edge.float().mean(dim=1)


def _variance(planes: Tensor) -> Tensor:
    squares = planes.flatten(1).square().mean(dim=1)
    means = planes.flatten(2).mean(dim=2)
    return (squares - means.square().mean(dim=1)).clamp_(min=0) / VARIANCE_RANGE


def _half_squared_sobel(grey: Tensor) -> Tensor:
    """Half the squared Sobel magnitude of each 3x3 window, (n, windows); see `difficulty.parts`."""
    pairs = grey[:, :, :-1] + grey[:, :, 1:]
    boxes = pairs[:, :-1] + pairs[:, 1:]
    falling = boxes[:, 1:, 1:] - boxes[:, :-1, :-1]
    rising = boxes[:, :-1, 1:] - boxes[:, 1:, :-1]
    return (falling.square() + rising.square()).flatten(1)


def _laplacian(grey: Tensor) -> Tensor:
    """Mean absolute four-neighbour Laplacian, (n,)."""
    centre = grey[:, 1:-1, 1:-1]
    before = grey[:, :-2, 1:-1] + grey[:, 1:-1, :-2]
    behind = grey[:, 2:, 1:-1] + grey[:, 1:-1, 2:]
    return (before + behind - 4 * centre).abs().flatten(1).mean(dim=1)


def _weighted_sum(parts: Tensor, weights: Weights) -> Tensor:
    return weights[0] * parts[:, 0] + weights[1] * parts[:, 1] + weights[2] * parts[:, 2]
