"""A reader and a sink of one's own, named by import path in `own.yaml` beside this file.

Run it from this folder: `dart-stream run own.yaml`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.readers import ArrayFrame, Frame, Reader, ResumePoint
from pipeline.sinks import Record, Sink


class Countdown(Reader):
    """Grey pictures that grow darker."""

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield the pictures after `resume`, so that a killed reader goes on where it was."""
        total = int(self.config.options.get("frames", 10))
        for index in range(0 if resume is None else resume.frame + 1, total):
            level = 255 - 255 * index // total
            picture = np.full((48, 64, 3), level, dtype=np.uint8)
            yield ArrayFrame(index, index / 25, (64, 48), lambda picture=picture: picture)


class LabelCount(Sink):
    """Counts labels and writes the counts at the end."""

    def open(self, offset: int) -> dict[str, tuple[int, int]]:
        """Begin to count; nothing is remembered, so a restarted sink may count a record twice."""
        self.counts: Counter[str] = Counter()
        return {}

    def write(self, records: Sequence[Record]) -> None:
        """Count the labels; end records have none."""
        self.counts.update(record["label"] for record in records if "label" in record)

    def close(self) -> None:
        """Write what was counted."""
        (self.out / "labels.json").write_text(json.dumps(self.counts))
