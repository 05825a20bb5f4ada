"""One session of a run's sources, played again beside the answers that it was given."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.model_info import ModelInfo
from pipeline.errors import ConfigError
from pipeline.footage import FrameAgain, PlayedSession, play_again
from pipeline.perturb import Perturbation
from pipeline.readers.base import Pixels
from pipeline.verify.run_files import Answers, Ints

BATCH: Final = 256
_SAME_TIME_S: Final = 1e-3


class SessionAgain:
    """Finds the rows of a session's regions while it plays."""

    def __init__(self, session: PlayedSession, answers: Answers, rows: Ints, seed: int) -> None:
        self._session, self._seed = session, seed
        self._answers = answers
        order = np.lexsort((answers.region[rows], answers.frame[rows]))
        self._rows = rows[order]
        self._frames = answers.frame[self._rows]
        self._ordinals: dict[int, int] = {}

    def frames(self, info: ModelInfo) -> Iterator[tuple[Ints, Pixels]]:
        """Yield the rows and crops of each frame that has answers."""
        if not len(self._rows):
            return
        wanted = frozenset(self._frames.tolist())
        found = 0
        for frame in play_again(self._session, info, self._seed, wanted):
            rows = self._rows[slice(*np.searchsorted(self._frames, [frame.frame, frame.frame + 1]))]
            self._check(frame, rows)
            found += len(rows)
            self._ordinals[frame.frame] = frame.first_region
            yield rows, frame.crops[self._answers.region[rows]]
        if found < len(self._rows):
            missing = min(wanted - self._ordinals.keys())
            raise self._changed(missing, "is not in it any more")

    def places(self) -> tuple[Ints, Ints, NDArray[np.object_]]:
        """Where each region stands: its row, its number in the session, and its phase."""
        first = np.array([self._ordinals[frame] for frame in self._frames.tolist()], np.int64)
        ordinal = first + self._answers.region[self._rows]
        phase = np.full(len(ordinal), "", object)
        if self._session.config.perturb is not None:
            shift = Perturbation.parse(self._session.config.perturb)
            phase[:] = [shift.phase(number) for number in ordinal.tolist()]
        return self._rows, ordinal, phase

    def _check(self, frame: FrameAgain, rows: Ints) -> None:
        recorded = self._answers.region[rows].max()
        if recorded >= len(frame.crops):
            what = f"has {len(frame.crops)} regions now, had {recorded + 1} or more"
            raise self._changed(frame.frame, what)
        recorded_s = self._answers.pts_s[rows[0]]
        if abs(recorded_s - frame.pts_s) > _SAME_TIME_S:
            what = f"comes at {frame.pts_s:.3f} s now, came at {recorded_s:.3f} s"
            raise self._changed(frame.frame, what)

    def _changed(self, frame: int, what: str) -> ConfigError:
        return changed(self._session.name, frame, what)


def changed(source: str, frame: int, what: str) -> ConfigError:
    """Refuse footage that is not what the run saw."""
    return ConfigError(
        f"sources.{source}: expected the footage that the run saw, but frame {frame} {what}; "
        "verify with the same file, from the folder where the run was started"
    )


def batches(frames: Iterator[tuple[Ints, Pixels]]) -> Iterator[tuple[Ints, Pixels]]:
    """Join frames until a batch has `BATCH` regions or a few more."""
    rows: list[Ints] = []
    crops: list[Pixels] = []
    for of_frame, pixels in frames:
        rows.append(of_frame)
        crops.append(pixels)
        if sum(map(len, rows)) >= BATCH:
            yield np.concatenate(rows), np.concatenate(crops)
            rows, crops = [], []
    if rows:
        yield np.concatenate(rows), np.concatenate(crops)
