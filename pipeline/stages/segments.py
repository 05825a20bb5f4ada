"""Where a source's pictures stop being one unbroken stretch."""


class Segments:
    """Numbers the stretches of a source.

    Args:
        first: Number of the stretch that begins now or goes on, which is part 0 of the reader.
        has_one_size: A change of the pictures' size is a break.
    """

    def __init__(self, first: int, *, has_one_size: bool) -> None:
        self._number = first
        self._has_one_size = has_one_size
        self._part = 0
        self._size: tuple[int, int] | None = None
        """Of the last picture; an earlier reader's is not known."""

    def of(self, part: int, size: tuple[int, int]) -> int:
        """Number of the stretch that the next picture belongs to.

        Args:
            part: What the reader says: another number is another file or connection.
            size: Width and height in pixels.
        """
        has_changed = self._has_one_size and self._size not in {None, size}
        self._number += part != self._part or has_changed
        self._part, self._size = part, size
        return self._number
