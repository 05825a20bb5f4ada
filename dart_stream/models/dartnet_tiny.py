"""DartNet for weak processors: under 12 M multiply-accumulates for a 32x32 picture.

Reference: own design, see `dartnet`; about half of its widths.
"""

from typing import Any, Final

from dart_stream.models.dartnet import DartNet
from dart_stream.models.registry import register

_SHAPE: Final[dict[str, Any]] = {
    "stem": (8, 10),
    "stages": ((20,), (48,), (48, 72), (76, 72, 72)),
    "heads": ((12, 20), (20,)),
}


@register("dartnet-tiny")
def dartnet_tiny(**config: Any) -> DartNet:
    """Build the small sibling; `config` as for `DartNet`, each key instead of the one above."""
    return DartNet(**(_SHAPE | config))
