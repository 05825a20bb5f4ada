"""Random operations on pictures: colour, contrast, sharpness, shear, rotation and the like."""

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

_GROUP = 8


def rand_augmented(images: Tensor, operations: int, magnitude: int) -> Tensor:
    """Put each picture through randomly drawn operations of one strength.

    Args:
        images: uint8 [B, H, W, 3], in random order.
        operations: that each picture goes through, at least 1.
        magnitude: strength, in [0, 30].

    Returns:
        Pictures of the same shape and type. Randomness comes from torch's global generator.

    Reference: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced
    search space", 2020. Differs from the paper: eight neighbours in the batch share their
    operations, which takes a third of the time of drawing for each.
    """
    augment = v2.RandAugment(operations, magnitude, interpolation=InterpolationMode.BILINEAR)
    groups = torch.split(images.permute(0, 3, 1, 2), _GROUP)
    return torch.cat([augment(group) for group in groups]).permute(0, 2, 3, 1)
