"""What can be said of the stream and the policy, for people and monitors."""

from dataclasses import dataclass

from dart_stream.adaptation.memory import DartMemory
from dart_stream.adaptation.terms import Terms
from dart_stream.metrics import clopper_pearson_upper


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the moment.

    Attributes:
        disagreement: estimate for the deployed rung in this epoch; None at full depth.
        upper: its bound at confidence 1 - delta for one look; None at full depth.
        unchanged: estimate for the rung that the last alarm left, on the audits since then: what
            would differ without adaptation; None at home, where calibration pictures count.
        audits: scenes that these come from, calibration pictures included if `at_home`.
        valid_since: region at which the epoch began.
        at_home: whether calibration pictures count.
        released: rungs that may be deployed.
        rung: deployed, from safe to aggressive; -1 is full depth.
        coefficients: g in use, (classes, early exits).
        acceptance: share of audits of each class sure enough to teach; None without audits.
        backbone_drop: accuracy that full depth seems to have lost against calibration, from its
            confidence: an estimate, and too small where it is sure and wrong.
        repeats: share of regions of late that repeat the one before.
        alarms: so far.
    """

    disagreement: float | None
    upper: float | None
    unchanged: float | None
    audits: int
    valid_since: int
    at_home: bool
    released: int
    rung: int
    coefficients: tuple[tuple[float, ...], ...]
    acceptance: tuple[float | None, ...]
    backbone_drop: float
    repeats: float
    alarms: int


def figures(terms: Terms, memory: DartMemory) -> Figures:
    """Compute them: too slow for every region, fast enough for a display."""
    evidence, g = memory.evidence, memory.coefficients
    known = memory.rung >= 0 and evidence.audits > 0
    losses = evidence.losses[memory.rung] if known else 0
    return Figures(
        disagreement=losses / evidence.audits if known else None,
        upper=clopper_pearson_upper(losses, evidence.audits, 1 - terms.delta) if known else None,
        unchanged=_unchanged(memory),
        audits=evidence.audits,
        valid_since=memory.epoch_since,
        at_home=memory.home,
        released=evidence.released,
        rung=memory.rung,
        coefficients=tuple(tuple(row) for row in g.current),
        acceptance=tuple(
            done / tried if tried else None
            for done, tried in zip(g.accepted, g.offered, strict=True)
        ),
        backbone_drop=terms.plan.full_confidence - memory.full_confidence,
        repeats=memory.scenes.repeats,
        alarms=memory.alarms_so_far,
    )


def _unchanged(memory: DartMemory) -> float | None:
    evidence = memory.evidence
    if memory.home or memory.left_rung < 0 or not evidence.audits:
        return None
    return evidence.losses[memory.left_rung] / evidence.audits
