"""Where and how precisely a network runs: asked for, or found out by measuring."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from dart_stream.engine.prepared_network import FoldedStages, Precision, PreparedNetwork
from dart_stream.engine.staged_model import StagedModel
from dart_stream.engine.timing import interleaved_median_ms
from dart_stream.errors import DartStreamError

TRIAL_BATCH = 8
TRIAL_REPEATS = 7


class EngineError(DartStreamError):
    """The engine cannot run as it was asked to."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A network that is ready to run, and why it runs there and so."""

    network: PreparedNetwork
    reason: str


def choose_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where there is any, else the CPU.

    Raises:
        EngineError: unknown, or not on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in {"cpu", "cuda"} or (index and not index.isdigit()) or (index and kind == "cpu"):
        raise EngineError(f"device: expected auto, cpu, cuda or cuda:N, got {name!r}")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise EngineError(
            f"device {name!r}: this machine has {torch.cuda.device_count()} CUDA devices; "
            "use auto or cpu"
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """What a bench file calls it: the GPU's product name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def place(
    model: StagedModel,
    folded: FoldedStages,
    device: torch.device,
    precision: Literal["auto", "fp32", "bf16"],
) -> Placement:
    """Prepare the network in the precision asked for, or in the faster one.

    On a CPU "auto" runs both on a small batch and keeps the faster, because bf16 wins with matrix
    units and loses badly without. On CUDA it is bf16 where the device has it.

    Raises:
        EngineError: unknown precision.
    """
    if precision not in {"auto", "fp32", "bf16"}:
        raise EngineError(f"precision: expected auto, fp32 or bf16, got {precision!r}")
    if precision != "auto":
        return Placement(PreparedNetwork(model, folded, device, precision), "as asked")
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported()
        chosen: Precision = "bf16" if supported else "fp32"
        reason = "the device has it" if supported else "the device has no bf16"
        return Placement(PreparedNetwork(model, folded, device, chosen), reason)
    return _faster_on_cpu(model, folded, device)


def _faster_on_cpu(model: StagedModel, folded: FoldedStages, device: torch.device) -> Placement:
    candidates = [PreparedNetwork(model, folded, device, name) for name in ("fp32", "bf16")]
    images = np.zeros((TRIAL_BATCH, *model.input_size, 3), dtype=np.uint8)

    def full_pass(network: PreparedNetwork) -> Callable[[], object]:
        return lambda: network.full_depth(network.input(images))

    with torch.inference_mode():
        fp32_ms, bf16_ms = interleaved_median_ms(
            [full_pass(network) for network in candidates],
            repeats=TRIAL_REPEATS,
            device=device,
        )
    if bf16_ms < fp32_ms:
        return Placement(candidates[1], f"{fp32_ms / bf16_ms:.1f}x faster than fp32")
    return Placement(candidates[0], f"{bf16_ms / fp32_ms:.1f}x faster than bf16")
