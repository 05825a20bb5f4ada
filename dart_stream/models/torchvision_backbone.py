"""Any classifier of torchvision with exits.

Reference: TorchVision maintainers and contributors, "TorchVision: PyTorch's Computer Vision
library", 2016; each model's own reference stands in its documentation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dart_stream.models.exits import with_exits
from dart_stream.models.library_options import require_known, require_plain
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import register


def _library_weights(
    *, backbone: str, options: Mapping[str, Any] | None = None, **_config: Any
) -> Mapping[str, Tensor]:
    from torchvision import models

    network: nn.Module = models.get_model(backbone, weights="DEFAULT", **(options or {}))
    return network.state_dict()


@register("torchvision", library_weights=_library_weights)
def torchvision_backbone(  # noqa: PLR0913 - keyword-only configuration, each with a default
    *,
    backbone: str,
    at: Sequence[str],
    num_classes: int = 10,
    input_size: Sequence[int] = (224, 224),
    heads: str | Sequence[str] = "auto",
    enlarge: int = 1,
    options: Mapping[str, Any] | None = None,
) -> MultiExitNetwork:
    """Build a model of torchvision with exits.

    Args:
        backbone: a classifier's name, such as "mobilenet_v3_small".
        at: parts with an exit behind; see `cut_points`.
        num_classes: number of classes, at least 2.
        input_size: (height, width) in pixels; some models take only the size they were built for.
        heads: kind of the exits' heads, or one for each; see `make_head`.
        enlarge: how many times larger the backbone sees pictures; see `with_exits`.
        options: more keyword arguments of the model, such as `{aux_logits: false}`.
    """
    from torchvision import models

    options = {} if options is None else options
    require_plain(options)
    require_known(backbone, models.list_models(module=models), "torchvision")
    network: nn.Module = models.get_model(
        backbone, weights=None, num_classes=num_classes, **options
    )
    return with_exits(network, at, input_size=input_size, heads=heads, enlarge=enlarge)
