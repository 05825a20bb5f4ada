"""Classifier heads that turn what a stage hands on into logits.

They pool with a mean: a maximum over a map that lies channels last costs as much time as half a
stage.
"""

from torch import Tensor, fx, nn
from torch.nn import functional


class PooledHead(nn.Module):
    """Mean over a `grid` x `grid` raster, normalisation, linear: [N, C, H, W] -> [N, classes]."""

    def __init__(self, channels: int, num_classes: int, *, grid: int = 1) -> None:
        super().__init__()
        self.grid = grid
        self.norm = nn.BatchNorm1d(channels * grid * grid)
        self.linear = nn.Linear(channels * grid * grid, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to logits [N, classes]."""
        logits: Tensor = self.linear(self.norm(mean_over_grid(x, self.grid).flatten(1)))
        return logits


@fx.wrap  # stays one call when a head is traced: what it does depends on the size of the map
def mean_over_grid(x: Tensor, grid: int) -> Tensor:
    """Average [N, C, H, W] over a raster: [N, C, grid, grid].

    A window of fixed size is up to four times as fast as an adaptive one.
    """
    height, width = x.shape[-2:]
    if height % grid or width % grid:
        return functional.adaptive_avg_pool2d(x, grid)
    return functional.avg_pool2d(x, (height // grid, width // grid))
