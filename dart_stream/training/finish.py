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
    MIN_PICTURES,
    Mask,
    calibrated_probabilities,
    fit_temperatures,
    survivors,
)
from dart_stream.data import Pictures
from dart_stream.data.augment import Normalisation
from dart_stream.difficulty import fit_difficulty
from dart_stream.macs import Macs
from dart_stream.metrics import expected_calibration_error, wilson_interval
from dart_stream.model_dir import (
    Architecture,
    ModelInfo,
    PixelStatistics,
    stored_state,
    write_model_dir,
)
from dart_stream.models import MultiExitNetwork, count_macs
from dart_stream.platt import compare_calibrations
from dart_stream.starting_policy import choose_thresholds, measure_policy, starting_policy
from dart_stream.training.batches import LabelledImages
from dart_stream.training.inference import exit_logits
from dart_stream.training.loop import Trainer

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
    temperatures, reached = _calibrate(held_out, macs)
    thresholds = _choose(held_out.calibrated(temperatures), macs)
    figures: dict[str, Any] = {
        "conditions": _conditions(origin.command),
        "calibration": _calibration_figures(held_out, reached),
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


def _calibrate(held_out: "_Answers", macs: Macs) -> tuple[list[float], Mask]:
    """Temperatures of the exits, each fitted on the pictures that reach it; and which those are.

    Who reaches an exit depends on thresholds, which need temperatures: a first fit on all pictures
    gives those.
    """
    first = held_out.calibrated(fit_temperatures(held_out.logits, held_out.labels))
    reached = survivors(first, _choose(first, macs))
    return fit_temperatures(held_out.logits, held_out.labels, reached), reached


def _choose(probabilities: NDArray[np.float64], macs: Macs) -> list[float]:
    return choose_thresholds(probabilities, macs, max_disagreement=MAX_DISAGREEMENT)


def _calibration_figures(held_out: "_Answers", reached: Mask) -> dict[str, Any]:
    """What the temperatures were fitted on, and how they compare with Platt's sigmoid."""
    enough = [bool(mask.sum() >= MIN_PICTURES) for mask in reached]
    used = [
        mask if large else np.ones_like(mask) for mask, large in zip(reached, enough, strict=True)
    ]
    comparisons = [
        compare_calibrations(logits[mask], held_out.labels[mask])
        for logits, mask in zip(held_out.logits, used, strict=True)
    ]
    return {
        "split": "validation, each half judged by a fit on the other half",
        "shipped": "temperature",
        "fitted_on": ["survivors" if large else "all" for large in enough],
        "survivors": [int(mask.sum()) for mask in reached],
        "temperatures_on_all": fit_temperatures(held_out.logits, held_out.labels),
        "exits": [_rounded(asdict(comparison)) for comparison in comparisons],
    }


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
    reached = survivors(calibrated, thresholds)
    everyone = np.ones_like(reached)
    accuracy = (calibrated.argmax(2) == answers.labels).mean(1).tolist()
    outcome = measure_policy(calibrated, answers.labels, macs, thresholds)
    return {
        "n": len(answers.labels),
        "accuracy": [round(share, 5) for share in accuracy],
        "accuracy_ci95": [_interval(share, len(answers.labels)) for share in accuracy],
        "ece_before": _calibration_error(raw, answers.labels, everyone),
        "ece_after": _calibration_error(calibrated, answers.labels, everyone),
        "ece_survivors_before": _calibration_error(raw, answers.labels, reached),
        "ece_survivors_after": _calibration_error(calibrated, answers.labels, reached),
        "policy": _rounded(asdict(outcome)),
    }


def _calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], reached: Mask
) -> list[float | None]:
    """ECE of each exit on the pictures that reach it; None where none does."""
    return [
        round(expected_calibration_error(exit_p[mask].max(1), right[mask]), 5)
        if mask.any()
        else None
        for exit_p, right, mask in zip(
            probabilities, probabilities.argmax(2) == labels, reached, strict=True
        )
    ]


def _interval(share: float, trials: int) -> list[float]:
    return [round(bound, 5) for bound in wilson_interval(share, trials)]


def _rounded(figures: Any) -> Any:
    """The same with five decimals."""
    if isinstance(figures, dict):
        return {name: _rounded(value) for name, value in figures.items()}
    return round(figures, 5) if isinstance(figures, float) else figures


def _conditions(command: str) -> dict[str, Any]:
    return {
        "command": command,
        "device": f"cpu ({platform.machine()}, {os.cpu_count()} cores)",
        "threads": torch.get_num_threads(),
        "precision": "float32 arithmetic, kernels stored in half precision",
        "torch": str(torch.__version__),
    }
