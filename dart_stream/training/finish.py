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
from torch import Tensor

from dart_stream.calibration import calibrated_probabilities, survivors
from dart_stream.data import Pictures
from dart_stream.data.augment import Normalisation
from dart_stream.difficulty import fit_difficulty
from dart_stream.macs import Macs
from dart_stream.metrics import wilson_interval
from dart_stream.model_dir import (
    Architecture,
    ModelInfo,
    PixelStatistics,
    write_model_dir,
)
from dart_stream.model_weights import stored_state
from dart_stream.models import MultiExitNetwork, count_macs
from dart_stream.starting_policy import choose_thresholds, measure_policy, starting_policy
from dart_stream.training.batches import LabelledImages
from dart_stream.training.exit_calibration import (
    ExitAnswers,
    calibrate_exits,
    calibration_error,
    rounded,
)
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
    held_out = _answers(network, trainer.normalise, trainer.validation_part)
    calibration = calibrate_exits(held_out, macs, max_disagreement=MAX_DISAGREEMENT)
    temperatures = calibration.temperatures
    thresholds = choose_thresholds(
        held_out.calibrated(temperatures), macs, max_disagreement=MAX_DISAGREEMENT
    )
    figures: dict[str, Any] = {
        "conditions": _conditions(origin.command),
        "calibration": {"split": "validation"} | calibration.figures,
        "validation": _figures(held_out, temperatures, thresholds, macs),
    }
    if test is not None:
        part = LabelledImages(torch.from_numpy(test.images), torch.from_numpy(test.labels))
        reported = _answers(network, trainer.normalise, part)
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


def _answers(
    network: MultiExitNetwork, normalise: Normalisation, part: LabelledImages
) -> ExitAnswers:
    logits: Tensor = exit_logits(network, part.images, normalise)
    return ExitAnswers(logits.numpy(), part.labels.numpy())


def _figures(
    answers: ExitAnswers, temperatures: list[float], thresholds: list[float | None], macs: Macs
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
        "ece_before": calibration_error(raw, answers.labels, everyone),
        "ece_after": calibration_error(calibrated, answers.labels, everyone),
        "ece_survivors_before": calibration_error(raw, answers.labels, reached),
        "ece_survivors_after": calibration_error(calibrated, answers.labels, reached),
        "policy": rounded(asdict(outcome)),
    }


def _interval(share: float, trials: int) -> list[float]:
    return [round(bound, 5) for bound in wilson_interval(share, trials)]


def _conditions(command: str) -> dict[str, Any]:
    return {
        "command": command,
        "device": f"cpu ({platform.machine()}, {os.cpu_count()} cores)",
        "threads": torch.get_num_threads(),
        "precision": "float32 arithmetic, kernels stored in half precision",
        "torch": str(torch.__version__),
    }
