"""Finds pictures that a damaged stream swallowed."""

from heapq import heappop, heappush


class LostPictures:
    """Compares what went into a decoder with what came out, by timestamp.

    Decoders report some broken packets as errors and drop others in silence, typically those that
    refer to a broken one. Between a sign of damage and the next key frame, a timestamp that went in
    and did not come out is a lost picture. Elsewhere it is not: some codecs have packets that are
    never shown.
    """

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._damaged = False

    def sent(self, timestamp: int) -> None:
        """A packet with this timestamp goes into the decoder."""
        heappush(self._waiting, timestamp)

    def damage(self) -> None:
        """The decoder has complained."""
        self._damaged = True

    def shown(self, timestamp: int, *, key_frame: bool) -> int:
        """A picture came out; how many are lost that should have come before it."""
        lost = 0
        while self._waiting and self._waiting[0] <= timestamp:
            lost += heappop(self._waiting) < timestamp
        lost *= self._damaged
        if key_frame:
            self._damaged = False
        return lost

    def ended(self) -> int:
        """Nothing more comes out; how many are lost at the end."""
        lost = len(self._waiting) * self._damaged
        self._waiting.clear()
        return lost
