"""Times of every stage and head of a model, and what leaving at each exit saves of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dart_stream.engine import StagedModel, StageTimes, staged_model
from dart_stream.engine.placement import choose_device, device_name
from dart_stream.engine.prepared_network import Precision
from dart_stream.engine.stage_times import time_model
from dart_stream.engine.timing import median_interval
from dart_stream.macs import Macs
from dart_stream.model_dir import load_network, read_info
from dart_stream.model_info import ModelInfo
from dart_stream.models import count_macs, create_model
from pipeline.bench.host import host_facts


@dataclass(frozen=True)
class Subject:
    """A model to be timed.

    Attributes:
        name: of the zoo model, the directory or the family.
        info: what is known of a trained model; None for a family, whose weights are random.
        staged: what the engine takes.
    """

    name: str
    info: ModelInfo | None
    staged: StagedModel

    @property
    def macs(self) -> Macs:
        """Cost of its stages and heads."""
        return Macs(list(self.staged.stage_macs), list(self.staged.head_macs))


@dataclass(frozen=True)
class Conditions:
    """What to measure, and how often.

    Attributes:
        device: as the engine takes it.
        threads: of torch on the CPU; one set of rounds each.
        precisions: measured side by side.
        batch_sizes: regions; one set of rounds each.
        repeats: rounds that count.
    """

    device: str
    threads: Sequence[int]
    precisions: Sequence[Precision]
    batch_sizes: Sequence[int]
    repeats: int


def trained(name: str, directory: Path) -> Subject:
    """A model directory.

    Raises:
        ModelError: it is damaged.
    """
    info = read_info(directory)
    return Subject(name, info, staged_model(info, load_network(directory, info)))


def untrained(family: str, config: Mapping[str, Any]) -> Subject:
    """A registered family with random weights.

    Args:
        family: its name.
        config: keyword arguments; what is left out has the family's default.

    Raises:
        ModelError: there is no such family, or it refuses `config`.
    """
    network = create_model(family, **config).eval()
    macs = count_macs(network)
    staged = StagedModel(
        network=network,
        num_classes=network.num_classes,
        input_size=network.input_size,
        mean=[0.5] * 3,
        std=[0.25] * 3,
        temperatures=[1.0] * len(macs.stages),
        stage_macs=macs.stages,
        head_macs=macs.heads,
    )
    return Subject(family, None, staged)


def measure_times(
    subject: Subject, conditions: Conditions, step: Callable[[str], None]
) -> dict[str, Any]:
    """Measure one model; JSON-ready, times in milliseconds, intervals with 95 %.

    Args:
        subject: the model.
        conditions: what to measure.
        step: told what begins.

    Raises:
        EngineError: the device is unknown or not there.
    """
    rows = []
    for threads in conditions.threads:
        for size in conditions.batch_sizes:
            step(f"{subject.name}: batch {size}, {threads} threads")
            compared = time_model(
                subject.staged,
                device=conditions.device,
                threads=threads,
                precisions=conditions.precisions,
                batch_sizes=[size],
                repeats=conditions.repeats,
            )
            for precision, times in zip(conditions.precisions, compared, strict=True):
                where = {"threads": threads, "precision": precision, "batch": size}
                rows.append({**where, **_figures(times)})
    macs = subject.macs
    spent = macs.cumulative()
    return {
        "model": subject.name,
        "weights": "random" if subject.info is None else "trained",
        "input_size": list(subject.staged.input_size),
        "macs": {
            "stages": macs.stages,
            "heads": macs.heads,
            "exits": spent,
            "share": [round(each / macs.plain(), 5) for each in spent],
        },
        "accuracy": _accuracy(subject.info),
        "rows": rows,
    }


def machine(conditions: Conditions) -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "host": host_facts(),
        "device": device_name(choose_device(conditions.device)),
        "threads": list(conditions.threads),
        "precision": list(conditions.precisions),
        "torch": str(torch.__version__),
        "n": conditions.repeats,
    }


def _figures(times: StageTimes) -> dict[str, Any]:
    """Medians and intervals of the one batch size in `times`."""
    readings = {
        "stage_ms": times.stage_readings_ms,
        "head_ms": times.head_readings_ms,
        "exit_ms": times.exit_readings_ms,
        "plain_ms": times.plain_readings_ms,
        "exit_share": times.exit_share_readings,
    }
    figures: dict[str, Any] = {}
    for name, each in readings.items():
        figures[name] = _rounded(np.median(each[0], axis=0))
        figures[f"{name}_ci95"] = _rounded(median_interval(each[0]))
    return figures


def _rounded(figures: NDArray[np.float64]) -> Any:
    return np.round(figures, 5).tolist()


def _accuracy(info: ModelInfo | None) -> dict[str, Any] | None:
    """What the model's description says of its exits, on `test` if it was measured there."""
    for split in ("test", "validation"):
        measured = None if info is None else info.measured(split)
        if measured is not None:
            return {
                "split": split,
                "n": measured.n,
                "exits": measured.accuracy,
                "ci95": [list(interval) for interval in measured.accuracy_ci95],
            }
    return None
