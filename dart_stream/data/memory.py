"""Refuses data that the machine cannot hold before it starts to swap."""

import os
from typing import Final

from dart_stream.errors import DataError

_USABLE_SHARE: Final = 0.4
"""Of the machine's memory: pictures are there twice while a validation part is cut off, and the
network and everybody else need some too."""


def require_memory(pictures: int, size: tuple[int, int]) -> None:
    """Check that RGB pictures of `size` (height, width) fit.

    Raises:
        DataError: they do not.
    """
    needed = pictures * size[0] * size[1] * 3
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > _USABLE_SHARE * there:
        raise DataError(
            f"{pictures} pictures of {size[1]}x{size[0]} pixels need {needed / 1e9:.1f} GB of "
            f"memory, this machine has {there / 1e9:.1f} GB; take fewer, or a smaller input size"
        )
