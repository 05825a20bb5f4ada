"""Where a source's pictures stop being one unbroken stretch."""


class Segments:
    """Numbers the stretches of a source.

    Args:
        first: Number of the stretch that begins now.
        has_one_size: A change of the pictures' size is a break.
    """

    def __init__(self, first: int, *, has_one_size: bool) -> None:
        self._number = first
        self._has_one_size = has_one_size
        self._last: tuple[int, tuple[int, int]] | None = None

    def of(self, part: int, size: tuple[int, int]) -> int:
        """Number of the stretch that the next picture belongs to.

        Args:
            part: What the reader says: another number is another file or connection.
            size: Width and height in pixels.
        """
        look = (part, size if self._has_one_size else (0, 0))
        if self._last is not None and look != self._last:
            self._number += 1
        self._last = look
        return self._number
