"""True labels that a person gives for regions of late: what the network itself gets wrong.

Nothing is adapted from them: the promise is about full depth's answer, and audits know that one.
They say what audits cannot, how often full depth is right.
"""

from typing import Final, NamedTuple

from pipeline.errors import CommandError
from pipeline.messages import RegionResult

REMEMBERED: Final = 10_000
"""Answers that can still be labelled."""

RegionName = tuple[str, int, int]
"""Source, frame, region."""


class _Given(NamedTuple):
    label_id: int
    full_label_id: int | None


class Truth:
    """Answers of late, and how those fared that a person labelled."""

    def __init__(self) -> None:
        self._answers: dict[RegionName, _Given] = {}
        self.labels = 0
        self.right = 0
        """Labelled regions whose answer was right."""
        self.audited = 0
        """Labelled regions that were audited."""
        self.full_right = 0
        """Of those, how many full depth got right."""
        self.early_right = 0
        """Of those, how many the deployed answer got right."""

    def remember(self, name: RegionName, result: RegionResult) -> None:
        """Keep an answer for a while."""
        full = result.exit_label_ids[-1] if result.exit_label_ids else None
        self._answers[name] = _Given(result.label_id, full)
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]

    def tell(self, name: RegionName, label_id: int) -> None:
        """Say what a region really showed; each region counts once.

        Raises:
            CommandError: it is not remembered: unknown, too long ago, or labelled before.
        """
        given = self._answers.pop(name, None)
        if given is None:
            source, frame, region = name
            raise CommandError(
                f"label: expected one of the last {REMEMBERED:,} answers not yet labelled, "
                f"got source {source}, frame {frame}, region {region}"
            )
        self.labels += 1
        self.right += given.label_id == label_id
        if given.full_label_id is not None:
            self.audited += 1
            self.full_right += given.full_label_id == label_id
            self.early_right += given.label_id == label_id
