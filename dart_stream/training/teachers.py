"""Several teachers as one: a network learns what they say together.

Reference: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, where an ensemble
teaches one network. Differs from the paper: nothing; logits are averaged.
"""

import zlib
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from dart_stream.data.augment import Normalisation


class Teaches(Protocol):
    """Answers pictures as a student sees them."""

    def __call__(self, images: Tensor, student: Normalisation) -> Tensor:
        """Logits float32 [N, classes] of images float32 [N, 3, H, W]."""

    def fingerprint(self) -> int:
        """A number that other weights do not have."""


class Teachers:
    """The mean of several teachers' logits; their errors differ, what they know adds up.

    Args:
        teachers: of the same classes and input size, at least one; their order says nothing.
    """

    def __init__(self, teachers: Sequence[Teaches]) -> None:
        if not teachers:
            raise ValueError("expected at least one teacher, got none")
        self._teachers = list(teachers)

    def __call__(self, images: Tensor, student: Normalisation) -> Tensor:
        """Logits float32 [N, classes]; see `Teacher`."""
        answers = [teacher(images, student) for teacher in self._teachers]
        return torch.stack(answers).mean(dim=0)

    def fingerprint(self) -> int:
        """A number that other weights do not have; of one teacher, that teacher's."""
        first, *others = sorted(teacher.fingerprint() for teacher in self._teachers)
        return zlib.crc32(str(others).encode(), first) if others else first
