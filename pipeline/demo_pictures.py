"""The demo's pictures, which ship with the package: a reader of its own shows them as a camera.

They were drawn by the shipped network itself (`tools/draw_demo_pictures.py`): each was changed
until all exits answered as they do to one of the calibration pictures, with as much edge, variance
and gradient. To the network, and to the detectors of adaptation, they are at home; to a person they
are coloured specks. Nobody's photographs are shipped.
"""

import functools
from collections.abc import Iterator
from functools import partial
from importlib import resources
from typing import Final

import cv2
import numpy as np

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers import ArrayFrame, Frame, Reader, ResumePoint
from pipeline.readers.base import Pixels
from pipeline.readers.thinning import Thinner

SIDE: Final = 32
FPS: Final = 25
_SHEET: Final = "demo_pictures.png"


class DrawnPictures(Reader):
    """Pictures of the sheet in random order, without end; `options.seed` draws each camera's."""

    def __init__(self, uri: str, config: SourceConfig) -> None:
        super().__init__(uri, config)
        self._seed = int(config.options.get("seed", 0))

    def check(self) -> None:
        """Raise SourceError unless the sheet is there."""
        sheet()

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield the pictures after `resume`; which one comes depends on seed and number alone."""
        pictures, thinner = sheet(), Thinner(self.config)
        self.skipped = 0
        index = -1
        while True:
            index += 1
            kept = thinner.keep(index, index / FPS)
            self.skipped = thinner.skipped
            if kept and (resume is None or index > resume.frame):
                number = int(np.random.default_rng((self._seed, index)).integers(len(pictures)))
                frame = ArrayFrame(index, index / FPS, (SIDE, SIDE), partial(_of, pictures, number))
                frame.skipped = self.skipped
                yield frame


@functools.cache
def sheet() -> Pixels:
    """All pictures, uint8 (n, SIDE, SIDE, 3), RGB.

    Raises:
        SourceError: the package lacks them.
    """
    path = resources.files("pipeline") / _SHEET
    encoded = np.frombuffer(path.read_bytes() if path.is_file() else b"", np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if picture is None:
        raise SourceError(f"demo: expected its pictures in {path}, found none; install again")
    rows, columns = picture.shape[0] // SIDE, picture.shape[1] // SIDE
    cut = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).reshape(rows, SIDE, columns, SIDE, 3)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3), np.uint8)


def _of(pictures: Pixels, number: int) -> Pixels:
    one: Pixels = pictures[number]
    return one
