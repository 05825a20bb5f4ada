"""Model families by name."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor

from dart_stream.errors import ModelError
from dart_stream.models.network import MultiExitNetwork

Family = TypeVar("Family", bound=Callable[..., MultiExitNetwork])
LibraryWeights = Callable[..., Mapping[str, Tensor]]

_REFUSALS = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)
"""What building layers from odd numbers and words ends in."""

_families: dict[str, Callable[..., MultiExitNetwork]] = {}
_library_weights: dict[str, LibraryWeights] = {}


def register(
    name: str, *, library_weights: LibraryWeights | None = None
) -> Callable[[Family], Family]:
    """Make a class or function known as family `name`; its keyword arguments are its config.

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
    if family not in _families:
        raise ModelError(
            f"model family: expected one of {', '.join(list_models())}, got {family!r}"
        )
    try:
        return _families[family](**config)
    except (*_REFUSALS, ModelError) as error:
        raise ModelError(f"model family {family!r} refuses its configuration: {error}") from error


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
