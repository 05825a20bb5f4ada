"""Classifier heads that turn what a stage hands on into logits.

They pool with a mean: a maximum over a map that lies channels last costs as much time as half a
stage.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, fx, nn
from torch.nn import functional

from dart_stream.errors import ModelError

Shape = tuple[int, ...]
MakeHead = Callable[[Shape, int], nn.Module]  # of what a stage hands on for one picture, classes


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


class ConvHead(nn.Module):
    """3x3 stride-2 convolutions before a `PooledHead`: [N, C, H, W] -> [N, classes].

    For maps so early that their channels are not classes yet. The branches of BranchyNet look so.

    Reference: Teerapittayanon et al., "BranchyNet: Fast Inference via Early Exiting from Deep
    Neural Networks", 2016.

    Args:
        channels: of the map.
        num_classes: number of logits.
        inner: channels of each convolution, at least one.
        grid: see `PooledHead`.
        activation: behind each convolution.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        inner: Sequence[int] = (32,),
        grid: int = 1,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((channels, *inner)):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                activation(),
            ]
        self.layers = nn.Sequential(*layers)
        self.pooled = PooledHead(inner[-1], num_classes, grid=grid)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to logits [N, classes]."""
        logits: Tensor = self.pooled(self.layers(x))
        return logits


class TokenHead(nn.Module):
    """MLP(LayerNorm(GlobalPool(tokens))): [N, tokens, C] or [N, H, W, C] -> [N, classes].

    Reference: DART Eq. 16. The paper leaves the MLP open: ours has one hidden layer with GELU.
    """

    def __init__(self, channels: int, num_classes: int, *, hidden: int | None = None) -> None:
        super().__init__()
        hidden = channels if hidden is None else hidden
        self.norm = nn.LayerNorm(channels)
        self.hidden = nn.Linear(channels, hidden)
        self.linear = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, tokens, C] to logits [N, classes]."""
        pooled = x.flatten(1, -2).mean(dim=1)
        logits: Tensor = self.linear(functional.gelu(self.hidden(self.norm(pooled))))
        return logits


def make_head(kind: str, shape: Shape, num_classes: int) -> nn.Module:
    """Make a head that fits what a stage hands on.

    Args:
        kind: "pooled" or "conv" for maps (channels, height, width), "token" for (tokens,
            channels) or maps with their channels last, "auto" for "pooled" or "token".
        shape: for one picture.
        num_classes: number of logits.

    Raises:
        ModelError: unknown kind, or one that does not fit.
    """
    if kind == "auto":
        kind = "pooled" if len(shape) == 3 else "token"
    if kind == "token":
        return TokenHead(shape[-1], num_classes)
    if kind not in {"pooled", "conv"}:
        raise ModelError(f"head: expected auto, pooled, conv or token, got {kind!r}")
    if len(shape) != 3:
        raise ModelError(f"head {kind!r}: expected a map [C, H, W], got {list(shape)}; use 'token'")
    make = PooledHead if kind == "pooled" else ConvHead
    return make(shape[0], num_classes)


@fx.wrap  # stays one call when a head is traced: what it does depends on the size of the map
def mean_over_grid(x: Tensor, grid: int) -> Tensor:
    """Average [N, C, H, W] over a raster: [N, C, grid, grid].

    A window of fixed size is up to four times as fast as an adaptive one.
    """
    height, width = x.shape[-2:]
    if height % grid or width % grid:
        return functional.adaptive_avg_pool2d(x, grid)
    return functional.avg_pool2d(x, (height // grid, width // grid))
