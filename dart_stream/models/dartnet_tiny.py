"""DartNet for weak processors: under 12 M multiply-accumulates for a 32x32 picture.

Reference: own design, see `dartnet`; about half of its widths.
"""

from functools import partial
from typing import Any, Final

from dart_stream.models.dartnet import DartNet
from dart_stream.models.registry import register

_SHAPE: Final[dict[str, Any]] = {
    "stem": (8, 10),
    "stages": ((20,), (48,), (48, 72), (76, 72, 72)),
    "heads": ((12, 20), (20,)),
}

dartnet_tiny = register("dartnet-tiny")(partial(DartNet, **_SHAPE))
"""Build the small sibling; arguments as of `DartNet`, each instead of the one above."""
