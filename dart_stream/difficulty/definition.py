"""What the three parts of a difficulty are, for every program that computes them.

Three numbers describe how busy a picture is: the share of edge pixels, the variance of its colours
and the mean Laplacian. The paper leaves their ranges and its edge threshold open; here

- edge density is the share of pixels whose Sobel magnitude exceeds
  `tau_edge = max(root mean square of the picture's own Sobel magnitude, EDGE_FLOOR)`. The first
  term follows the scene, so halving the contrast leaves the density as it was; the floor keeps
  sensor noise on a flat wall from counting as edges. On an even ramp all magnitudes are equal:
  they must exceed the threshold by `EDGE_MARGIN`, so that rounding makes no edges;
- variance is multiplied by 4, because values in [0, 1] have a variance of at most 1/4;
- the mean absolute Laplacian is divided by 4, its value on a one-pixel checkerboard.

So every part lies in [0, 1] by construction, and only rounding is cut off. Derivatives are taken
where their kernel fits: a picture's border is not an edge. A picture's difficulty never depends on
the pictures next to it in the batch.

Reference: DART Eq. 1-7.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError, ModelError

Floats = NDArray[np.float32]
Weights = tuple[float, float, float]

PART_NAMES: Final = ("edge_density", "variance", "gradient")
PAPER_WEIGHTS: Final[Weights] = (0.4, 0.3, 0.3)
GREY: Final = (0.299, 0.587, 0.114)
"""ITU-R BT.601 luma of red, green and blue."""

EDGE_FLOOR: Final = 0.2
"""Sobel magnitude of a straight step of 5 % of the grey range."""

EDGE_MARGIN: Final = 1e-4
"""Relative; a float32 sum over a picture is off by less."""

VARIANCE_RANGE: Final = 1 / 4
GRADIENT_RANGE: Final = 4.0


def require_weights(
    weights: Sequence[float], error: type[DataError | ModelError] = DataError
) -> None:
    """Refuse what is not three weights that sum to 1.

    Raises:
        DataError: or what `error` says.
    """
    if len(weights) != 3 or not min(weights) >= 0 or not abs(sum(weights) - 1) < 1e-6:
        raise error(
            "difficulty: expected three weights that are not negative and sum to 1, "
            f"got {list(weights)}"
        )


def weighted_sum(parts: NDArray[np.floating], weights: Sequence[float]) -> Floats:
    """Sum of parts (n, 3) times weights, float32 (n,)."""
    # Written out, not a matrix product: BLAS may add in another order for another batch size.
    total: NDArray[np.floating] = (
        weights[0] * parts[:, 0] + weights[1] * parts[:, 1] + weights[2] * parts[:, 2]
    )
    return total.astype(np.float32)
