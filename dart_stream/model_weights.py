"""Weights of a model: safetensors, checked against the network before they are used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dart_stream.errors import ModelError

_FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32)


def stored_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are stored: kernels and matrices in half precision, the rest as it is.

    Vectors (biases, scales, statistics of normalisations) are a fiftieth of the size, and small
    variances would lose digits.

    Raises:
        ModelError: a weight is not finite, or too large for half precision.
    """
    stored = {}
    for name, value in state.items():
        tensor = value.detach().contiguous()
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor = tensor.half()
        if not tensor.isfinite().all():
            raise ModelError(f"weight {name!r}: expected finite numbers, got NaN or infinity")
        stored[name] = tensor
    return stored


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; nothing in it is executed.

    Raises:
        ModelError: damaged, or in another format.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: expected weights in safetensors format, found a damaged or other file "
            f"({' '.join(str(error).split())}); copy the model directory again"
        ) from error


def require_same_weights(
    path: Path, expected: Mapping[str, Tensor], got: Mapping[str, Tensor]
) -> None:
    """Compare what a network needs with what was read from `path`.

    Raises:
        ModelError: other names, shapes or kinds of numbers, or a number that is not finite.
    """
    for kind, names in (
        ("missing", expected.keys() - got.keys()),
        ("unexpected", got.keys() - expected.keys()),
    ):
        if names:
            raise ModelError(
                f"{path}: weights do not fit model.json: {len(names)} {kind}, "
                f"such as {min(names)!r}"
            )
    for name, tensor in got.items():
        _require_same(path, name, expected[name], tensor)


def _require_same(path: Path, name: str, expected: Tensor, got: Tensor) -> None:
    if got.shape != expected.shape:
        raise ModelError(
            f"{path}: weight {name!r}: expected shape {list(expected.shape)}, got {list(got.shape)}"
        )
    if got.is_floating_point() != expected.is_floating_point():
        raise ModelError(
            f"{path}: weight {name!r}: expected numbers like {expected.dtype}, got {got.dtype}"
        )
    if got.is_floating_point() and got.dtype not in _FLOATS:
        names = ", ".join(str(each).removeprefix("torch.") for each in _FLOATS)
        raise ModelError(f"{path}: weight {name!r}: expected one of {names}, got {got.dtype}")
    if not got.to(expected.dtype).isfinite().all():
        raise ModelError(f"{path}: weight {name!r}: expected finite numbers, got NaN or infinity")
