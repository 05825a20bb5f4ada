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


def start_from(network: MultiExitNetwork, trained: Mapping[str, MultiExitNetwork]) -> list[str]:
    """Copy the mean of trained networks' weights into one that is built alike, to go on training.

    Stages of another shape stay fresh, as a whole, and so do layers that a stage has behind those
    that it has there: a network with another beginning, or with more at its end, can start from one
    that is trained. Of heads, layers of another shape stay fresh, such as the last one for another
    number of classes.

    The mean of several is good where they come from one network that was trained further in
    several ways; of networks that began apart it is noise.

    Reference: Wortsman et al., "Model soups", 2022.

    Args:
        network: takes the weights.
        trained: have them, under names for messages; at least one.

    Returns:
        Names of the stages' weights that stay fresh.

    Raises:
        ModelError: No stage fits.
    """
    own = network.state_dict()
    sources = {name: source.state_dict() for name, source in trained.items()}
    misfits: dict[str, str] = {}
    for name, source in sources.items():
        for path in filter(_in_stage, own | source):
            if path in source and not _fits(source, path, own):
                misfits.setdefault(_part(path), _misfit(source, path, own, name))
    if len(misfits) == len(network.stages):
        raise ModelError(next(iter(misfits.values())))
    fresh_heads = {part.replace("stages.", "heads.") for part in misfits}
    fresh = [
        path
        for path in own
        if _part(path) in misfits.keys() | fresh_heads  # a head reads what its stage computes
        or not all(_fits(source, path, own) for source in sources.values())
    ]
    with torch.no_grad():
        for path in own.keys() - set(fresh):
            mean = torch.stack([source[path].double() for source in sources.values()]).mean(0)
            own[path].copy_(mean)
    return [path for path in fresh if _in_stage(path)]


def _in_stage(path: str) -> bool:
    return path.startswith("stages.")


def _part(path: str) -> str:
    """The stage or head that a weight belongs to."""
    return ".".join(path.split(".", 2)[:2])


def _fits(source: Mapping[str, Tensor], path: str, own: Mapping[str, Tensor]) -> bool:
    return path in source and path in own and source[path].shape == own[path].shape


def _misfit(source: Mapping[str, Tensor], path: str, own: Mapping[str, Tensor], name: str) -> str:
    shape = list(own[path].shape) if path in own else "none"
    return (
        f"weights of {name}: {path!r}: expected shape {shape}, got {list(source[path].shape)}, and "
        "no other stage fits; start from a model of the same family and a like configuration"
    )
