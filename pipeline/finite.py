"""Numbers that a schema cannot bound, in plain data of any shape."""

import math
from typing import Any


def require_finite(node: Any) -> None:
    """Refuse NaN and infinity anywhere in lists and maps.

    Raises:
        ValueError: there is one.
    """
    if isinstance(node, dict):
        for value in node.values():
            require_finite(value)
    elif isinstance(node, list):
        for value in node:
            require_finite(value)
    elif isinstance(node, float) and not math.isfinite(node):
        raise ValueError(f"expected finite numbers, got {node}")
