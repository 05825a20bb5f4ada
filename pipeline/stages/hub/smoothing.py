"""N-of-M smoothing of labels: what is shown changes only when enough recent answers agree."""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from pipeline.sinks.base import Record

_MAX_TRACES = 1_024
"""Regions of one run that are remembered; tracks come and go for months."""

_Place = tuple[str, str | None, int]
"""Source, zone (None without), and the track's number or the region's where it has none."""


class Smoother:
    """The label to show of each region, after its latest answer.

    An answer is a label, or None if it was too unsure to be one; None counts like a label. What is
    shown becomes the answer that at least `needed` of the last `of` gave, and stays as it is while
    there is none. It is None at first.

    Between two changes lie at least `2 needed - of` answers, and it never changes more often than
    the answers do.

    Args:
        needed: Answers that must agree, more than half of `of`, so that at most one can win.
        of: Answers that are looked at. 1 of 1 shows each answer as it comes.
    """

    def __init__(self, needed: int, of: int) -> None:
        self._needed, self._of = needed, of
        self._traces: OrderedDict[_Place, _Trace] = OrderedDict()

    def label(self, record: Record) -> str | None:
        """The label to show; takes the records of each source in order, each once."""
        answer: str | None = record["label"]
        if self._of == 1:
            return answer
        trace = self._trace(_place(record))
        trace.answers.append(answer)
        if len(trace.answers) > self._of:
            trace.answers.popleft()
        if Counter(trace.answers)[answer] >= self._needed:
            trace.shown = answer  # only the latest answer can have come to be enough
        return trace.shown

    def forget(self, source: str) -> None:
        """Begin afresh with the regions of a source."""
        for place in [place for place in self._traces if place[0] == source]:
            del self._traces[place]

    def _trace(self, place: _Place) -> "_Trace":
        trace = self._traces.setdefault(place, _Trace())
        self._traces.move_to_end(place)
        if len(self._traces) > _MAX_TRACES:
            self._traces.popitem(last=False)
        return trace


@dataclass(slots=True)
class _Trace:
    """One region from frame to frame."""

    answers: deque[str | None] = field(default_factory=deque)
    shown: str | None = None


def _place(record: Record) -> _Place:
    track = record["track"]
    return record["source"], record["zone"], record["region"] if track is None else track
