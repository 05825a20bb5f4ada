"""DartNet for 64x64 pictures: what a camera's crops often are.

Reference: own design, see `dartnet`. Both convolutions of the stem halve the picture, so that twice
as many pixels on each side cost hardly more than 32x32 do there.
"""

from functools import partial
from typing import Any, Final

from dart_stream.models.dartnet import DartNet
from dart_stream.models.registry import register

_SHAPE: Final[dict[str, Any]] = {
    "input_size": (64, 64),
    "stem": (12, 24),
    "stem_strides": (2, 2),
}

dartnet_64 = register("dartnet-64")(partial(DartNet, **_SHAPE))
"""Build the variant; arguments as of `DartNet`, each instead of the one above."""
