"""How sure it is that a rung keeps the limit: capital of a bettor who would lose if it did not.

For each rung someone starts with 1 and bets on every audit that it agrees with full depth, at odds
that are fair if its rate of disagreement were exactly epsilon. If the true rate is epsilon or more
his capital is a supermartingale, so it ever reaches 1/delta with probability delta at most
(Ville), whenever one looks. He plays several stakes at once, one for each rate he thinks likely,
and his capital is their mean: a number that depends on counts alone.

Rungs are released in one sequence from safe to aggressive, each only after all safer ones. A rung
that breaks the limit can be released only if the first such rung is, so no correction for the
number of rungs is due.

Reference: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
2024; fixed-sequence testing as in "Learn then Test" (Angelopoulos et al., 2021).

Differs from the paper: it has no bound at all.

Weights 1/q are not needed here: the coin is tossed independently of the region, so audited regions
are distributed like all regions, whatever its probability was. `whatif`, which looks back on a
stream that may have changed, does need them.
"""

from typing import Final

import msgspec
import numpy as np

from dart_stream.adaptation.ladder import Floats, Ints

_STAKES: Final = np.array([[1e-3, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4]]).T
"""Rates that are betted on, as shares of epsilon: 0.001 wins fastest if nothing ever differs."""

_SHARES: Final = np.log(np.array([[0.3, 0.1, 0.15, 0.15, 0.15, 0.15]])).T
"""Logarithm of the capital put on each."""


class Evidence(msgspec.Struct, forbid_unknown_fields=True):
    """Audits since the last reset.

    Attributes:
        audits: scenes audited.
        losses: of each rung, how many of them it would have answered unlike full depth.
        released: how many rungs have been released, from the safest on.
        chance: of ever releasing a rung above the limit, delta or what is left of it.
    """

    audits: int
    losses: list[int]
    released: int
    chance: float

    def add(self, lost: list[int], audits: int = 1) -> None:
        """Count audits.

        Args:
            lost: of each rung, how many of these it lost.
            audits: how many these are.
        """
        self.audits += audits
        self.losses = [before + now for before, now in zip(self.losses, lost, strict=True)]

    def release(self, epsilon: float) -> None:
        """Walk on as far as the capital allows."""
        capital = log_capital(np.array(self.losses[self.released :]), self.audits, epsilon)
        enough = capital >= -np.log(self.chance)
        self.released += int(enough.argmin()) if not enough.all() else len(enough)

    def rates(self) -> list[float]:
        """Estimated disagreement of each rung; half a loss is added, for none seen is not none."""
        return [(losses + 0.5) / (self.audits + 1) for losses in self.losses]


def log_capital(losses: Ints, audits: int, epsilon: float) -> Floats:
    """Logarithm of the capital against "rate >= epsilon", one per rung.

    Args:
        losses: of each rung.
        audits: that all rungs were scored on.
        epsilon: in (0, 1).
    """
    rate = _STAKES * epsilon
    won = (audits - losses) * np.log((1 - rate) / (1 - epsilon))
    each = _SHARES + losses * np.log(_STAKES) + won
    highest = each.max(axis=0)
    capital: Floats = highest + np.log(np.exp(each - highest).sum(axis=0))
    return capital


def fresh_evidence(rungs: int, chance: float) -> Evidence:
    """Return none at all."""
    return Evidence(audits=0, losses=[0] * rungs, released=0, chance=chance)
