"""From a trained network to a model directory: calibrate, choose thresholds, measure, write.

Temperatures and thresholds come from the validation part. The test pictures are looked at once,
at the end, and only to report.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from dart_stream.calibration import calibrated_probabilities
from dart_stream.costs import costs_of
from dart_stream.data import Pictures
from dart_stream.data.augment import Normalisation
from dart_stream.difficulty import (
    DifficultyTables,
    difficulty_parts,
    fit_difficulty,
    paper_difficulty_of_parts,
)
from dart_stream.exit_table import ExitTable
from dart_stream.metrics import exit_shares, wilson_interval
from dart_stream.model_dir import (
    Architecture,
    ModelInfo,
    PixelStatistics,
    write_model_dir,
)
from dart_stream.model_weights import stored_state
from dart_stream.models import MultiExitNetwork, count_macs
from dart_stream.policies import DartPolicy
from dart_stream.starting_policy import choose_thresholds, starting_policy
from dart_stream.thresholds import MaxDisagreement
from dart_stream.thresholds.choice import (
    LEAST_PICTURES,
    choose_policy,
    decide,
    random_halves,
    selection_facts,
)
from dart_stream.training.batches import LabelledImages
from dart_stream.training.exit_calibration import (
    ExitAnswers,
    calibrate_exits,
    calibration_error,
)
from dart_stream.training.inference import exit_logits
from dart_stream.training.loop import Trainer

MAX_DISAGREEMENT = 0.02
MIN_EXIT_SHARE = 0.02


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
    held_out = _answers(network, trainer.normalise, trainer.validation_part)
    chooses = _that_choose(held_out, trainer.recipe.seed)
    calibration = calibrate_exits(chooses, count_macs(network), max_disagreement=MAX_DISAGREEMENT)
    info = _describe(network, trainer, origin, classes, calibration.temperatures)
    table = _table(info, held_out, trainer.validation_part, f"{origin.data}, validation")
    policy, chosen = _choose(info, table, trainer.recipe.seed)
    figures: dict[str, Any] = {
        "conditions": _conditions(origin.command),
        "calibration": {"split": "validation"} | calibration.figures,
        "validation": _figures(held_out, table, policy),
    }
    if test is not None:
        part = LabelledImages(torch.from_numpy(test.images), torch.from_numpy(test.labels))
        reported = _answers(network, trainer.normalise, part)
        figures["test"] = _figures(reported, _table(info, reported, part, "test"), policy)
    info = msgspec.structs.replace(info, figures=figures)
    write_model_dir(directory, info, network.state_dict(), chosen, table)
    shares = figures["validation"]["policy"]["exits"]
    rare = [index for index, share in enumerate(shares) if share < MIN_EXIT_SHARE]
    return FinishedModel(info, chosen, rare)


def _that_choose(held_out: ExitAnswers, seed: int) -> ExitAnswers:
    """The half that certifies nothing: a certificate is about temperatures, too."""
    if len(held_out.labels) < LEAST_PICTURES or len(held_out.logits) == 1:
        return held_out
    rows = random_halves(len(held_out.labels), seed).selection
    return ExitAnswers(held_out.logits[:, rows], held_out.labels[rows])


def _choose(info: ModelInfo, table: ExitTable, seed: int) -> tuple[DartPolicy, dict[str, Any]]:
    """Thresholds from one half of the validation pictures, certified on the other.

    Too few for halves leave rough thresholds without a certificate.
    """
    if len(table) < LEAST_PICTURES or table.num_exits == 1:
        by_exit = table.probabilities.transpose(1, 0, 2)
        thresholds = choose_thresholds(by_exit, info.macs, MAX_DISAGREEMENT)
        policy = DartPolicy(thresholds=tuple(thresholds))
        return policy, starting_policy(policy, {"split": "validation", "n": len(table)})
    halves = random_halves(len(table), seed)
    objective = MaxDisagreement(MAX_DISAGREEMENT)
    chosen = choose_policy(table, table.macs, objective, halves, worth="agreement")
    facts = selection_facts(objective, table.take(halves.selection), "validation")
    return chosen.policy, chosen.to_dict(facts)


def _table(info: ModelInfo, answers: ExitAnswers, part: LabelledImages, source: str) -> ExitTable:
    assert info.difficulty is not None, "a trained model has its tables"
    parts = difficulty_parts(part.images.numpy())
    return ExitTable(
        logits=np.ascontiguousarray(answers.logits.transpose(1, 0, 2)),
        temperatures=tuple(info.temperatures),
        labels=answers.labels,
        difficulty=DifficultyTables.from_dict(info.difficulty).score_parts(parts),
        alpha=paper_difficulty_of_parts(parts),
        parts=parts,
        macs=costs_of(info.macs, info.input_size),
        classes=tuple(info.classes),
        source=source,
    )


def _describe(
    network: MultiExitNetwork,
    trainer: Trainer,
    origin: Origin,
    classes: list[str],
    temperatures: list[float],
) -> ModelInfo:
    """Everything but the figures."""
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
        figures={},
    )


def _answers(
    network: MultiExitNetwork, normalise: Normalisation, part: LabelledImages
) -> ExitAnswers:
    logits: Tensor = exit_logits(network, part.images, normalise)
    return ExitAnswers(logits.numpy(), part.labels.numpy())


def _figures(answers: ExitAnswers, table: ExitTable, policy: DartPolicy) -> dict[str, Any]:
    temperatures = list(table.temperatures)
    raw = calibrated_probabilities(answers.logits, [1.0] * len(temperatures))
    calibrated = answers.calibrated(temperatures)
    decisions, cost = decide(table, policy, table.macs)
    reached = np.arange(table.num_exits)[:, None] <= decisions.exits
    everyone = np.ones_like(reached)
    accuracy = table.correct.mean(0).tolist()
    return {
        "n": len(table),
        "accuracy": [round(share, 5) for share in accuracy],
        "accuracy_ci95": [_interval(share, len(table)) for share in accuracy],
        "ece_before": calibration_error(raw, answers.labels, everyone),
        "ece_after": calibration_error(calibrated, answers.labels, everyone),
        "ece_survivors_before": calibration_error(raw, answers.labels, reached),
        "ece_survivors_after": calibration_error(calibrated, answers.labels, reached),
        "policy": {
            "n": len(table),
            "accuracy": round(float((decisions.answers == answers.labels).mean()), 5),
            "disagreement": round(float((decisions.answers != decisions.full).mean()), 5),
            "macs_fraction": round(cost / table.macs.plain(), 5),
            "exits": [round(s, 5) for s in exit_shares(decisions.exits, table.num_exits).tolist()],
        },
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
