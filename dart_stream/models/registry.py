"""Model families by name."""

from collections.abc import Callable
from typing import Any, TypeVar

from dart_stream.errors import ModelError
from dart_stream.models.network import MultiExitNetwork

Family = TypeVar("Family", bound=Callable[..., MultiExitNetwork])

_families: dict[str, Callable[..., MultiExitNetwork]] = {}


def register(name: str) -> Callable[[Family], Family]:
    """Make a class or function known as family `name`; its keyword arguments are its config."""

    def add(family: Family) -> Family:
        if name in _families:
            raise ValueError(f"model family {name!r} is registered twice")
        _families[name] = family
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
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"model family {family!r} refuses its configuration: {error}") from error


def list_models() -> list[str]:
    """Names of all registered families, sorted."""
    return sorted(_families)
