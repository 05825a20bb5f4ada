"""Adaptation held by hand: the policy stays as it is, and audits go on to say what that costs."""

from collections.abc import Iterable

from dart_stream.metrics import clopper_pearson_upper
from pipeline.messages import RegionResult


class Held:
    """Counts audits since the policy was held; nothing is learned from them.

    Args:
        words: why, for people.
        since: region at which it began, counted as the controller counts.
    """

    def __init__(self, words: str, since: int) -> None:
        self.words = words
        self.since = since
        self.regions = 0
        self.audits = 0
        self.losses = 0
        """Audits whose deployed answer was another than full depth's."""

    def see(self, results: Iterable[RegionResult]) -> None:
        """Take answers; those that ran to full depth on purpose count."""
        for result in results:
            self.regions += 1
            if result.exit_label_ids:
                self.audits += 1
                self.losses += result.label_id != result.exit_label_ids[-1]

    @property
    def estimate(self) -> float | None:
        """Share of answers that differ; None without an audit."""
        return self.losses / self.audits if self.audits else None

    def upper(self, confidence: float) -> float | None:
        """Bound of the estimate, while nothing changes; None without an audit."""
        if not self.audits:
            return None
        return clopper_pearson_upper(self.losses, self.audits, confidence)
