"""What is known about chosen thresholds from pictures that had no part in choosing them.

The bounds are exact (Clopper and Pearson) for pictures drawn from one distribution: the one that
the certificate names, and no other. Under shift they say nothing.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.metrics import clopper_pearson_interval, clopper_pearson_upper


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Where pictures leave, and what they are then answered.

    Attributes:
        exits: [N].
        answers: class, [N].
        full: class that the full network answers, [N].
        labels: true class, [N], or None.
    """

    exits: NDArray[np.int64]
    answers: NDArray[np.int64]
    full: NDArray[np.int64]
    labels: NDArray[np.int64] | None


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its bounds; `lower` is null where only an upper bound is claimed."""

    estimate: float
    lower: float | None = None
    upper: float


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds that hold together or alone with probability `confidence` each.

    Attributes:
        distribution: of the pictures, in words: the bounds are about pictures like these.
        n: how many there were.
        confidence: 1 - delta, of each bound.
        disagreement: share answered unlike the full network; one-sided.
        exit_gap: accuracy lost by leaving early; None without labels.
        cost_share: mean cost as a share of the full network's, an estimate on these pictures.
        candidates: among how many policies these pictures chose by what they cost; every bound
            holds for all of them at once.
    """

    distribution: str
    n: int
    confidence: float
    disagreement: Bound
    exit_gap: Bound | None
    cost_share: float
    candidates: int = 1


def certify(
    decisions: Decisions,
    cost_share: float,
    distribution: str,
    confidence: float = 0.95,
    candidates: int = 1,
) -> Certificate:
    """Bound disagreement and exit gap.

    Args:
        decisions: on pictures that thresholds were not chosen on.
        cost_share: see `Certificate`.
        distribution: see `Certificate`.
        confidence: in (0, 1).
        candidates: see `Certificate`; each gets its part of 1 - confidence.
    """
    each = 1 - (1 - confidence) / candidates
    n = len(decisions.exits)
    differ = int((decisions.answers != decisions.full).sum())
    return Certificate(
        distribution=distribution,
        n=n,
        confidence=confidence,
        disagreement=Bound(estimate=differ / n, upper=clopper_pearson_upper(differ, n, each)),
        exit_gap=None if decisions.labels is None else _exit_gap(decisions, each),
        cost_share=cost_share,
        candidates=candidates,
    )


def gap_within_disagreement(certificate: Certificate) -> Certificate:
    """The same with the only bound on the exit gap that a choice by disagreement leaves.

    The pictures that bound the disagreement decided how far to go, so their own interval of the
    gap would be too narrow; but no more can be lost or won than differs.
    """
    if certificate.exit_gap is None:
        return certificate
    bound, estimate = certificate.disagreement.upper, certificate.exit_gap.estimate
    within = Bound(estimate=estimate, lower=-bound, upper=bound)
    return msgspec.structs.replace(certificate, exit_gap=within)


def _exit_gap(decisions: Decisions, confidence: float) -> Bound:
    """Share lost (early wrong, full right) less share won (the reverse).

    Each share gets half of delta, so that both bounds hold at once.
    """
    n = len(decisions.exits)
    early, full = decisions.answers == decisions.labels, decisions.full == decisions.labels
    lost, won = int((full & ~early).sum()), int((early & ~full).sum())
    each = 1 - (1 - confidence) / 2
    of_lost = clopper_pearson_interval(lost, n, each)
    of_won = clopper_pearson_interval(won, n, each)
    return Bound(
        estimate=(lost - won) / n,
        lower=of_lost.lower - of_won.upper,
        upper=of_lost.upper - of_won.lower,
    )
