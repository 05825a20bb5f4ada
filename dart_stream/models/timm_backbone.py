"""Any classifier of timm with exits.

Reference: Wightman, R., "PyTorch Image Models", 2019; each model's own reference stands in timm.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dart_stream.models.exits import with_exits
from dart_stream.models.library_options import require_known, require_plain
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register


def _create(
    backbone: str, input_size: Sequence[int], options: Mapping[str, Any], **more: Any
) -> nn.Module:
    import timm  # a second of its own: only for who uses it

    require_plain(options)
    require_known(backbone, timm.list_models(), "timm")
    trained = timm.get_pretrained_cfg(backbone)
    sized: dict[str, Any] = (
        {"img_size": tuple(input_size)} if trained and trained.fixed_input_size else {}
    )
    network: nn.Module = timm.create_model(backbone, **sized, **options, **more)
    return network


def _library_weights(
    *,
    backbone: str,
    input_size: Sequence[int] = (224, 224),
    enlarge: int = 1,
    options: Mapping[str, Any] | None = None,
    **_config: Any,
) -> Mapping[str, Tensor]:
    seen = _seen(input_size, enlarge)
    return _create(backbone, seen, options or {}, pretrained=True).state_dict()


def _seen(input_size: Sequence[int], enlarge: int) -> list[int]:
    return [side * enlarge for side in input_size]


@register("timm", library_weights=_library_weights)
def timm_backbone(  # noqa: PLR0913 - keyword-only configuration, each with a default
    *,
    backbone: str,
    at: Sequence[str],
    num_classes: int = 10,
    input_size: Sequence[int] = (224, 224),
    heads: str | Sequence[str] = "auto",
    enlarge: int = 1,
    options: Mapping[str, Any] | None = None,
) -> MultiExitNetwork:
    """Build a model of timm with exits.

    Args:
        backbone: a model's name, such as "convnext_atto".
        at: parts with an exit behind; see `cut_points`.
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels.
        heads: kind of the exits' heads, or one for each; see `make_head`. Models that keep their
            channels last, such as Swin, need "token".
        enlarge: how many times larger the backbone sees pictures; see `with_exits`.
        options: more keyword arguments of the model, such as `{drop_path_rate: 0.1}`.
    """
    network = _create(backbone, _seen(input_size, enlarge), options or {}, num_classes=num_classes)
    return with_exits(network, at, input_size=input_size, heads=heads, enlarge=enlarge)
