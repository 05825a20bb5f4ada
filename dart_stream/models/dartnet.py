"""DartNet: a plain convolutional network for small pictures whose first exit is cheap.

Reference: own design, in the manner of Simonyan and Zisserman, "Very Deep Convolutional Networks",
2015, as Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", 2024, trains it: 3x3
convolutions with batch normalisation and GELU, few and wide, and halved by taking maxima.

What was measured, on validation and over three or four epochs at equal MACs: a convolution that is
pooled afterwards beats one that skips every second pixel; GELU beats the rectifier by a point, and
costs no pass over memory behind a folded convolution; shortcuts add nothing at this depth; a third
convolution of the last stage gains half a point. Layers at full resolution stay narrow: they cost
more time than their MACs say; a first convolution that takes steps of two itself needs none. The
first exits have small convolutions of their own, since what stands behind so few layers is not
classes yet. Heads pool with a mean, because a maximum over a map that lies channels last costs as
much time as half a stage.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from torch import nn

from dart_stream.models.heads import ConvHead, PooledHead
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register

_WINDOW: Final = 3
"""Pixels on a side, of all convolutions but some of the stem."""


@register("dartnet")
class DartNet(MultiExitNetwork):
    """Stages of convolutions with an exit behind each.

    The defaults suit 32x32 pictures: the stem leaves 16x16, the stages 16x16, 8x8, 8x8 and 4x4.

    Args:
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels, each at least 8.
        stem: channels of the first convolutions, which belong to stage 0, or (channels, window): a
            convolution of that even window takes the steps of its stride itself.
        stem_strides: 2 where maxima halve the map behind the convolution, else 1; even where it
            takes the steps itself.
        stages: channels of each stage's convolutions.
        strides: 2 where maxima halve the map behind a stage's first convolution, else 1.
        heads: channels of the convolutions inside the first exits' heads, each of which halves the
            map; heads that are not listed have none.
        grids: rasters over which the first exits' heads average instead of over the whole map,
            because position still tells classes apart that early.
    """

    def __init__(  # noqa: PLR0913 - keyword-only configuration, each with a default
        self,
        *,
        num_classes: int = 10,
        input_size: Sequence[int] = (32, 32),
        stem: Sequence[int | Sequence[int]] = (16, 24),
        stem_strides: Sequence[int] = (1, 2),
        stages: Sequence[Sequence[int]] = ((48,), (112,), (112, 176), (192, 192, 192)),
        strides: Sequence[int] = (1, 2, 1, 2),
        heads: Sequence[Sequence[int]] = ((32, 64), (64,)),
        grids: Sequence[int] = (2, 2),
    ) -> None:
        first = [_channels_and_window(each) for each in stem]
        _require_alike(stem=[out for out, _ in first], stem_strides=stem_strides)
        _require_alike(stages=[min(stage, default=0) for stage in stages], strides=strides)
        height, width = input_size
        channels = 3
        begin: list[nn.Module] = []
        for (out, window), stride in zip(first, stem_strides, strict=True):
            begin += _stem_layer(channels, out, stride, window)
            channels = out
        chains: list[nn.Module] = []
        for widths, stride in zip(stages, strides, strict=True):
            layers = begin + _layer(channels, widths[0], stride)
            for before, out in pairwise(widths):
                layers += _layer(before, out)
            chains.append(nn.Sequential(*layers))
            begin, channels = [], widths[-1]
        classifiers = [
            _head(
                widths[-1],
                num_classes,
                inner=heads[index] if index < len(heads) else (),
                grid=grids[index] if index < len(grids) else 1,
            )
            for index, widths in enumerate(stages)
        ]
        super().__init__(chains, classifiers, num_classes=num_classes, input_size=(height, width))


def _require_alike(**settings: Sequence[int]) -> None:
    """Refuse lists of unlike length, and numbers below 1."""
    lengths = [len(setting) for setting in settings.values()]
    *first, last = settings
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(
            f"expected {', '.join(first)} and {last} of one length, at least 1, "
            f"got {', '.join(map(str, lengths))}"
        )
    for name, setting in settings.items():
        if min(setting) < 1:
            raise ValueError(f"expected {name} of at least 1 each, got {list(setting)}")


def _channels_and_window(layer: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(layer, int):
        return layer, _WINDOW
    channels, window = layer
    return channels, window


def _stem_layer(channels: int, out: int, stride: int, window: int) -> list[nn.Module]:
    """One of the first convolutions; one that takes steps itself needs no map of full size."""
    if window == _WINDOW:
        return _layer(channels, out, stride)
    if window % 2 or stride % 2 or window < stride:
        raise ValueError(
            f"expected stem of windows of {_WINDOW}, or even ones of at least an even stride, "
            f"got {window} at stride {stride}"
        )
    padding = (window - stride) // 2
    return [
        nn.Conv2d(channels, out, window, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(out),
        nn.GELU(),
    ]


def _layer(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    """A convolution, with maxima over `stride` x `stride` behind it."""
    layer: list[nn.Module] = [
        nn.Conv2d(channels, out, _WINDOW, padding=_WINDOW // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.GELU(),
    ]
    return layer if stride == 1 else [*layer, nn.MaxPool2d(stride, ceil_mode=True)]


def _head(channels: int, num_classes: int, inner: Sequence[int], grid: int) -> nn.Module:
    if not inner:
        return PooledHead(channels, num_classes, grid=grid)
    return ConvHead(channels, num_classes, inner=inner, grid=grid, activation=nn.GELU)
