"""From a trained network to a model directory: calibrate, choose thresholds, measure, write.

Temperatures and thresholds come from the validation part. The test pictures are looked at once,
at the end, and only to report.
"""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dart_stream.calibration import (
    calibrated_probabilities,
    expected_calibration_error,
    fit_temperatures,
)
from dart_stream.data.augment import Normalisation
from dart_stream.data.imagefolder import Pictures
from dart_stream.difficulty import fit_difficulty
from dart_stream.macs import Macs
from dart_stream.model_dir import (
    Architecture,
    ModelInfo,
    PixelStatistics,
    stored_state,
    write_model_dir,
)
from dart_stream.models import MultiExitNetwork, count_macs
from dart_stream.starting_policy import choose_thresholds, measure_policy, starting_policy
from dart_stream.training.inference import exit_logits
from dart_stream.training.loop import LabelledImages, Trainer

MAX_DISAGREEMENT = 0.02
MIN_EXIT_SHARE = 0.02
SELECTION = {
    "method": "joint grid search for the fewest MACs",
    "split": "validation",
    "max_disagreement": MAX_DISAGREEMENT,
}


@dataclass(frozen=True)
class Origin:
    """What a model directory says of where its model comes from.

    Attributes:
        name: of the model.
        family: in the registry of models.
        data: the data set in words.
        command: that reproduces the training.
    """

    name: str
    family: str
    data: str
    command: str


@dataclass(frozen=True)
class FinishedModel:
    """A model as written, and the shares of exits that its validation thresholds leave unused."""

    info: ModelInfo
    policy: dict[str, Any]
    rare_exits: list[int]


def finish_model(
    directory: Path, trainer: Trainer, origin: Origin, classes: list[str], test: Pictures | None
) -> FinishedModel:
    """Write the model directory of a network whose training has ended.

    The network is rounded to its stored precision first, so that what is measured is what ships.

    Args:
        directory: where the files go.
        trainer: after its run; its averaged network is the model.
        origin: what the description says of where the model comes from.
        classes: names in the order of the labels.
        test: pictures to report on, or None if there are none.
    """
    network = trainer.averaged_network().eval()
    network.load_state_dict(stored_state(network.state_dict()))
    macs = count_macs(network)
    held_out = _Answers.of(network, trainer.normalise, trainer.validation_part)
    temperatures = fit_temperatures(held_out.logits, held_out.labels)
    thresholds = choose_thresholds(
        held_out.calibrated(temperatures), macs, max_disagreement=MAX_DISAGREEMENT
    )
    figures: dict[str, Any] = {
        "conditions": _conditions(origin.command),
        "validation": _figures(held_out, temperatures, thresholds, macs),
    }
    if test is not None:
        part = LabelledImages(torch.from_numpy(test.images), torch.from_numpy(test.labels))
        reported = _Answers.of(network, trainer.normalise, part)
        figures["test"] = _figures(reported, temperatures, thresholds, macs)
    info = _describe(network, trainer, origin, classes, temperatures, figures)
    chosen_on = figures["validation"]["policy"]
    policy = starting_policy(thresholds, SELECTION | chosen_on)
    write_model_dir(directory, info, network.state_dict(), policy)
    rare = [index for index, share in enumerate(chosen_on["exits"]) if share < MIN_EXIT_SHARE]
    return FinishedModel(info, policy, rare)


def _describe(
    network: MultiExitNetwork,
    trainer: Trainer,
    origin: Origin,
    classes: list[str],
    temperatures: list[float],
    figures: dict[str, Any],
) -> ModelInfo:
    return ModelInfo(
        name=origin.name,
        architecture=Architecture(origin.family, trainer.recipe.model),
        classes=classes,
        input_size=network.input_size,
        resize=trainer.recipe.resize,
        normalisation=PixelStatistics(trainer.normalise.mean, trainer.normalise.std),
        temperatures=temperatures,
        difficulty=fit_difficulty(trainer.train_part.images.numpy()).to_dict(),
        macs=count_macs(network),
        data=origin.data,
        recipe=msgspec.to_builtins(trainer.recipe),
        figures=figures,
    )


@dataclass(frozen=True)
class _Answers:
    """Logits [exits, N, classes] and labels [N] of one split."""

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]

    @classmethod
    def of(
        cls, network: MultiExitNetwork, normalise: Normalisation, part: LabelledImages
    ) -> "_Answers":
        logits: Tensor = exit_logits(network, part.images, normalise)
        return cls(logits.numpy(), part.labels.numpy())

    def calibrated(self, temperatures: list[float]) -> NDArray[np.float64]:
        return calibrated_probabilities(self.logits, temperatures)


def _figures(
    answers: _Answers, temperatures: list[float], thresholds: list[float], macs: Macs
) -> dict[str, Any]:
    raw = calibrated_probabilities(answers.logits, [1.0] * len(temperatures))
    calibrated = answers.calibrated(temperatures)
    accuracy = (calibrated.argmax(2) == answers.labels).mean(1).tolist()
    outcome = measure_policy(calibrated, answers.labels, macs, thresholds)
    return {
        "n": len(answers.labels),
        "accuracy": [round(share, 5) for share in accuracy],
        "accuracy_ci95": [wilson_interval(share, len(answers.labels)) for share in accuracy],
        "ece_before": [_ece(probabilities, answers.labels) for probabilities in raw],
        "ece_after": [_ece(probabilities, answers.labels) for probabilities in calibrated],
        "policy": _rounded(asdict(outcome)),
    }


def wilson_interval(share: float, n: int) -> list[float]:
    """95 % interval of a share of `n` independent trials.

    Reference: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    z = 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return [round(max(0.0, centre - half), 5), round(min(1.0, centre + half), 5)]


def _ece(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return round(expected_calibration_error(probabilities, labels), 5)


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 5) if isinstance(value, float) else value
        for name, value in figures.items()
    }


def _conditions(command: str) -> dict[str, Any]:
    return {
        "command": command,
        "device": f"cpu ({platform.machine()}, {os.cpu_count()} cores)",
        "threads": torch.get_num_threads(),
        "precision": "float32 arithmetic, kernels stored in half precision",
        "torch": str(torch.__version__),
    }
