"""What a run has written so far, followed while it grows."""

from collections import Counter
from pathlib import Path

import msgspec


class _Line(msgspec.Struct):
    source: str
    event: str | None = None


_DECODER = msgspec.json.Decoder(_Line)


class ResultsTail:
    """Counts the whole lines of `results.jsonl`.

    Args:
        path: The file, which may come later.
    """

    def __init__(self, path: Path) -> None:
        self.counts: Counter[str] = Counter()
        """Results by source."""
        self.ended: set[str] = set()
        """Sources whose end is written."""
        self._path = path
        self._offset = 0

    def read(self) -> None:
        """Take what has come since; a line that is still half written waits."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read()
        except FileNotFoundError:
            return
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._offset += len(whole)
        for text in whole.splitlines():
            line = _DECODER.decode(text)
            if line.event is None:
                self.counts[line.source] += 1
            else:
                self.ended.add(line.source)
