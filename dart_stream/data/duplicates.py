"""Pictures that are in two places at once, which makes figures look better than they are."""

from hashlib import blake2b
from typing import NamedTuple

from dart_stream.data.dataset import Pictures


class SamePicture(NamedTuple):
    """Rows of two sets of pictures that hold the same pixels."""

    one: int
    other: int


def same_pictures(one: Pictures, other: Pictures) -> list[SamePicture]:
    """Every picture of `other` that is also in `one`, pixel for pixel after decoding."""
    rows = {_digest(one, row): row for row in reversed(range(len(one)))}
    digests = ((row, _digest(other, row)) for row in range(len(other)))
    return [SamePicture(rows[digest], row) for row, digest in digests if digest in rows]


def contradictions(pictures: Pictures) -> list[SamePicture]:
    """Pairs of the same picture that are labelled as two classes."""
    first: dict[bytes, int] = {}
    found = []
    for row in range(len(pictures)):
        earlier = first.setdefault(_digest(pictures, row), row)
        if pictures.labels[earlier] != pictures.labels[row]:
            found.append(SamePicture(earlier, row))
    return found


def _digest(pictures: Pictures, row: int) -> bytes:
    return blake2b(pictures.images[row].tobytes(), digest_size=16).digest()
