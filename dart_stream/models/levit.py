"""LeViT with exits on its tokens.

Reference: Graham et al., "LeViT: a Vision Transformer in ConvNet's Clothing for Faster Inference",
2021; backbone of timm, trained there on ImageNet at 224x224. Heads as in DART Eq. 16.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

from torch import Tensor, nn
from torch.nn import functional

from dart_stream.models.exits import with_exits
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register

Variant = Literal["levit_128s", "levit_128", "levit_192", "levit_256", "levit_384"]
_VARIANTS: Final = get_args(Variant)
_STEM_STRIDE = 16


def _backbone(
    variant: str, num_classes: int, input_size: Sequence[int], drop_path: float
) -> nn.Module:
    if variant not in _VARIANTS:
        raise ValueError(f"variant: expected one of {', '.join(_VARIANTS)}, got {variant!r}")
    if any(size < _STEM_STRIDE or size % _STEM_STRIDE for size in input_size):
        raise ValueError(
            f"input_size: LeViT takes multiples of {_STEM_STRIDE} pixels, got {list(input_size)}"
        )
    import timm  # a second of its own: only for who uses it

    backbone: nn.Module = timm.create_model(
        variant,
        num_classes=num_classes,
        img_size=tuple(input_size),
        drop_path_rate=drop_path,
    )
    return backbone


def _library_weights(
    *,
    num_classes: int = 1000,
    input_size: Sequence[int] = (224, 224),
    variant: Variant = "levit_128s",
    **_config: Any,
) -> Mapping[str, Tensor]:
    """Weights of timm; biases of the attention are interpolated to another number of tokens.

    Each attention has one bias for every distance (dy, dx), a small map.
    """
    import timm

    library: nn.Module = timm.create_model(variant, pretrained=True)
    ours = _backbone(variant, num_classes, input_size, 0.0).state_dict()
    weights: dict[str, Tensor] = dict(library.state_dict())
    rows, columns = (size // _STEM_STRIDE for size in input_size)
    for name, bias in weights.items():
        if name.endswith("attention_biases") and bias.shape != ours[name].shape:
            shape = _distances(ours[name].shape[1], rows, columns)
            side = round(bias.shape[1] ** 0.5)
            square = bias.reshape(1, -1, side, side)
            scaled = functional.interpolate(square, shape, mode="bicubic", align_corners=True)
            weights[name] = scaled.flatten(2)[0]
    return weights


def _distances(tokens: int, rows: int, columns: int) -> tuple[int, int]:
    """Return (rows, columns) of the stage that has so many tokens; each stage halves both."""
    while rows * columns > tokens:
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
    return rows, columns


@register("levit", library_weights=_library_weights)
def levit(
    *,
    num_classes: int = 10,
    input_size: Sequence[int] = (224, 224),
    variant: Variant = "levit_128s",
    at: Sequence[str] = ("stages.0.blocks.0", "stages.1.blocks.0"),
    drop_path: float = 0.0,
) -> MultiExitNetwork:
    """Build a LeViT with exits.

    Args:
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels, multiples of 16.
        variant: of timm, "levit_128s" to "levit_384".
        at: parts with an exit behind, such as "stages.1.blocks.2"; see `cut_points`.
        drop_path: probability that a block is left out in training.
    """
    backbone = _backbone(variant, num_classes, input_size, drop_path)
    return with_exits(backbone, at, input_size=input_size, heads="token")
