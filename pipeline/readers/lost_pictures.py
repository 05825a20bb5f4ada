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
        self._given_up: set[int] = set()
        self._given_up_before: set[int] = set()
        """Of the stretch before the last key frame; a camera that runs for months keeps no more."""

    def sent(self, timestamp: int) -> None:
        """A packet with this timestamp goes into the decoder."""
        heappush(self._waiting, timestamp)

    def damage(self) -> None:
        """The decoder has complained."""
        self._damaged = True

    def shown(self, timestamp: int, *, key_frame: bool) -> int:
        """A picture came out; how many are lost that should have come before it."""
        passed: list[int] = []
        while self._waiting and self._waiting[0] <= timestamp:
            passed.append(heappop(self._waiting))
        lost = {each for each in passed if each < timestamp} if self._damaged else set()
        self._given_up |= lost
        if key_frame:
            self._damaged = False
            self._given_up, self._given_up_before = set(), self._given_up
        return len(lost)

    def is_given_up(self, timestamp: int) -> bool:
        """Whether this picture, which comes late, has already been counted as lost."""
        return timestamp in self._given_up or timestamp in self._given_up_before

    def ended(self) -> int:
        """Nothing more comes out; how many are lost at the end."""
        lost = len(self._waiting) * self._damaged
        self._waiting.clear()
        return lost
