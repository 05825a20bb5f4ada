"""What one audit teaches: the loss of every rung, and a pseudo-label for coefficients."""

import numpy as np

from dart_stream.adaptation.coefficients import Coefficients
from dart_stream.adaptation.ladder import Ladder, asked_logits
from dart_stream.adaptation.observation import Audit, Observation


def is_loss(label_id: int, audit: Audit) -> bool:
    """Say whether an answer counts against the promise.

    Without a true label it does if full depth answers otherwise. With one it does if it is wrong
    where full depth is right: then the promise is about accuracy lost, which is never more.
    """
    final = audit.label_ids[-1]
    if audit.truth is None:
        return label_id != final
    return label_id != audit.truth and final == audit.truth


def score(ladder: Ladder, coefficients: Coefficients, seen: Observation, audit: Audit) -> list[int]:
    """Loss of each rung, with the coefficients in use before they learn from this audit, (R,)."""
    labels = np.array([audit.label_ids])
    g = np.array(coefficients.current) if coefficients.in_use() else None
    asked = asked_logits(labels, np.array([seen.difficulty]), 0.0, g)
    exits = ladder.exits(np.array([audit.confidences]), asked)[0]
    loss = [int(is_loss(label, audit)) for label in audit.label_ids]
    return [loss[k] for k in exits.tolist()]


def teach(coefficients: Coefficients, audit: Audit, surest: float) -> None:
    """Let coefficients learn, if the label is the true one or full depth is sure of it.

    Args:
        coefficients: that learn.
        audit: what they learn from.
        surest: confidence of full depth from which on its answer is taken for a label.
    """
    final = audit.label_ids[-1]
    coefficients.offered[final] += 1
    if audit.truth is None and audit.confidences[-1] < surest:
        return
    coefficients.accepted[final] += 1
    for k, label in enumerate(audit.label_ids[:-1]):
        agrees = not is_loss(label, audit)
        coefficients.learn(k, label, audit.confidences[k], agrees=agrees)
