"""All that a controller of mode `dart` takes from calibration pictures, computed once."""

from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation.certification import Certification
from dart_stream.adaptation.class_agreement import ClassAgreement, fit_class_agreement
from dart_stream.adaptation.class_mix import shares_of
from dart_stream.adaptation.cusum import Cusums, cusums_of_reference
from dart_stream.adaptation.difficulty_ends import END
from dart_stream.adaptation.ladder import Floats, Ints, Ladder, build_ladder
from dart_stream.adaptation.scenes import scene_starts
from dart_stream.adaptation.signals import (
    PIXEL_SIGNALS,
    SIGNALS,
    SignalReference,
    learn_signals,
)
from dart_stream.adaptation.state import fingerprint
from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable

Rows = tuple[tuple[float, ...], ...]

_SEED: Final = 0
_KEPT: Final = 16
"""Tables of losses kept, a few hundred kilobytes each."""

_LEAST_PICTURES: Final = 200
_LEAST_SCENES: Final = 20
_NO_FOOTAGE: Final = 0.95
"""So many scenes a picture."""
_KNOWN: Final[WeakKeyDictionary[ExitTable, dict[str, "Plan"]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """References, frozen.

    Attributes:
        ladder: policies from safe to aggressive, chosen on one half of the pictures.
        certification: the other half.
        agreement: what each class is to each exit, on the first half.
        signals: what pictures look like, from all of them.
        rows: their signals, (N, S).
        first_shares: mix of exit 0's answers.
        final_counts: full-depth answers of each class.
        confusion: joint shares of (answer of exit 0, answer of full depth).
        ends: shares of pictures at the low and the high end of difficulty.
        accuracy: of full depth; None without labels.
        full_confidence: mean confidence of full depth.
        calibration: fingerprint of the table.
    """

    ladder: Ladder
    certification: Certification
    agreement: ClassAgreement
    signals: SignalReference
    rows: Floats
    first_shares: list[float]
    final_counts: NDArray[np.int64]
    confusion: Floats
    ends: tuple[float, float]
    accuracy: float | None
    full_confidence: float
    calibration: int

    _homes: dict[tuple[bool, bool], Cusums] = field(default_factory=dict, repr=False)
    _losses: dict[Rows, Ints] = field(default_factory=dict, repr=False)

    def losses(self, coefficients: Rows) -> Ints:
        """Of each rung on each picture that certifies, (N, R); computed once per coefficients."""
        if coefficients not in self._losses:
            if len(self._losses) >= _KEPT:
                self._losses.clear()
            g = np.array(coefficients) if coefficients else None
            self._losses[coefficients] = self.certification.losses(self.ladder, g)
        return self._losses[coefficients]

    @property
    def num_classes(self) -> int:
        """Of the model."""
        return len(self.first_shares)

    @property
    def early_exits(self) -> int:
        """All exits but the last."""
        early: int = self.ladder.enabled.shape[0]
        return early

    def home(self, *, pixels: bool, confidence: bool) -> Cusums:
        """Detectors of a stream like the calibration pictures."""
        key = (pixels, confidence)
        if key not in self._homes:
            watched = [pixels] * PIXEL_SIGNALS + [confidence] * (len(SIGNALS) - PIXEL_SIGNALS)
            self._homes[key] = cusums_of_reference(self.rows, watched)
        return self._homes[key]


def plan_for(
    table: ExitTable, costs: Costs, epsilon: float, rungs: int, surest: float = 0.8
) -> Plan:
    """Make the plan, or return the one that was made of the same table.

    Args:
        table: pictures that the network was not trained on, at least 200, with `parts`.
        costs: of the network's parts.
        epsilon: limit on disagreement, in (0, 1).
        rungs: of the ladder.
        surest: confidence of full depth from which on its answer is taken for a label.

    Raises:
        DataError: too few pictures, no parts, no early exit, or a limit that is none.
    """
    if not 0 < epsilon < 1:
        raise DataError(f"adaptation: epsilon: expected a share in (0, 1), got {epsilon}")
    if len(table) < _LEAST_PICTURES:
        raise DataError(
            f"adaptation: expected at least {_LEAST_PICTURES} calibration pictures, "
            f"got {len(table)}; add some"
        )
    if table.parts is None:
        raise DataError(
            f"adaptation: exit table of {table.source}: expected parts of the difficulty, it has "
            "none; detectors need them, so record the table anew"
        )
    if table.num_exits < 2:
        raise DataError("adaptation: expected an early exit, got a model with the last one alone")
    known = _KNOWN.setdefault(table, {})
    key = repr((costs, epsilon, rungs, surest))
    if key not in known:
        known[key] = _plan(table, table.parts, costs, epsilon, rungs, surest)
    return known[key]


def _plan(
    table: ExitTable,
    parts: NDArray[np.float32],
    costs: Costs,
    epsilon: float,
    rungs: int,
    surest: float,
) -> Plan:
    chooses, certifies = _halves(table)
    first, final = table.answers[:, 0], table.answers[:, -1]
    classes = len(table.classes)
    signals, rows = learn_signals(parts, table.confidence[:, 0].astype(np.float64), first, classes)
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (first, final), 1 / len(table))
    chosen_on = table.take(chooses)
    return Plan(
        ladder=build_ladder(chosen_on, costs, epsilon, rungs),
        agreement=fit_class_agreement(chosen_on, surest),
        certification=Certification.of(table.take(certifies)),
        signals=signals,
        rows=rows,
        first_shares=shares_of(np.bincount(first, minlength=classes).astype(np.float64)),
        final_counts=np.bincount(final, minlength=classes),
        confusion=confusion,
        ends=(float((table.difficulty <= END).mean()), float((table.difficulty >= 1 - END).mean())),
        accuracy=None if table.labels is None else float(table.correct[:, -1].mean()),
        full_confidence=float(table.confidence[:, -1].mean()),
        calibration=fingerprint(table),
    )


def _halves(table: ExitTable) -> tuple[Ints, Ints]:
    """Rows that choose the ladder, and rows that certify it: half of the scenes each.

    Footage shows a scene many times over. All of it lies on one side then, and it certifies once.
    """
    starts = scene_starts(table)
    scene = np.cumsum(starts) - 1
    scenes = int(starts.sum())
    if scenes > _NO_FOOTAGE * len(table):  # pictures in no order: some are alike by chance
        order = np.random.default_rng(_SEED).permutation(len(table))
        return order[: len(table) // 2], order[len(table) // 2 :]
    if scenes < _LEAST_SCENES:
        raise DataError(
            f"adaptation: expected calibration footage of at least {_LEAST_SCENES} scenes, got "
            f"{scenes} in {len(table)} pictures; calibrate on more of it"
        )
    order = np.random.default_rng(_SEED).permutation(scenes)
    is_chosen = np.isin(scene, order[: scenes // 2])
    return np.flatnonzero(is_chosen), np.flatnonzero(starts & ~is_chosen)
