"""The optimisers of a recipe: SGD for everything, or Muon for kernels and SGD for the rest.

Reference: Muon: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

from typing import Any

import torch
from torch import Tensor, nn

from dart_stream.errors import ModelError
from dart_stream.models import MultiExitNetwork
from dart_stream.training.recipe import Recipe


class Optimizers:
    """All optimisers of one training, driven as one.

    Raises:
        ModelError: the recipe asks for Muon and this torch has none.
    """

    def __init__(self, network: MultiExitNetwork, recipe: Recipe) -> None:
        kernels = _stage_kernels(network) if recipe.optimizer == "muon" else []
        self._kernels = [(weight, _as_matrix(weight)) for weight in kernels]
        by_muon = {id(weight) for weight in kernels}
        trained = [p for p in network.parameters() if p.requires_grad]
        by_sgd = [p for p in trained if id(p) not in by_muon]
        self._all = [_sgd(by_sgd, recipe)] if by_sgd else []
        if kernels:
            self._all.append(_muon([matrix for _, matrix in self._kernels], recipe))

    def set_rate(self, factor: float) -> None:
        """Set every learning rate to this share of its peak."""
        for group in self._groups():
            group["lr"] = factor * group["initial_lr"]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for optimizer in self._all:
            optimizer.zero_grad()
        for weight, _ in self._kernels:
            weight.grad = None

    def step(self) -> None:
        """Change the weights by their gradients; one without a gradient stays as it is."""
        for weight, matrix in self._kernels:
            matrix.grad = None if weight.grad is None else _matrix(weight.grad)
        for optimizer in self._all:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Momentum and settings of all of them."""
        return {"optimizers": [optimizer.state_dict() for optimizer in self._all]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave for the same recipe and network."""
        for optimizer, saved in zip(self._all, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self._all for group in optimizer.param_groups]


def _sgd(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """SGD that decays matrices and kernels only.

    Not the fused one: it refuses weights that join in late, as the early heads do.
    """
    shared = {"lr": recipe.learning_rate, "initial_lr": recipe.learning_rate}
    decayed = [p for p in parameters if p.ndim > 1]
    groups = [
        shared | {"params": decayed, "weight_decay": recipe.weight_decay},
        shared | {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        foreach=True,
    )


def _muon(matrices: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """Muon with its Newton-Schulz iteration in bf16."""
    if not hasattr(torch.optim, "Muon"):
        raise ModelError(
            f"optimizer: muon needs torch 2.9 or newer, this is {torch.__version__}; "
            "update torch, or choose sgd in the recipe"
        )
    group = {"params": matrices, "initial_lr": recipe.muon_learning_rate}
    return torch.optim.Muon(
        [group],
        lr=recipe.muon_learning_rate,
        momentum=recipe.muon_momentum,
        ns_steps=recipe.muon_iterations,
        weight_decay=recipe.muon_weight_decay,
        nesterov=recipe.muon_momentum > 0,
    )


def _stage_kernels(network: MultiExitNetwork) -> list[Tensor]:
    """Weights that mix channels inside the stages: those whose step has a useful spectral norm.

    Kernels of depthwise convolutions are many tiny filters, not a matrix; heads end in classes,
    whose rows should stay independent.
    """
    layers = [layer for stage in network.stages for layer in stage.modules()]
    mixing = [
        layer
        for layer in layers
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    ]
    return [layer.weight for layer in mixing if layer.weight.requires_grad]


def _as_matrix(weight: Tensor) -> nn.Parameter:
    """Parameter that shares the memory of a kernel, since torch's Muon takes matrices only."""
    matrix = nn.Parameter(_matrix(weight.detach()))
    assert matrix.data_ptr() == weight.data_ptr(), "kernels must be channels-last"
    return matrix


def _matrix(weight: Tensor) -> Tensor:
    """[out, in, h, w] -> [out, h * w * in], a view of a channels-last kernel.

    The order of the columns is free: Muon's step of permuted columns is its permuted step.
    """
    return weight if weight.ndim == 2 else weight.permute(0, 2, 3, 1).flatten(1)
