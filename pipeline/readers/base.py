"""What a reader is: an iterator over the frames of one source."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import OnFull, SourceConfig

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The last frame that was accepted; reading goes on with the one after it."""

    frame: int
    pts_s: float


class Frame(ABC):
    """One picture. Pixels are converted only when asked for, so a dropped frame costs nothing.

    Attributes:
        index: Number in decode order, from 0; skipped and corrupt frames leave gaps.
        pts_s: Presentation time in seconds of source time; never falls within a source, also
            across passes of a loop.
        width: Pixels, after rotation.
        height: Pixels, after rotation.
        skipped: Frames left out by `stride`, `max_fps` or `start` so far, this pass and before.
        corrupt: Packets or pictures that could not be decoded so far; since the resume point, if
            one was given, because what lies before it is not read again.
        captured_at_ns: Wall clock, UTC, when the frame left the decoder.
        captured_mono_ns: Monotonic clock of the same moment; comparable between processes.
        decode_ms: Time the decoder took for it.
        part: Another number than that of the frame before says that the camera was cut: another
            file of several, say. Adaptation then begins its evidence anew. The first frame has 0;
            after a resume point 0 is the part of that point.
    """

    part: int = 0

    index: int
    pts_s: float
    width: int
    height: int
    skipped: int
    corrupt: int
    captured_at_ns: int
    captured_mono_ns: int
    decode_ms: float

    def stamp(self) -> None:
        """Take this moment as the moment of capture; pacing does so when it releases a frame."""
        self.captured_at_ns = time.time_ns()
        self.captured_mono_ns = time.monotonic_ns()

    @abstractmethod
    def pixels(self) -> Pixels:
        """The picture as RGB uint8 of shape (height, width, 3), upright and contiguous."""

    @abstractmethod
    def resized(self, width: int, height: int) -> Pixels:
        """The whole picture scaled to (height, width, 3) RGB uint8, area-averaged."""


class Reader(ABC):
    """One source. Built cheaply; `frames` opens it.

    A reader of one's own subclasses this and is named in the configuration by import path.
    """

    live: bool = False
    """A live source goes on while nobody reads; a file waits. When its `frames` ends for any other
    reason than `complete`, it is closed and `frames` is called again, for ever."""
    has_one_size: bool = True
    """Pictures of another size show that the camera was changed."""

    def __init__(self, uri: str, config: SourceConfig) -> None:
        self.uri = uri
        self.config = config
        self.end_reason = "complete"
        """Why `frames` ended: `complete`, or what broke off, for a person."""
        self.skipped = 0
        """Frames left out so far; unlike `Frame.skipped` also those after the last frame."""
        self.corrupt = 0
        """Packets or pictures that could not be decoded so far, since the resume point if given."""
        self.clock_jumps = 0
        """How often a camera's timestamps have jumped since `frames` began."""
        self.description = ""
        """What plays, for the log, once the first frame is there."""
        self.decode_threads = 1
        """Threads that one decoder may use; set before `frames`, by whoever counts the cores."""

    @property
    def on_full(self) -> OnFull:
        """What happens to frames that the pipeline cannot take yet."""
        return self.config.on_full or ("latest" if self.live else "block")

    @property
    def can_wait(self) -> bool:
        """Its frames may come late: nothing is dropped meanwhile, nothing plays in real time."""
        is_paced = self.live or self.config.realtime
        return self.on_full == "block" and not is_paced and self.config.max_age is None

    def check(self) -> None:  # noqa: B027  # a source that only reading can judge passes
        """Look cheaply, before a run starts, whether the source can work.

        Raises:
            SourceError: It cannot.
        """

    @abstractmethod
    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield the frames after `resume` (from the start if None), already thinned out.

        Raises:
            SourceError: The source cannot be opened or holds no picture.
        """

    def close(self) -> None:  # noqa: B027  # many readers hold nothing open
        """Release what `frames` opened; harmless when called twice."""


Wait = Callable[[float], bool]
"""Sleep for so many seconds; True when the wait was cut short because reading must stop."""
