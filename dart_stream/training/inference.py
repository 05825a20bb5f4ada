"""Answers of every exit for many pictures, without early exit."""

from collections.abc import Callable

import torch
from torch import Tensor

from dart_stream.models import MultiExitNetwork


def exit_logits(
    network: MultiExitNetwork,
    images: Tensor,
    normalise: Callable[[Tensor], Tensor],
    *,
    batch_size: int = 500,
) -> Tensor:
    """Logits float32 [exits, N, classes] for pictures uint8 [N, H, W, 3]; sets eval mode."""
    network.eval()
    with torch.inference_mode():
        batches = [
            torch.stack([logits.float() for logits in network(normalise(images[start:stop]))])
            for start, stop in ((i, i + batch_size) for i in range(0, len(images), batch_size))
        ]
    return torch.cat(batches, dim=1)
