"""DartNet: a compact residual network for small pictures whose first exit is cheap.

Reference: own design, made of the residual blocks of He et al., "Deep Residual Learning for
Image Recognition", 2016, with the stride-2 shortcut pooled as in He, T. et al., "Bag of Tricks",
2019, and the last normalisation of a block starting at zero (Goyal et al., 2017).

The stem halves the picture behind one narrow layer at most: layers at full resolution cost more
time than their MACs say. The first block is a bottleneck, so that the first exit stays below an
eighth of the whole; heads pool with a mean, because a maximum costs as much time as half a stage.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from dart_stream.models.heads import PooledHead
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: [N, C, H, W] -> [N, C', H / stride, W / stride]."""

    def __init__(self, channels: int, out_channels: int, *, inner: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        nn.init.zeros_(self.bn2.weight)
        self.shortcut = _shortcut(channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', H / stride, W / stride]."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + self.shortcut(x))


def _shortcut(channels: int, out_channels: int, stride: int) -> nn.Module:
    if channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.AvgPool2d(stride, ceil_mode=True),
        nn.Conv2d(channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )


@register("dartnet")
class DartNet(MultiExitNetwork):
    """Residual stages with an exit behind each.

    The defaults suit 32x32 pictures: 16x16 after the stem, then 16x16, 8x8, 8x8 and 4x4.

    Args:
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels, each at least 8.
        stem_width: channels of a 3x3 convolution at full resolution before the picture is halved;
            0 halves it at once, by a 4x4 convolution.
        widths: channels of each stage's output.
        blocks: residual blocks of each stage.
        strides: stride of each stage's first block, 1 or 2.
        first_inner: channels between the two convolutions of stage 0's blocks.
        first_grid: stage 0's head averages over a raster of this size instead of the whole map,
            because position still tells classes apart that early.
    """

    def __init__(  # noqa: PLR0913 - keyword-only configuration, each with a default
        self,
        *,
        num_classes: int = 10,
        input_size: Sequence[int] = (32, 32),
        stem_width: int = 16,
        widths: Sequence[int] = (48, 128, 128, 224),
        blocks: Sequence[int] = (1, 1, 1, 2),
        strides: Sequence[int] = (1, 2, 1, 2),
        first_inner: int = 24,
        first_grid: int = 2,
    ) -> None:
        if not len(widths) == len(blocks) == len(strides) >= 1:
            raise ValueError(
                "expected widths, blocks and strides of one length, "
                f"got {len(widths)}, {len(blocks)} and {len(strides)}"
            )
        height, width = input_size
        stages: list[nn.Module] = []
        channels = widths[0]
        for index, (out, count, stride) in enumerate(zip(widths, blocks, strides, strict=True)):
            inner = first_inner if index == 0 else out
            chain = [ResidualBlock(channels, out, inner=inner, stride=stride)]
            chain += [ResidualBlock(out, out, inner=inner) for _ in range(count - 1)]
            stages.append(nn.Sequential(*(_stem(stem_width, out) if index == 0 else []), *chain))
            channels = out
        heads = [
            PooledHead(out, num_classes, grid=first_grid if index == 0 else 1)
            for index, out in enumerate(widths)
        ]
        super().__init__(stages, heads, num_classes=num_classes, input_size=(height, width))


def _stem(stem_width: int, channels: int) -> list[nn.Module]:
    """Halve the picture; with 48 channels or more a 4x4 layer loses nothing (4 * 4 * 3 = 48)."""
    if not stem_width:
        return _layer(3, channels, size=4, stride=2)
    return [
        *_layer(3, stem_width, size=3, stride=1),
        *_layer(stem_width, channels, size=3, stride=2),
    ]


def _layer(channels: int, out_channels: int, *, size: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, out_channels, size, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]
