"""The coin of an audit: a hash, so that redelivery, resumption and replay draw the same."""

from hashlib import blake2b
from typing import Final

_RANGE: Final = 2.0**-64


def coin(seed: int, source: str, frame: int, region: int) -> float:
    """Return a number in [0, 1) that the region alone decides; it is audited if below the rate.

    Args:
        seed: of the run.
        source: name.
        frame: number in its source.
        region: number in its frame.
    """
    key = f"{seed}\0{source}\0{frame}\0{region}".encode()
    digest = blake2b(key, digest_size=8, person=b"audit").digest()
    # The last 11 of 64 bits would round the largest numbers up to 1.
    return (int.from_bytes(digest, "little") >> 11 << 11) * _RANGE
