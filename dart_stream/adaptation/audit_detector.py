"""Alarm when audits of the deployed policy disagree more than what was deployed may.

Reference: Page 1954; as an e-detector, Shin, Ramdas and Rinaldo, 2023.
Differs from the paper: its feedback is its own answers, which never disagree with themselves.
"""

from math import log
from typing import Final

import msgspec

_SUSPECT: Final = 3.0
"""Rate looked for, in limits. At 3 % of audits a lower one could not be told soon anyway."""


class AuditDetector(msgspec.Struct, forbid_unknown_fields=True):
    """One sum in nats."""

    capital: float = 0.0

    def add(self, *, differs: bool, normal: float, epsilon: float, level: float) -> bool:
        """Take one audit in; say whether the rate has risen.

        Args:
            differs: whether the deployed answer was not that of full depth.
            normal: rate that the deployed policy may have, in (0, 1).
            epsilon: the limit.
            level: in nats, against audits.
        """
        suspect = min(_SUSPECT * epsilon, 0.9)
        gain = log(suspect / normal) if differs else log((1 - suspect) / (1 - normal))
        self.capital = max(0.0, self.capital + gain)
        return self.capital > level
