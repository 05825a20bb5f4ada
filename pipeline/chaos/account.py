"""What a run has written of each source, read back from the file."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pipeline.results import EndRecord


class _Answer(msgspec.Struct):
    source: str
    frame: int
    region: int
    segment: int
    pts_s: float


class _Event(msgspec.Struct):
    source: str
    event: str | None = None


@dataclass(slots=True)
class Account:
    """The lines of one source.

    Attributes:
        frames: Numbers of the frames that have lines, in the order of the file, each once.
        pts_s: Of each of these.
        lines: Answers.
        doubled: Answers to a region that was answered before.
        disordered: Answers that stand behind one of a later frame or region.
        falling: Frames whose time or segment lies before that of the frame before them.
        end: Its last record.
        after_end: Lines behind that.
    """

    frames: list[int] = field(default_factory=list)
    pts_s: list[float] = field(default_factory=list)
    lines: int = 0
    doubled: int = 0
    disordered: int = 0
    falling: int = 0
    end: EndRecord | None = None
    after_end: int = 0
    _last: tuple[int, int] = (-1, -1)
    _segment: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def add(self, answer: _Answer) -> None:
        """The next line."""
        key = (answer.frame, answer.region)
        self.lines += 1
        self.after_end += self.end is not None
        if key <= self._last:
            self.doubled += key in self._seen
            self.disordered += key not in self._seen
        elif answer.frame != self._last[0]:
            self.falling += bool(self.pts_s) and answer.pts_s < self.pts_s[-1]
            self.falling += answer.segment < self._segment
            self.frames.append(answer.frame)
            self.pts_s.append(answer.pts_s)
        self._seen.add(key)
        self._last, self._segment = max(self._last, key), answer.segment


def read_accounts(path: Path) -> tuple[dict[str, Account], list[str]]:
    """The accounts by source, and what is wrong with the file itself."""
    accounts: dict[str, Account] = {}
    broken: Counter[str] = Counter()
    with path.open("rb") as file:
        for line in file:
            try:
                _add(accounts, line)
            except msgspec.DecodeError as error:
                broken[f"{path.name}: a line that is no record: {error}"] += 1
    return accounts, [f"{words} ({count} times)" for words, count in broken.items()]


def _add(accounts: dict[str, Account], line: bytes) -> None:
    event = _EVENT.decode(line)
    account = accounts.setdefault(event.source, Account())
    if event.event is None:
        account.add(_ANSWER.decode(line))
    else:
        account.after_end += account.end is not None
        account.end = _END.decode(line)


_EVENT = msgspec.json.Decoder(_Event)
_ANSWER = msgspec.json.Decoder(_Answer)
_END = msgspec.json.Decoder(EndRecord)
