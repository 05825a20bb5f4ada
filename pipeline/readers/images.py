"""`images://DIR`: a folder of pictures, one frame a picture."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import cv2
import msgspec
import numpy as np

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers.array_frame import ArrayFrame
from pipeline.readers.base import Frame, Pixels, Reader, ResumePoint
from pipeline.readers.natural_order import natural_key
from pipeline.readers.thinning import Thinner, passes

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


class ImagesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `options` of an `images://` source may say."""

    fps: float = 25.0
    """Pictures per second of source time."""


class ImagesReader(Reader):
    """Plays all pictures below a folder in natural order (`2.png` before `10.png`)."""

    has_one_size = False

    def __init__(self, uri: str, config: SourceConfig) -> None:
        super().__init__(uri, config)
        self.folder = Path(unquote(uri.removeprefix("images://"))).expanduser()
        self.fps = _read_options(uri, config).fps

    def check(self) -> None:
        """Raise SourceError unless the folder holds a picture."""
        self.pictures()

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield one frame per picture after `resume`; unreadable ones are counted and left out."""
        self.end_reason = "complete"
        self.skipped = self.corrupt = 0
        pictures = self.pictures()
        thinner = Thinner(self.config)
        done = -1 if resume is None else resume.frame
        unreadable_in_a_row = 0
        index = 0
        while index < len(pictures) * passes(self.config) and unreadable_in_a_row < len(pictures):
            pts_s = index / self.fps
            kept = thinner.keep(index, pts_s)
            self.skipped = thinner.skipped
            if kept and index > done:
                frame = self._frame(index, pts_s, pictures[index % len(pictures)])
                if frame is None:
                    unreadable_in_a_row += 1
                else:
                    unreadable_in_a_row = 0
                    yield frame
            index += 1
        if unreadable_in_a_row == len(pictures):
            raise SourceError(f"{self.uri}: none of its {len(pictures)} pictures can be read")

    def _frame(self, index: int, pts_s: float, path: Path) -> ArrayFrame | None:
        started = time.perf_counter()
        picture = _decode(path)
        if picture is None:
            self.corrupt += 1
            return None
        size = (picture.shape[1], picture.shape[0])
        frame = ArrayFrame(index, pts_s, size, lambda: picture)
        frame.decode_ms = (time.perf_counter() - started) * 1e3
        frame.skipped, frame.corrupt = self.skipped, self.corrupt
        return frame

    def pictures(self) -> list[Path]:
        """The pictures in the order in which they are frames.

        Raises:
            SourceError: There is no such folder, or no picture in it.
        """
        if not self.folder.is_dir():
            kind = "is a file, expected a folder" if self.folder.exists() else "no such folder"
            raise SourceError(f"{self.uri}: {kind}; give the folder that holds the pictures")
        found = [path for path in self.folder.rglob("*") if path.suffix.lower() in SUFFIXES]
        if not found:
            kinds = ", ".join(sorted(SUFFIXES))
            raise SourceError(f"{self.uri}: no picture in this folder; looked for {kinds}")
        return sorted(found, key=lambda path: natural_key(str(path.relative_to(self.folder))))


def _decode(path: Path) -> Pixels | None:
    """The picture as RGB; None if it cannot be read, or is a pipe, which might never end."""
    try:
        if not path.is_file():
            return None
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
        # IMREAD_COLOR turns the picture upright by its EXIF tag.
        picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    except (OSError, cv2.error):
        return None
    if picture is None:
        return None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _read_options(uri: str, config: SourceConfig) -> ImagesOptions:
    try:
        options = msgspec.convert(config.options, ImagesOptions)
    except msgspec.ValidationError as error:
        raise SourceError(f"{uri}: {error}; options are fps") from error
    if not 0 < options.fps < float("inf"):
        raise SourceError(f"{uri}: fps must be positive, got {options.fps}")
    return options
