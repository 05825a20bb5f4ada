"""CutMix: a rectangle of another picture pasted over each picture of a batch.

Reference: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
Features", 2019.

Differs from the paper: rectangles lie inside the picture, so that all of a batch have the same area
and one share of the other class serves them all.
"""

import torch
from torch import Tensor


def cut_mix(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Paste a rectangle of one size, but at a place of its own, over every picture.

    Args:
        images: [B, C, H, W].
        generator: source of randomness.

    Returns:
        Pictures, [B, C, H, W]; which picture of the batch each got its rectangle from, [B]; and
        the share of the area that this is, in [0, 1], evenly spread over calls.
    """
    count, _, height, width = images.shape
    partner = torch.randperm(count, generator=generator)
    side = float(torch.rand(1, generator=generator)) ** 0.5
    rows, columns = round(side * height), round(side * width)
    inside = (
        _span(height, rows, count, generator)[:, :, None]
        & _span(width, columns, count, generator)[:, None, :]
    )
    mixed = torch.where(inside[:, None], images[partner], images)
    return mixed, partner, rows * columns / (height * width)


def _span(length: int, size: int, count: int, generator: torch.Generator) -> Tensor:
    """Mask of `size` neighbours out of `length`, somewhere, [count, length]."""
    start = torch.randint(0, length - size + 1, (count, 1), generator=generator)
    position = torch.arange(length)
    return (position >= start) & (position < start + size)
