"""What a training tells while it works."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StepProgress:
    """Where the training stands after a step; epochs and steps count from 1."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch reached: mean training loss, and accuracy per exit on the validation part."""

    epoch: int
    loss: float
    accuracy: list[float]
    learning_rate: float
    duration_s: float


@dataclass(frozen=True)
class Remark:
    """A line for whoever watches."""

    text: str


TrainingEvent = StepProgress | EpochRecord | Remark
OnProgress = Callable[[TrainingEvent], None]
