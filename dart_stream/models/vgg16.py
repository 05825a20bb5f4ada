"""VGG-16 with batch normalisation and exits behind its first three poolings.

Reference: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", 2015 (configuration D); normalised after Ioffe and Szegedy, "Batch Normalization",
2015. For small pictures one linear layer on the mean replaces the three of the paper, which would
hold nine tenths of the weights. DART's later exits stand where 89 and 98 % of the work is done.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dart_stream.models.exits import with_exits
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register


class Vgg(nn.Module):
    """The plain backbone; its features are numbered as in torchvision."""

    def __init__(
        self, num_classes: int, widths: Sequence[int], blocks: Sequence[int], hidden: Sequence[int]
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks) or not widths:
            raise ValueError(
                f"expected as many widths as blocks, got {len(widths)} and {len(blocks)}"
            )
        layers, channels = list[nn.Module](), 3
        for out, count in zip(widths, blocks, strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
                channels = out
            # Rounding up keeps a pixel of maps that are odd or too small already.
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        classifier = list[nn.Module]()
        for units in hidden:
            classifier += [nn.Linear(channels, units), nn.ReLU(), nn.Dropout(0.5)]
            channels = units
        self.classifier = nn.Sequential(*classifier, nn.Linear(channels, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, 3, H, W] to logits [N, classes]."""
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def _library_weights(**_config: Any) -> Mapping[str, Tensor]:
    """Weights of torchvision; its classifier reads another raster and is left out."""
    from torchvision import models

    network = models.vgg16_bn(weights=models.VGG16_BN_Weights.DEFAULT)
    return {
        name: weight
        for name, weight in network.state_dict().items()
        if name.startswith("features.")
    }


@register("vgg16", library_weights=_library_weights)
def vgg16(
    *,
    num_classes: int = 10,
    input_size: Sequence[int] = (32, 32),
    widths: Sequence[int] = (64, 128, 256, 512, 512),
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    hidden: Sequence[int] = (),
    at: Sequence[str] | None = None,
) -> MultiExitNetwork:
    """Build a VGG network with exits.

    Args:
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels.
        widths: channels of each block.
        blocks: convolutions of each block; a pooling follows each block.
        hidden: units of linear layers before the classifier.
        at: parts with an exit behind, such as "features.13"; None for the poolings behind all
            blocks but the last two.
    """
    poolings = [3 * sum(blocks[: k + 1]) + k for k in range(len(blocks))]
    where = [f"features.{index}" for index in poolings[:-2]] if at is None else at
    backbone = Vgg(num_classes, widths, blocks, hidden)
    return with_exits(backbone, where, input_size=input_size)
