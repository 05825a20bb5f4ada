"""Networks that begin with trained weights: of torchvision or timm, or of a model of one's own."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dart_stream.errors import ModelError
from dart_stream.models.network import MultiExitNetwork
from dart_stream.models.registry import create_model, library_weights_of


def create_pretrained(family: str, /, **config: Any) -> MultiExitNetwork:
    """Build a network as `create_model` does, its stages with a library's trained weights.

    Heads start fresh; so does the last one unless the library's classifier has as many classes.
    The weights expect pictures normalised as the library does it, and adapt when trained on others.

    Raises:
        ModelError: as `create_model`; no weights for this family, or they cannot be downloaded.
    """
    network = create_model(family, **config)
    fetch = library_weights_of(family)
    try:
        weights = fetch(**config)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"pretrained weights of {family!r} cannot be downloaded ({type(error).__name__}: "
            f"{reason}); try again with a connection to the internet, or train without them"
        ) from error
    adopt_weights(network, weights)
    return network


def adopt_weights(network: MultiExitNetwork, weights: Mapping[str, Tensor]) -> None:
    """Copy a backbone's weights into the stages of a network that was cut from such a backbone.

    The last head takes what fits its shape.

    Raises:
        ModelError: the stages have a weight that is missing or of another shape.
    """
    last_head = f"heads.{len(network.heads) - 1}."
    with torch.no_grad():
        for name, own in network.state_dict().items():
            in_stage = name.startswith("stages.")
            if not in_stage and not name.startswith(last_head):
                continue
            found = weights.get(name.split(".", 2)[2])
            if found is not None and found.shape == own.shape:
                own.copy_(found)
            elif in_stage:
                shape = "none" if found is None else list(found.shape)
                raise ModelError(
                    f"pretrained weights: {name!r}: expected shape {list(own.shape)}, got {shape}; "
                    "use the width, depth and input size that the library trained"
                )


def start_from(network: MultiExitNetwork, trained: Mapping[str, MultiExitNetwork]) -> None:
    """Copy the mean of trained networks' weights into one of the same shape, to go on training.

    The mean of several is good where they come from one network that was trained further in
    several ways; of networks that began apart it is noise. Heads for another number of classes stay
    fresh in their last layer.

    Reference: Wortsman et al., "Model soups", 2022.

    Args:
        network: takes the weights.
        trained: have them, under names for messages; at least one.

    Raises:
        ModelError: a stage has no weights there, or ones of another shape.
    """
    found = {name: source.state_dict() for name, source in trained.items()}
    with torch.no_grad():
        for path, own in network.state_dict().items():
            weights = [_fitting(body, path, own, name) for name, body in found.items()]
            fitting = [weight for weight in weights if weight is not None]
            if len(fitting) == len(found):
                own.copy_(torch.stack([weight.double() for weight in fitting]).mean(0))


def _fitting(weights: Mapping[str, Tensor], path: str, own: Tensor, name: str) -> Tensor | None:
    found = weights.get(path)
    if found is not None and found.shape == own.shape:
        return found
    if path.startswith("stages."):
        shape = "none" if found is None else list(found.shape)
        raise ModelError(
            f"weights of {name}: {path!r}: expected shape {list(own.shape)}, got {shape}; "
            "start from a model of the same family and configuration"
        )
    return None
