"""Weights that a training leaves as they are: fine-tuning the late part of a trained network.

Their gradients are not computed either, which is most of the time where early layers or depthwise
kernels are left alone. Normalisations go on counting means and variances of what they see.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from dart_stream.errors import ModelError


def freeze(network: nn.Module, patterns: Sequence[str]) -> None:
    """Take the weights whose names match a pattern out of the training.

    Args:
        network: whose `named_parameters` are matched.
        patterns: shell patterns such as `stages.0.*` or `*.conv_dw.weight`.

    Raises:
        ModelError: a pattern that matches nothing, or nothing is left to train.
    """
    parameters = dict(network.named_parameters())
    for pattern in patterns:
        found = [name for name in parameters if fnmatchcase(name, pattern)]
        if not found:
            some = ", ".join(list(parameters)[:3])
            raise ModelError(
                f"frozen: expected a pattern of weights' names, such as {some}; "
                f"got {pattern!r}, which none of {len(parameters)} matches"
            )
        for name in found:
            parameters[name].requires_grad_(False)
    if not any(weight.requires_grad for weight in parameters.values()):
        raise ModelError(
            f"frozen: expected some weights left to train, got {list(patterns)}, "
            f"which match all {len(parameters)}"
        )
