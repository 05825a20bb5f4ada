"""What `evaluate` does on the machine: tables recorded, methods fitted, policies timed."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch

from dart_stream.costs import Costs
from dart_stream.data import Pictures
from dart_stream.difficulty import estimator_flops
from dart_stream.engine.placement import device_name
from dart_stream.engine.timing import interleaved_median_ms
from dart_stream.errors import DataError
from dart_stream.evaluation.document import (
    Estimator,
    Evaluation,
    ExitRow,
    FrontierRow,
    FullDepth,
)
from dart_stream.evaluation.evaluate import (
    BUDGETS,
    SHOWN_BUDGET,
    difficulty_auroc,
    frontier_on,
    measure,
    measure_methods,
    take_apart,
)
from dart_stream.evaluation.halvings import OURS, compare_on_halves
from dart_stream.exit_table import ExitTable
from dart_stream.methods import METHODS, methods_for
from dart_stream.thresholds.choice import thinned
from dart_stream.thresholds.objectives import accuracy_of
from pipeline.bench.host import host_facts
from pipeline.bench.run_methods import REPEATS, EnergyProxy, run_methods
from pipeline.bench.subject import Subject
from pipeline.bench.time_budgets import fit_to_time

_SEEDS: Final = (0, 1, 2)
_FRONTIER_POINTS: Final = 200
_ORACLE: Final = "oracle"
_BY_TIME: Final = ("shared", OURS)
"""Methods that are also fitted to budgets of measured time."""

OnStep = Callable[[str], None]


def evaluate_model(  # noqa: PLR0913 - what an evaluation is made of, each named by its caller
    subject: Subject,
    *,
    chosen_on: tuple[Pictures, str],
    measured_on: tuple[Pictures, str, str],
    methods: Sequence[str] | None,
    batch: int,
    energy_proxy: EnergyProxy | None,
    command: str,
    on_step: OnStep,
) -> Evaluation:
    """Compare methods on one model.

    Args:
        subject: the model.
        chosen_on: pictures to choose thresholds on, and what they are.
        measured_on: pictures to measure on, their data set and split.
        methods: names; None compares all that can take as many exits as the model has.
        batch: pictures handed over at once when times are measured.
        energy_proxy: what stands for joules in DAES where no sensor measures them.
        command: that asked for it.
        on_step: told in a line what begins.

    Raises:
        DataError: the model has no early exit.
    """
    if subject.info.num_exits < 2:
        raise DataError(f"model {subject.info.name}: expected an early exit, got the last alone")
    able = methods_for(subject.info.num_exits - 1)
    names = able if methods is None else list(methods)
    if methods is None and len(able) < len(METHODS):
        missing = ", ".join(name for name in METHODS if name not in able)
        on_step(f"left out, for they cannot take so many exits: {missing}")
    pictures, dataset, split = measured_on
    on_step(f"running {len(chosen_on[0]) + len(pictures)} pictures through every exit")
    validation = subject.record(chosen_on[0].images, chosen_on[0].labels, chosen_on[1])
    test = subject.record(pictures.images, pictures.labels, f"{dataset}, split {split}")
    times = _stage_costs(subject, pictures, batch)
    on_step("fitting methods")
    measured = measure_methods(validation, test, validation.macs, names)
    on_step("fitting to budgets of time")
    by_time = fit_to_time(
        [name for name in names if name in _BY_TIME],
        BUDGETS,
        subject=subject,
        table=validation,
        images=chosen_on[0].images,
        costs=times,
        batch=batch,
    )
    measured += [measure(fitted, times.unit, test) for fitted in by_time]
    on_step("choosing again on halves of the validation pictures")
    halvings = compare_on_halves(validation, test, BUDGETS, _SEEDS) if OURS in names else None
    on_step(f"timing {len(measured)} settings, batches of {batch}")
    runs = run_methods(subject, measured, pictures, batch=batch, energy_proxy=energy_proxy)
    shown = next((m for m in measured if m.row.name == OURS and m.row.budget == SHOWN_BUDGET), None)
    return Evaluation(
        command=command,
        model=subject.info.name,
        dataset=dataset,
        split=split,
        n=len(test),
        chosen_on=chosen_on[1],
        chosen_n=len(validation),
        classes=list(test.classes),
        precision=subject.engine.precision,
        threads=subject.threads,
        batch=batch,
        energy_source=runs.energy_source,
        energy_proxy=runs.energy_proxy,
        mean_alpha=runs.mean_alpha,
        full_depth=FullDepth(
            accuracy=float(test.correct[:, -1].mean()),
            macs=test.macs.plain(),
            time_ms=runs.full_ms,
            energy_j=runs.full_j,
        ),
        exits=_exits(test),
        estimator=Estimator(
            flops=estimator_flops(*subject.info.input_size),
            time_us=1e3 * times.estimator,
            auroc_error=difficulty_auroc(test),
        ),
        methods=[row for row in runs.rows if row.name != _ORACLE],
        oracle=next((row for row in runs.rows if row.name == _ORACLE), None),
        frontier=_frontier(validation),
        breakdown=None if shown is None else take_apart(shown.fitted, test),
        halvings=halvings,
        device=device_name(subject.engine.device),
        host=host_facts(),
        torch=str(torch.__version__),
    )


def _stage_costs(subject: Subject, pictures: Pictures, batch: int) -> Costs:
    """Milliseconds a picture of every part, in batches of one size.

    Deciding and gathering happen where a head runs, so that they count with the heads.
    """
    times = subject.engine.measure_stage_times([batch], REPEATS)
    parting_ms = subject.engine.measure_parting(batch, REPEATS)
    heads_ms = times.head_ms[0] + np.append(parting_ms, 0.0)
    return Costs(
        stages=(times.stage_ms[0] / batch).tolist(),
        heads=(heads_ms / batch).tolist(),
        estimator=_estimator_ms(subject, pictures, batch),
        unit="ms",
    )


def _estimator_ms(subject: Subject, pictures: Pictures, batch: int) -> float:
    tables, images = subject.tables, pictures.images[:batch]
    if tables is None:
        return 0.0
    device = subject.engine.device
    return interleaved_median_ms([lambda: tables.score(images)], repeats=31, device=device)[
        0
    ] / len(images)


def _exits(test: ExitTable) -> list[ExitRow]:
    shares = test.macs.up_to_exit() / test.macs.plain()
    return [
        ExitRow(accuracy=float(right), macs_share=float(share))
        for right, share in zip(test.correct.mean(0), shares, strict=True)
    ]


def _frontier(validation: ExitTable) -> list[FrontierRow]:
    plain = validation.macs.plain()
    return [
        FrontierRow(
            cost_share=point.cost / plain,
            accuracy=accuracy_of(point),
            disagreement=point.disagreement,
        )
        for point in thinned(frontier_on(validation), _FRONTIER_POINTS)
    ]
