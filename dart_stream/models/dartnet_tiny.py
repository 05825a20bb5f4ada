"""DartNet for weak processors: under 12 M multiply-accumulates for a 32x32 picture.

Reference: own design, see `dartnet`; a quarter of its first stage and about half of its widths.
"""

from typing import Any, Final

from dart_stream.models.dartnet import DartNet
from dart_stream.models.registry import register

_SHAPE: Final[dict[str, Any]] = {
    "stem_width": 8,
    "first_inner": 8,
    "widths": (24, 48, 48, 104),
    "blocks": (1, 1, 1, 2),
    "strides": (1, 2, 1, 2),
}


@register("dartnet-tiny")
def dartnet_tiny(**config: Any) -> DartNet:
    """Build the small sibling; `config` as for `DartNet`, each key instead of the one above."""
    return DartNet(**(_SHAPE | config))
