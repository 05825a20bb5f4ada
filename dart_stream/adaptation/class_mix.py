"""The mix of predicted classes: when it changes, and what the true mix is then.

A bettor predicts the next answer of exit 0 from the last 300, and gains where he knows better than
the reference mix does; his logarithm of capital, never below 0, is another sum in nats.

Reference: Lipton, Wang and Smola, "Detecting and correcting for label shift with black box
predictors", 2018 (BBSE).
Differs from the paper: it does not know a class mix.
"""

from math import log
from typing import Final

import msgspec
import numpy as np

from dart_stream.adaptation.ladder import Floats

RECENT: Final = 300
_PRIOR: Final = 30.0
"""Regions of the reference mix that a prediction starts with."""

_ALLOWANCE: Final = 0.01
"""Nats a region that a change must be worth: calibration pictures are a sample, too."""

LEARNED: Final = 2000
"""Regions from which a new mix is learned after a change; 300 would leave it a tenth off."""

_LEARNED_EVERY: Final = 100

_RIDGE: Final = 0.02
_LEAST, _MOST = 0.1, 10.0
_UNSEEN: Final = 1e-3
"""Share that is taken for a class that calibration has not."""


class ClassMix(msgspec.Struct, forbid_unknown_fields=True):
    """Watches C classes.

    Attributes:
        shares: reference mix of exit 0's answers, (C,), sum 1, none 0.
        recent: last answers, a ring.
        at: where the next one goes.
        counts: of the ring, (C,).
        capital: in nats, at least 0.
        totals: regions, and prior ones, that a new mix is learned from, (C,).
        learning: how many more it is learned from; 0 when it is known.
    """

    shares: list[float]
    counts: list[int]
    recent: list[int] = []
    at: int = 0
    capital: float = 0.0
    totals: list[float] = []
    learning: int = 0

    def add(self, label_id: int, level: float) -> bool:
        """Take one answer in; say whether the mix has changed."""
        counts, recent = self.counts, self.recent
        share = self.shares[label_id]
        foretold = (counts[label_id] + _PRIOR * share) / (len(recent) + _PRIOR)
        capital = self.capital + log(0.5 + 0.5 * foretold / share) - _ALLOWANCE
        self.capital = max(0.0, capital)
        counts[label_id] += 1
        if len(recent) < RECENT:
            recent.append(label_id)
        else:
            counts[recent[self.at]] -= 1
            recent[self.at] = label_id
            self.at = (self.at + 1) % RECENT
        if self.learning:
            self._learn(label_id)
        return capital > level

    def restart(self, shares: list[float]) -> None:
        """Take a known mix for normal."""
        self.shares, self.recent, self.counts, self.at = shares, [], [0] * len(shares), 0
        self.capital, self.totals, self.learning = 0.0, [], 0

    def rebase(self, counts: list[int], towards: list[float]) -> None:
        """Take another mix for normal, and go on learning what it is.

        Args:
            counts: of answers in the new normal, (C,).
            towards: mix that they are shrunk towards, (C,).
        """
        totals = [n + _PRIOR * s for n, s in zip(counts, towards, strict=True)]
        self.restart([t / sum(totals) for t in totals])
        self.totals, self.learning = totals, LEARNED

    def _learn(self, label_id: int) -> None:
        self.totals[label_id] += 1.0
        self.learning -= 1
        if self.learning % _LEARNED_EVERY == 0:
            total = sum(self.totals)
            self.shares = [t / total for t in self.totals]


def shares_of(counts: Floats) -> list[float]:
    """A mix in which no class is impossible."""
    smoothed = counts + 0.5
    return [float(share) for share in smoothed / smoothed.sum()]


def label_weights(confusion: Floats, mix: Floats) -> Floats:
    """How much more often each class occurs than in calibration, (C,), within [0.1, 10].

    Args:
        confusion: joint shares of (answer of exit 0, class) in calibration, (C, C).
        mix: shares of answers of exit 0 now, (C,).
    """
    ridge = _RIDGE * max(float(np.trace(confusion)), _UNSEEN) / len(mix)
    # Ridge towards 1, not towards 0: without information the mix is the old one. So it is for a
    # class that calibration has not, or if no answer was right.
    shares = np.maximum(confusion.sum(axis=0), _UNSEEN)
    left = confusion.T @ confusion + ridge * np.diag(shares)
    right = confusion.T @ mix + ridge * shares
    return np.clip(np.linalg.solve(left, right), _LEAST, _MOST)
