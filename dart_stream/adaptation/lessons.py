"""What one audit teaches: the loss of every rung, and a pseudo-label for coefficients."""

import numpy as np

from dart_stream.adaptation.coefficients import Coefficients
from dart_stream.adaptation.ladder import Ladder, asked_logits
from dart_stream.adaptation.observation import Audit, Observation
from dart_stream.adaptation.terms import Terms


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


def teach(coefficients: Coefficients, seen: Observation, audit: Audit, terms: Terms) -> None:
    """Let coefficients learn, if the label is the true one or full depth is sure of it."""
    final = audit.label_ids[-1]
    coefficients.offered[final] += 1
    sure = audit.confidences[-1] >= terms.settings.pseudo_label_confidence
    if audit.truth is None and not sure:
        return
    coefficients.accepted[final] += 1
    differs = is_loss(seen.label_id, audit)
    coefficients.add(seen.label_id, seen.exit_index, differs=differs, epsilon=terms.epsilon)
