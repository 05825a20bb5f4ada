"""Model families by name."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from torch import Tensor

from dart_stream.errors import ModelError
from dart_stream.models.network import MultiExitNetwork

Family = TypeVar("Family", bound=Callable[..., MultiExitNetwork])
LibraryWeights = Callable[..., Mapping[str, Tensor]]

_REFUSALS = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)
"""What building layers from odd numbers and words ends in."""

_BESIDE: Final = ("num_classes", "input_size")
"""Arguments of every family that a model directory stores beside the configuration."""

_families: dict[str, Callable[..., MultiExitNetwork]] = {}
_library_weights: dict[str, LibraryWeights] = {}


def register(
    name: str, *, library_weights: LibraryWeights | None = None
) -> Callable[[Family], Family]:
    """Make a class or function known as family `name`; its keyword arguments are its config.

    Each is named in its signature (of a variant: `functools.partial` of its family), so that
    `full_config` can write out the defaults.

    Args:
        name: of the family.
        library_weights: fetches trained weights, by their names in the backbone, for the same
            keyword arguments; None if no library has any.
    """

    def add(family: Family) -> Family:
        if name in _families:
            raise ValueError(f"model family {name!r} is registered twice")
        _families[name] = family
        if library_weights is not None:
            _library_weights[name] = library_weights
        return family

    return add


def create_model(family: str, /, **config: Any) -> MultiExitNetwork:
    """Build a network with fresh weights.

    Raises:
        ModelError: the family is unknown or does not accept `config`.
    """
    build = _find(family)
    try:
        return build(**config)
    except (*_REFUSALS, ModelError) as error:
        raise ModelError(f"model family {family!r} refuses its configuration: {error}") from error


def full_config(family: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Write out the defaults that `config` leaves to the family, as plain data.

    So a stored model stays what it is when a default changes. Classes and input size are left out.

    Raises:
        ModelError: the family is unknown.
    """
    parameters = inspect.signature(_find(family)).parameters.values()
    defaults = {
        each.name: each.default
        for each in parameters
        if each.default is not each.empty and each.name not in _BESIDE
    }
    full: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(defaults | dict(config)))
    return full


def list_models() -> list[str]:
    """Names of all registered families, sorted."""
    return sorted(_families)


def library_weights_of(family: str) -> LibraryWeights:
    """Return what fetches a library's weights for a family.

    Raises:
        ModelError: there are none.
    """
    if family not in _library_weights:
        raise ModelError(
            f"model family {family!r}: no library has weights for it, only for "
            f"{', '.join(sorted(_library_weights))}; train it without pretrained weights"
        )
    return _library_weights[family]


def _find(family: str) -> Callable[..., MultiExitNetwork]:
    if family not in _families:
        raise ModelError(
            f"model family: expected one of {', '.join(list_models())}, got {family!r}"
        )
    return _families[family]
