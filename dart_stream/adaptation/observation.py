"""What the hub knows about one finished region: all that adaptation ever sees."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Audit:
    """A region that was run to full depth on purpose.

    Attributes:
        probability: of the coin, in (0, 1], fixed before any output was seen; 1 in a burst.
        label_ids: every exit's answer; the last is full depth.
        confidences: of each of them, calibrated, in [0, 1].
        truth: the true class, where a user has labelled the region.
    """

    probability: float
    label_ids: tuple[int, ...]
    confidences: tuple[float, ...]
    truth: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One region after its decision.

    Attributes:
        source: name of the camera or file.
        exit_index: where the deployed policy stopped it; for an audit, where it would have.
        label_id: the deployed answer.
        confidence: of the deployed answer, calibrated, in [0, 1].
        first_confidence: of exit 0, in [0, 1].
        first_label_id: answer of exit 0.
        difficulty: d in [0, 1], of mode `dart`.
        parts: raw edge density, variance and gradient, each in [0, 1].
        cost_share: what was computed for it, an audit's full depth included, as a share of the
            full network.
        audit: all exits' answers, if it was run to full depth on purpose.
        time_ms: that its share of the batch took to compute; None if not measured.
        energy_j: likewise, in joules.
    """

    source: str
    exit_index: int
    label_id: int
    confidence: float
    first_confidence: float
    first_label_id: int
    difficulty: float
    parts: tuple[float, float, float]
    cost_share: float
    audit: Audit | None = None
    time_ms: float | None = None
    energy_j: float | None = None
