"""Chance that depends on where a region comes from, never on when or with whom it is perturbed."""

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class CropKey:
    """What decides the chance of a frame's crops, so that a repeated run sees the same pixels."""

    seed: int
    source: str
    frame: int


def region_generator(key: CropKey, region: int) -> np.random.Generator:
    """Return the generator of one region of a frame."""
    words = f"{key.seed}/{key.frame}/{region}/{key.source}".encode()
    return np.random.default_rng(
        int.from_bytes(hashlib.blake2b(words, digest_size=16).digest(), "big")
    )
