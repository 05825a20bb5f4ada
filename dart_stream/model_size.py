"""A limit on what building a network may take, before its weights say that it is another one."""

import math
from collections.abc import Callable
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode

from dart_stream.errors import ModelError

SLACK_ELEMENTS: Final = 1 << 28
"""Beside the weights of the file: parts of a library's backbone that are built and taken off."""
_MAX_TENSORS: Final = 20_000
_FACTORIES: Final = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}
)


class SizeLimit(TorchFunctionMode):
    """Within it, tensors beyond a number of elements are refused before they are made.

    A description that somebody has damaged may ask for layers of any size.

    Args:
        elements: of all tensors together.
    """

    def __init__(self, elements: int) -> None:
        super().__init__()
        self._left, self._tensors = elements, 0

    def __torch_function__(  # the name that torch asks for
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Count what a factory would make, then let it.

        Raises:
            ModelError: it is more than is left.
        """
        del types
        kwargs = kwargs or {}
        if func in _FACTORIES:
            self._take(args, kwargs)
        return func(*args, **kwargs)

    def _take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        shape = kwargs.get("size", args[0] if args and not isinstance(args[0], int) else args)
        self._tensors += 1
        self._left -= math.prod(int(side) for side in shape)
        if self._left < 0 or self._tensors > _MAX_TENSORS:
            raise ModelError("expected a network as large as its weights, got a larger one")
