"""AlexNet for small pictures, with exits behind its first two convolutions.

Reference: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks",
2012, in the form for 32x32 pictures of Teerapittayanon et al., "BranchyNet", 2016: five
convolutions, pooled behind the first, second and last, and linear layers.
Differs from both: batch normalisation instead of local response normalisation and dropout of half
the units, because it trains in a tenth of the epochs; 3x3 kernels behind the first; the linear
layers read a 2x2 raster, which fits the model into a few megabytes at any picture size.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from dart_stream.models.heads import ConvHead, PooledHead
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register

_POOLED = (0, 1, 4)  # convolutions with a pooling behind them
_GRID = 2


@register("alexnet")
class AlexNet(MultiExitNetwork):
    """Five convolutions; the third to fifth and the linear layers are the last stage.

    Args:
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels, each at least 8.
        widths: channels of the five convolutions.
        first_kernel: side of the first convolution's kernel, odd.
        hidden: units of each linear layer before the classifier.
        exits: number of exits: 3, 2 (without the first), or 1 (the plain network).
        first_inner: channels inside the first exit's head.
    """

    def __init__(  # noqa: PLR0913 - keyword-only configuration, each with a default
        self,
        *,
        num_classes: int = 10,
        input_size: Sequence[int] = (28, 28),
        widths: Sequence[int] = (48, 96, 192, 128, 128),
        first_kernel: int = 5,
        hidden: Sequence[int] = (256,),
        exits: int = 3,
        first_inner: int = 32,
    ) -> None:
        if len(widths) != 5 or first_kernel % 2 != 1 or exits not in {1, 2, 3}:
            raise ValueError(
                "expected 5 widths, an odd first_kernel and 1 to 3 exits, "
                f"got {len(widths)}, {first_kernel} and {exits}"
            )
        height, width = input_size
        channels = (3, *widths)
        layers = [
            _convolution(channels[k], channels[k + 1], first_kernel if k == 0 else 3, k in _POOLED)
            for k in range(5)
        ]
        heads: list[nn.Module] = [
            ConvHead(widths[0], num_classes, inner=(first_inner,), grid=_GRID),
            PooledHead(widths[1], num_classes, grid=_GRID),
        ]
        early = exits - 1
        parts = [*layers[:2], [each for layer in layers[2:] for each in layer]]
        while len(parts) > exits:  # an exit that is left out joins its stage to the next
            parts[0:2] = [[*parts[0], *parts[1]]]
        stages = [nn.Sequential(*part) for part in parts]
        heads = heads[2 - early :]
        heads.append(_classifier(widths[-1], hidden, num_classes))
        super().__init__(stages, heads, num_classes=num_classes, input_size=(height, width))


def _convolution(channels: int, out: int, kernel: int, pooled: bool) -> list[nn.Module]:
    layer: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    ]
    return [*layer, nn.MaxPool2d(2, ceil_mode=True)] if pooled else layer


def _classifier(channels: int, hidden: Sequence[int], num_classes: int) -> nn.Module:
    """Linear layers on a raster of the last map."""
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(_GRID), nn.Flatten()]
    units = [channels * _GRID * _GRID, *hidden]
    for before, after in pairwise(units):
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(units[-1], num_classes))
