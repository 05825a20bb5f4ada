"""The sources of a run: the one list of them, that everybody else asks."""

from collections.abc import Iterable, Iterator, Mapping, ValuesView

from pipeline.stages.hub.plan import SourcePlan
from pipeline.stages.hub.source import SourceTrack


class Sources(Mapping[str, SourceTrack]):
    """Every source that is read, by name.

    Args:
        plans: Of those that the run begins with.
        crop_bytes: Of one region.
    """

    def __init__(self, plans: Iterable[SourcePlan], crop_bytes: int) -> None:
        self._tracks = {plan.name: SourceTrack(plan, crop_bytes) for plan in plans}
        self._numbers = {name: number for number, name in enumerate(self._tracks)}

    def __getitem__(self, name: str) -> SourceTrack:
        return self._tracks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tracks)

    def __len__(self) -> int:
        return len(self._tracks)

    def values(self) -> ValuesView[SourceTrack]:
        """Each of them; asked thousands of times a second."""
        return self._tracks.values()

    def number(self, name: str) -> int:
        """What a recording calls it."""
        return self._numbers[name]
