"""What the engine needs to know of a model, whatever family it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from dart_stream.errors import ModelError
from dart_stream.model_info import ModelInfo


class StagedNetwork(Protocol):
    """Stages in a row with a classifier head behind each.

    Stage 0 reads normalised pictures (n, 3, height, width); head k maps the output of stage k to
    logits (n, classes). The last exit is the full network.
    """

    @property
    def stages(self) -> nn.ModuleList:
        """The parts of the backbone, in order."""

    @property
    def heads(self) -> nn.ModuleList:
        """One classifier per stage."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagedModel:
    """A network with everything that turns pixels into calibrated answers.

    Attributes:
        network: the stages and heads; the engine works on a copy.
        num_classes: entries of each head's logits.
        input_size: (height, width) in pixels.
        mean: of each channel, of pixels in [0, 1].
        std: of each channel, positive.
        temperatures: one per exit, positive; logits are divided by it before the softmax.
        stage_macs: multiply-accumulates of each stage on one region.
        head_macs: the same of each head.
    """

    network: StagedNetwork
    num_classes: int
    input_size: tuple[int, int]
    mean: Sequence[float]
    std: Sequence[float]
    temperatures: Sequence[float]
    stage_macs: Sequence[int]
    head_macs: Sequence[int]

    def __post_init__(self) -> None:
        for name, expected in (
            ("heads", self.num_exits),
            ("temperatures", self.num_exits),
            ("stage_macs", self.num_exits),
            ("head_macs", self.num_exits),
            ("mean", 3),
            ("std", 3),
        ):
            values = self.network.heads if name == "heads" else getattr(self, name)
            if len(values) != expected:
                raise ModelError(f"engine: {name}: expected {expected} entries, got {len(values)}")
        for name in ("std", "temperatures"):
            values = getattr(self, name)
            if not all(value > 0 for value in values):
                raise ModelError(f"engine: {name}: expected positive numbers, got {list(values)}")

    @property
    def num_exits(self) -> int:
        """Exits, the last included."""
        return len(self.network.stages)


def staged_model(info: ModelInfo, network: StagedNetwork) -> StagedModel:
    """What the engine needs, from a model directory's description and its network."""
    return StagedModel(
        network=network,
        num_classes=len(info.classes),
        input_size=info.input_size,
        mean=info.normalisation.mean,
        std=info.normalisation.std,
        temperatures=info.temperatures,
        stage_macs=info.macs.stages,
        head_macs=info.macs.heads,
    )
