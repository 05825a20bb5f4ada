"""ResNet-18 with exits between its blocks.

Reference: He et al., "Deep Residual Learning for Image Recognition", 2016; blocks of torchvision.
For small pictures the stem is one 3x3 convolution at full size, as in that paper's networks for
CIFAR-10. Exits behind the first block of each part: the one that halves the picture, after which
features change most. DART's fourth exit, behind all convolutions, saves nothing and is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn

from dart_stream.models.exits import with_exits
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register

Stem = Literal["auto", "small", "large"]
_SMALL = 96  # pixels; larger pictures are quartered at once


class ResNet(nn.Module):
    """The plain backbone; its parts are named as in torchvision."""

    def __init__(
        self, num_classes: int, widths: Sequence[int], blocks: Sequence[int], *, small_stem: bool
    ) -> None:
        super().__init__()
        if len(widths) != 4 or len(blocks) != 4:
            raise ValueError(f"expected 4 widths and 4 blocks, got {len(widths)} and {len(blocks)}")
        kernel, stride = (3, 1) if small_stem else (7, 2)
        self.conv1 = nn.Conv2d(3, widths[0], kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small_stem else nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _layer(widths[0], widths[0], blocks[0], stride=1)
        self.layer2 = _layer(widths[0], widths[1], blocks[1], stride=2)
        self.layer3 = _layer(widths[1], widths[2], blocks[2], stride=2)
        self.layer4 = _layer(widths[2], widths[3], blocks[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[3], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, 3, H, W] to logits [N, classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def _layer(channels: int, out: int, count: int, *, stride: int) -> nn.Sequential:
    from torchvision.models.resnet import BasicBlock  # half a second: only for who uses it

    downsample = None
    if stride != 1 or channels != out:
        downsample = nn.Sequential(
            nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out)
        )
    first = BasicBlock(channels, out, stride, downsample)
    return nn.Sequential(first, *(BasicBlock(out, out) for _ in range(count - 1)))


def _library_weights(
    *, input_size: Sequence[int] = (32, 32), stem: Stem = "auto", **_config: Any
) -> Mapping[str, Tensor]:
    """Weights of torchvision; of the first kernel the middle where the stem is small."""
    from torchvision import models

    network = models.resnet18(weights=models.ResNet18_Weights.DEFAULT)
    weights: dict[str, Tensor] = dict(network.state_dict())
    if _has_small_stem(input_size, stem):
        weights["conv1.weight"] = weights["conv1.weight"][:, :, 2:5, 2:5]
    return weights


def _has_small_stem(input_size: Sequence[int], stem: Stem) -> bool:
    if stem not in {"auto", "small", "large"}:
        raise ValueError(f"stem: expected auto, small or large, got {stem!r}")
    return max(input_size) <= _SMALL if stem == "auto" else stem == "small"


@register("resnet18", library_weights=_library_weights)
def resnet18(
    *,
    num_classes: int = 10,
    input_size: Sequence[int] = (32, 32),
    widths: Sequence[int] = (64, 128, 256, 512),
    blocks: Sequence[int] = (2, 2, 2, 2),
    stem: Stem = "auto",
    at: Sequence[str] = ("layer1.0", "layer2.0", "layer3.0"),
) -> MultiExitNetwork:
    """Build a ResNet of basic blocks with exits.

    Args:
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels.
        widths: channels of the four parts.
        blocks: blocks of each part.
        stem: "small" (3x3, full size), "large" (7x7 and pooling, a quarter of the size), or "auto"
            by the size of the pictures.
        at: parts with an exit behind, such as "layer2.1"; see `cut_points`.
    """
    small = _has_small_stem(input_size, stem)
    backbone = ResNet(num_classes, widths, blocks, small_stem=small)
    return with_exits(backbone, at, input_size=input_size)
