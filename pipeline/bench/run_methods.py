"""Fitted methods run for real: their times, their energy, and what follows from both."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.data import Pictures
from dart_stream.difficulty import paper_code_difficulty
from dart_stream.engine.policy_times import policy_passes, time_policies
from dart_stream.evaluation.evaluate import Measured
from dart_stream.evaluation.method_row import MethodRow
from dart_stream.metrics import daes
from dart_stream.policies import FullDepthPolicy, Policy
from pipeline.bench.policy_energy import measure_energy_j
from pipeline.bench.subject import Subject
from pipeline.bench.timed_rows import timed_rows
from pipeline.power import PowerMeter

REPEATS: Final = 7
EnergyProxy = Literal["time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What running all settings told.

    Attributes:
        full_ms: of a picture through the network without early exits.
        full_j: the same in joules; None where they are not measured.
        rows: of the settings, with times, energy and DAES where there are some.
        energy_source: name of the sensor.
        energy_proxy: what stood for joules in DAES, None if nothing did.
        mean_alpha: see `Evaluation`; of all pictures.
    """

    full_ms: float
    full_j: float | None
    rows: list[MethodRow]
    energy_source: str | None
    energy_proxy: EnergyProxy | None
    mean_alpha: float


@dataclass(frozen=True, slots=True)
class _Figures:
    time_ms: float
    speedup: float
    energy_j: float | None
    power_efficiency: float | None


def run_methods(
    subject: Subject,
    measured: Sequence[Measured],
    pictures: Pictures,
    *,
    batch: int,
    energy_proxy: EnergyProxy | None,
) -> Runs:
    """Run the full network and every setting that the engine can run, in turn.

    Args:
        subject: the model.
        measured: settings; those without a policy keep their rows as they are.
        pictures: to run on; some of them, see `timed_rows`.
        batch: pictures handed over at once.
        energy_proxy: what stands for joules in DAES where no sensor measures them.
    """
    runnable = [m for m in measured if m.fitted.policy is not None]
    policies: list[Policy] = [FullDepthPolicy()]
    policies += [m.fitted.policy for m in runnable if m.fitted.policy is not None]
    images = pictures.images[timed_rows(len(pictures))]
    asked = (subject.engine, images, policies, subject.tables)
    readings = time_policies(*asked, batch_size=batch, repeats=REPEATS)
    with contextlib.closing(PowerMeter()) as meter:
        total_j = measure_energy_j(policy_passes(*asked, batch_size=batch), meter)
        source = meter.source
    joules = None if total_j is None else np.array(total_j) / len(images)
    proxy = energy_proxy if joules is None else None
    figures = dict(zip(map(id, runnable), _figures(readings, joules, proxy), strict=True))
    usual = subject.info.normalisation
    alpha = float(paper_code_difficulty(pictures.images, usual.mean, usual.std).mean())
    return Runs(
        full_ms=float(np.median(readings[:, 0])),
        full_j=None if joules is None else float(joules[0]),
        rows=[_with_figures(m.row, figures.get(id(m)), alpha) for m in measured],
        energy_source=source if joules is not None else None,
        energy_proxy=proxy,
        mean_alpha=alpha,
    )


def _figures(
    readings: NDArray[np.float64], joules: NDArray[np.float64] | None, proxy: EnergyProxy | None
) -> list[_Figures]:
    """Of every policy but the first, which is the full network."""
    times_ms = np.median(readings, axis=0)[1:].tolist()
    speedups = np.median(readings[:, :1] / readings, axis=0)[1:].tolist()
    if joules is None:
        efficiencies = speedups if proxy == "time" else [None] * len(speedups)
        return [
            _Figures(ms, speedup, None, efficiency)
            for ms, speedup, efficiency in zip(times_ms, speedups, efficiencies, strict=True)
        ]
    return [
        _Figures(ms, speedup, energy_j, float(joules[0]) / energy_j if energy_j > 0 else None)
        for ms, speedup, energy_j in zip(times_ms, speedups, joules[1:].tolist(), strict=True)
    ]


def _with_figures(row: MethodRow, found: _Figures | None, alpha: float) -> MethodRow:
    if found is None:
        return row
    score = (
        None
        if found.power_efficiency is None
        else daes(row.accuracy, found.speedup, found.power_efficiency, alpha)
    )
    return msgspec.structs.replace(
        row, time_ms=found.time_ms, speedup=found.speedup, energy_j=found.energy_j, daes=score
    )
