"""The sources of a run: the one list of them, that everybody else asks."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, ValuesView
from dataclasses import dataclass, field

from pipeline.messages import LinkAccount
from pipeline.snapshot import Ledger
from pipeline.stages.hub.plan import Session, SourcePlan
from pipeline.stages.hub.source import SourceTrack


@dataclass(slots=True)
class Past:
    """What the sessions of a name that are over come to, all together."""

    next: Session = field(default_factory=Session)
    """Where another session of this name begins."""
    reason: str | None = None
    """Of the last end."""
    link: LinkAccount | None = None
    """Of the last session; None of one that was not live."""
    ledger: Ledger = field(default_factory=Ledger)
    exit_counts: Counter[int] = field(default_factory=Counter)
    answered: int = 0
    """Frames of this part of the run."""


class Sources(Mapping[str, SourceTrack]):
    """Every source that is read or still drained, by name; and what became of those before.

    A name may come and go any number of times. Each time is a session: frames, source time and
    segments go on where the session before has ended, so that (source, frame, region) names one
    region of the run, whatever was changed meanwhile.

    Args:
        plans: Of those that the run begins with.
        crop_bytes: Of one region.
        sessions: Where their numbers begin, by name, if not at 0.
    """

    def __init__(
        self,
        plans: Iterable[SourcePlan],
        crop_bytes: int,
        sessions: Mapping[str, Session] | None = None,
    ) -> None:
        self._crop_bytes = crop_bytes
        self._tracks: dict[str, SourceTrack] = {}
        self.names: list[str] = []
        """Of all that there were; recordings name a source by its place here."""
        self._numbers: dict[str, int] = {}
        self.past: dict[str, Past] = {}
        self.expected: set[str] = set()
        """Names that will begin again once what they were has ended: the run goes on for them."""
        for plan in plans:
            self.begin(plan, (sessions or {}).get(plan.name))

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

    @property
    def is_over(self) -> bool:
        """All have ended, every frame of theirs is done, and none is to come."""
        return not self.expected and all(track.is_finished for track in self._tracks.values())

    def next_session(self, name: str) -> Session:
        """Where another session of a name begins that is not read now."""
        past = self.past.get(name)
        return Session() if past is None else past.next

    def begin(self, plan: SourcePlan, session: Session | None = None) -> SourceTrack:
        """Take a source in; its name is not in use."""
        assert plan.name not in self._tracks, "its last session is to be retired before"
        track = SourceTrack(plan, self._crop_bytes, session or self.next_session(plan.name))
        self._tracks[plan.name] = track
        if plan.name not in self._numbers:
            self._numbers[plan.name] = len(self.names)
            self.names.append(plan.name)
        self.expected.discard(plan.name)
        return track

    def retire(self, name: str) -> SourceTrack:
        """Let go of a source that is drained; its figures stay."""
        track = self._tracks.pop(name)
        reason = None if track.ended is None else track.ended.reason
        link = track.link if track.is_live else None
        past = self.remember(name, track.session_after, track.ledger, reason, link)
        past.exit_counts += track.exit_counts
        past.answered += track.answered
        return track

    def remember(
        self,
        name: str,
        after: Session,
        ledger: Ledger,
        reason: str | None,
        link: LinkAccount | None,
    ) -> Past:
        """Add a session that is over, by itself or in an earlier part of the run."""
        past = self.past.setdefault(name, Past())
        past.next, past.reason, past.link = after, reason, link
        past.ledger = summed([past.ledger, ledger])
        return past


def summed(ledgers: Iterable[Ledger]) -> Ledger:
    """Several accounts as one."""
    parts = list(ledgers)
    dropped: Counter[str] = Counter()
    for part in parts:
        dropped.update(part.dropped)
    return Ledger(
        captured=sum(part.captured for part in parts),
        processed=sum(part.processed for part in parts),
        dropped=dict(dropped),
        in_flight=sum(part.in_flight for part in parts),
        skipped=sum(part.skipped for part in parts),
        corrupt=sum(part.corrupt for part in parts),
    )
