"""Webcams through OpenCV: `webcam://0`, `0`, `/dev/video0`."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers.array_frame import ArrayFrame
from pipeline.readers.base import Frame, Pixels, Reader, ResumePoint
from pipeline.readers.thinning import Thinner


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802  # OpenCV's name
    def grab(self) -> bool: ...  # noqa: D102
    def retrieve(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


def open_capture(number: int) -> Capture:
    """Open camera `number` with this system's own driver."""
    driver = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture: Capture = cv2.VideoCapture(number, driver)
    return capture


class CameraReader(Reader):
    """A camera at this machine; its source time is the time since its first picture."""

    live = True

    def __init__(
        self,
        uri: str,
        config: SourceConfig,
        *,
        opener: Callable[[int], Capture] = open_capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(uri, config)
        self.number = _camera_number(uri)
        self._opener = opener
        self._clock = clock
        self._capture: Capture | None = None

    def check(self) -> None:
        """Raise SourceError when this machine has no such device."""
        device = Path(f"/dev/video{self.number}")
        if sys.platform == "linux" and not device.exists():
            present = ", ".join(sorted(str(p) for p in Path("/dev").glob("video*"))) or "none"
            raise SourceError(
                f"{self.uri}: no camera {self.number} ({device} does not exist; present: {present})"
            )

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield what the camera sees from now on, numbered on from `resume`."""
        capture = self._opener(self.number)
        self._capture = capture
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                f"{self.uri}: camera {self.number} cannot be opened; is it plugged in, free, and"
                " may this user read it (group video)?"
            )
        self.end_reason = f"camera {self.number} gave no further picture"
        index = 0 if resume is None else resume.frame + 1
        base_s = 0.0 if resume is None else resume.pts_s
        yield from self._grabbed(capture, index, base_s)

    def close(self) -> None:
        """Release the camera."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _grabbed(self, capture: Capture, index: int, base_s: float) -> Iterator[Frame]:
        thinner = Thinner(self.config)
        began_s: float | None = None
        while True:
            before_s = self._clock()
            if not capture.grab():
                return
            now_s = self._clock()
            began_s = now_s if began_s is None else began_s
            pts_s = base_s + now_s - began_s
            kept = thinner.keep(index, pts_s)
            self.skipped = thinner.skipped
            if kept:
                arrived, picture = capture.retrieve()
                if arrived:
                    frame = _frame(index, pts_s, picture)
                    frame.decode_ms = (self._clock() - before_s) * 1e3
                    frame.skipped, frame.corrupt = self.skipped, self.corrupt
                    yield frame
                else:
                    self.corrupt += 1
            index += 1


def _frame(index: int, pts_s: float, picture: Any) -> ArrayFrame:
    def rgb() -> Pixels:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    return ArrayFrame(index, pts_s, (picture.shape[1], picture.shape[0]), rgb)


def _camera_number(uri: str) -> int:
    match = re.fullmatch(r"(?:webcam://|/dev/video)?([0-9]+)/?", uri.strip())
    if match is None:
        raise SourceError(f"{uri}: expected webcam://N with N the camera's number, such as 0")
    return int(match.group(1))
