"""Choosing among strategies that only trying can judge.

Reference: UCB1, Auer, Cesa-Bianchi and Fischer, 2002, which is DART Eq. 15; the discounted form is
Garivier and Moulines, 2011.

Differs from the paper: nothing in `Ucb1`. `DiscountedUcb` forgets, because a reward of last night
says little about today; and audits score what they can score (`ladder`) without any trial.
"""

from math import log, sqrt

import msgspec


class Ucb1(msgspec.Struct, forbid_unknown_fields=True):
    """Arms with rewards in [0, 1].

    Attributes:
        trials: of each arm.
        totals: sum of its rewards.
    """

    trials: list[float]
    totals: list[float]

    def best(self) -> int:
        """The arm to play next: any that has not been tried, else the highest upper bound."""
        return _best(self.trials, self.totals)

    def add(self, arm: int, reward: float) -> None:
        """Take a reward in."""
        self.trials[arm] += 1
        self.totals[arm] += reward


class DiscountedUcb(msgspec.Struct, forbid_unknown_fields=True):
    """The same, each reward fading.

    Attributes:
        trials: of each arm, faded.
        totals: sum of its rewards, faded.
        keep: what is left of a trial after the next, in (0, 1).
    """

    trials: list[float]
    totals: list[float]
    keep: float = 0.99

    def best(self) -> int:
        """The arm to play next."""
        return _best(self.trials, self.totals)

    def add(self, arm: int, reward: float) -> None:
        """Take a reward in; all older ones fade."""
        self.trials = [n * self.keep for n in self.trials]
        self.totals = [r * self.keep for r in self.totals]
        self.trials[arm] += 1
        self.totals[arm] += reward


def _best(trials: list[float], totals: list[float]) -> int:
    untried = [arm for arm, n in enumerate(trials) if n < 1e-6]
    if untried:
        return untried[0]
    spread = 2 * log(max(sum(trials), 1.0))
    bounds = [r / n + sqrt(spread / n) for n, r in zip(trials, totals, strict=True)]
    return bounds.index(max(bounds))
