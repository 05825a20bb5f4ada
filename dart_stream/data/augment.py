"""Random crop, mirror and cut-out of a whole batch at once, so that cores train, not decode."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are varied.

    Attributes:
        shift: largest translation in pixels in each direction; the border is reflected.
        mirror: flip left and right with probability one half.
        cutout: side in pixels of the square that is erased, 0 for none.
    """

    shift: int = 4
    mirror: bool = True
    cutout: int = 10


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, of pixels in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, images: Tensor) -> "Normalisation":
        """Measure uint8 pictures [N, H, W, 3]."""
        total = torch.zeros(3, dtype=torch.float64)
        squares = torch.zeros(3, dtype=torch.float64)
        for start in range(0, len(images), 1024):
            pixels = images[start : start + 1024].reshape(-1, 3).to(torch.float64) / 255
            total += pixels.sum(0)
            squares += pixels.square().sum(0)
        count = images.shape[0] * images.shape[1] * images.shape[2]
        mean = total / count
        # A constant channel has no spread; 1/255 keeps the division finite.
        std = (squares / count - mean.square()).clamp_min(0).sqrt().clamp_min(1 / 255)
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 [N, H, W, 3] -> float32 [N, 3, H, W], channels last in memory."""
        mean, std = torch.tensor(self.mean) * 255, torch.tensor(self.std) * 255
        return ((images.to(torch.float32) - mean) / std).permute(0, 3, 1, 2)


def augmented_batch(
    images: Tensor,
    chosen: Tensor,
    augmentation: Augmentation,
    generator: torch.Generator,
    *,
    mirrored: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Pick and vary pictures in one gather.

    Args:
        images: all pictures, uint8 [N, H, W, 3].
        chosen: indices of the batch, [B].
        augmentation: what to vary.
        generator: source of randomness.
        mirrored: which pictures to flip, bool [B], instead of a coin for each.

    Returns:
        Pictures, uint8 [B, H, W, 3], and what to erase, bool [B, H, W, 1].
    """
    _, height, width, _ = images.shape
    rows = _shifted(height, len(chosen), augmentation.shift, generator)
    columns = _shifted(width, len(chosen), augmentation.shift, generator)
    if mirrored is None and augmentation.mirror:
        mirrored = torch.rand(len(chosen), generator=generator) < 0.5
    if mirrored is not None:
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    batch = images[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
    erased = (
        _interval(height, len(chosen), augmentation.cutout, generator)[:, :, None]
        & _interval(width, len(chosen), augmentation.cutout, generator)[:, None, :]
    )
    return batch, erased[..., None]


def _shifted(length: int, count: int, shift: int, generator: torch.Generator) -> Tensor:
    """Source positions of `length` pixels moved by up to `shift`, reflected at the border."""
    shift = min(shift, length - 1)
    offset = torch.randint(-shift, shift + 1, (count, 1), generator=generator)
    position = (torch.arange(length) + offset).abs()
    return torch.where(position >= length, 2 * (length - 1) - position, position)


def _interval(length: int, count: int, side: int, generator: torch.Generator) -> Tensor:
    """Mask of `side` neighbouring positions around a random centre, cut at the border."""
    start = torch.randint(0, length, (count, 1), generator=generator) - side // 2
    position = torch.arange(length)
    return (position >= start) & (position < start + side)
