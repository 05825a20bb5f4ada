"""The last audits, and what any policy would have done with them.

Reference: Horvitz and Thompson, 1952; the ratio form is Hajek's. The exact interval is Clopper and
Pearson's where all coins were equal, else Wilson's at the effective number of audits (Kish).
Differs from the paper: it can judge a strategy only by trying it.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from dart_stream.adaptation.observation import Audit
from dart_stream.errors import PolicyError
from dart_stream.metrics import Interval, clopper_pearson_interval, wilson_interval
from dart_stream.policies import ExitObservation, Policy

LENGTH: Final = 2000
_WHOLE_DISTRIBUTION: Final = frozenset({"entropy"})


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a policy would have done on the logged regions.

    Attributes:
        disagreement: estimated share of answers unlike full depth.
        interval: of it, at `confidence`.
        exits: estimated share of regions per exit.
        audits: that it comes from.
        effective: number of audits of equal weight that would tell as much.
        confidence: of the interval, in (0, 1).
    """

    disagreement: float
    interval: Interval
    exits: tuple[float, ...]
    audits: int
    effective: float
    confidence: float


class AuditLog(msgspec.Struct, forbid_unknown_fields=True):
    """Audits with the difficulty of their region, one a scene.

    Attributes:
        entries: (difficulty, audit).
    """

    entries: list[tuple[float, Audit]] = []

    def add(self, difficulty: float, audit: Audit) -> None:
        """Keep an audit."""
        self.entries.append((difficulty, audit))
        if len(self.entries) >= 2 * LENGTH:
            del self.entries[:LENGTH]

    def whatif(self, policy: Policy, num_classes: int, confidence: float = 0.95) -> WhatIf | None:
        """Score a policy; None without audits.

        The regions it speaks of are those of the log, whatever happened to the stream meanwhile:
        each stands for 1/q. Where scenes last that is too much for those that a coin found, beside
        those of a burst: each region of a scene was a chance to be found.

        Args:
            policy: any that decides on confidence, label, history and d.
            num_classes: of the model.
            confidence: of the interval.

        Raises:
            PolicyError: the policy needs what an audit does not keep.
        """
        entries = self.entries[-LENGTH:]
        if not entries:
            return None
        _require_scorable(policy)
        weight = np.array([1 / audit.probability for _, audit in entries])
        labels = np.array([audit.label_ids for _, audit in entries], dtype=np.int64)
        exits = _exits(policy, entries, labels, num_classes)
        differs = labels[np.arange(len(entries)), exits] != labels[:, -1]
        share = float(weight @ differs / weight.sum())
        shares = np.bincount(exits, weights=weight, minlength=labels.shape[1]) / weight.sum()
        effective = float(weight.sum() ** 2 / (weight @ weight))
        equal = bool((weight == weight[0]).all())
        interval = (
            clopper_pearson_interval(int(differs.sum()), len(entries), confidence)
            if equal
            else wilson_interval(min(share, 1.0), max(1, round(effective)), confidence)
        )
        return WhatIf(share, interval, tuple(shares.tolist()), len(entries), effective, confidence)


def _require_scorable(policy: Policy) -> None:
    if policy.kind in _WHOLE_DISTRIBUTION or policy.difficulty_mode != "dart":
        raise PolicyError(
            f"whatif: expected a policy that reads confidence, label and d, got {policy.kind!r}; "
            "audits keep nothing else"
        )


def _exits(
    policy: Policy,
    entries: list[tuple[float, Audit]],
    labels: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
    num_classes: int,
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Where the policy would stop, (n,): `policies.replay` on what an audit keeps."""
    n, num_exits = labels.shape
    policy.require_fit(num_exits, num_classes)
    confidence = np.array([audit.confidences for _, audit in entries], dtype=np.float32)
    difficulty = np.array([d for d, _ in entries], dtype=np.float32)
    exits = np.full(n, num_exits - 1, dtype=np.int64)
    history = np.full((n, num_exits), -1, dtype=np.int64)
    rows = np.arange(n)
    for k in range(num_exits - 1):
        if not policy.watches(k):
            continue
        history[:, k] = labels[:, k]
        fired = policy.fires(
            ExitObservation(
                exit_index=k,
                confidence=confidence[rows, k],
                label_id=labels[rows, k],
                difficulty=difficulty[rows],
                probabilities=np.zeros((len(rows), num_classes), dtype=np.float32),
                label_history=history[rows, :k],
            )
        )
        exits[rows[fired]] = k
        rows = rows[~fired]
    return exits
