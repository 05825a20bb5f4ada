"""`video`: one source as it was seen, each region with its answer and what that cost."""

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pipeline.config import MEGABYTE
from pipeline.heap import give_back
from pipeline.sinks.base import FRAME_EVENT, UNKNOWN_OFFSET, Key, Record, Sink, is_no_room
from pipeline.sinks.video_parts import VideoParts

if TYPE_CHECKING:  # codecs and arrays are loaded where a video is really written
    from pipeline.frame_ring import Picture, RingReader
    from pipeline.sinks.canvas import Canvas
    from pipeline.sinks.overlay import Overlay
    from pipeline.sinks.video_file import VideoFile

_RETRY_S: Final = 30.0
"""How often a video that found no room looks again."""


class VideoSink(Sink):
    """Draws frames out of shared memory and encodes them.

    Each incarnation writes parts of its own: `lot.mp4`, then `lot.part2.mp4`. What those before it
    were given and did not bring into their files is counted in `lost`, and so is what a full disk
    does not take.
    """

    draws: ClassVar[bool] = True

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        super().__init__(out, options)
        max_mb = options.get("max_mb")
        self._parts = VideoParts(
            out / str(options.get("file") or "video.mp4"),
            int(max_mb * MEGABYTE) if max_mb else None,
        )
        self._quality = int(options.get("quality", 23))
        self._threads = int(options.get("threads", 1))
        self._taken = 0
        """Frames in the files, and in the encoder's hands."""
        self._again = 0
        """Frames that come again although they are in a file."""
        self._part: tuple[Path, VideoFile, Canvas, Overlay] | None = None
        self._retry_at_s = 0.0
        self._ring: tuple[str, RingReader] | None = None

    def open(self, offset: int) -> dict[str, Key]:
        """Look what the earlier parts hold.

        Args:
            offset: Frames that earlier incarnations were given; what is not in their files is lost,
                what is there beyond comes again. -1 where nobody knows.

        Raises:
            ConfigError: There is no encoder.
        """
        import cv2

        from pipeline.sinks.video_file import check_encoder

        check_encoder()
        cv2.setNumThreads(1)
        self._taken = self._parts.frames()
        if offset != UNKNOWN_OFFSET:
            self.lost = max(0, offset - self._taken)
            self._again = max(0, self._taken - offset)
        return {}

    def write(self, records: Sequence[Record]) -> None:
        """Draw and encode frames; anything else is not for a video."""
        for record in records:
            if record.get("event") != FRAME_EVENT:
                continue
            if self._again:
                self._again -= 1
                continue
            picture = self._picture(record)
            if picture is None or time.monotonic() < self._retry_at_s:
                self.lost += 1
            else:
                self._draw_if_room(picture, record)

    def flush(self) -> int:
        """Frames taken; those since the last fragment are lost if this process dies."""
        return self._taken

    def close(self) -> None:
        """Finish the file."""
        try:
            self._finish()
        except OSError as error:
            self._no_room(error)
        if self._ring is not None:
            self._ring[1].close()
            self._ring = None

    def _draw_if_room(self, picture: "Picture", record: Record) -> None:
        try:
            is_drawn = self._draw(picture, record)
        except OSError as error:
            self._no_room(error)
            is_drawn = False
        else:
            self.trouble = None
        self.lost += not is_drawn

    def _draw(self, picture: "Picture", record: Record) -> bool:
        """Draw and encode; False if another picture has come into its place meanwhile."""
        if self._part is not None and self._part[1].size_bytes >= self._parts.part_bytes:
            self._finish()
        if self._part is None:
            self._part = self._begin(picture, record)
        _, file, canvas, overlay = self._part
        placed = canvas.place(picture.pixels, picture.source_size)
        if self._ring is None or not self._ring[1].holds(record["picture"][1], record["frame"]):
            return False
        overlay.draw(placed, record)
        file.add(placed.pixels, record["pts_s"])
        self._taken += 1
        return True

    def _begin(
        self, picture: "Picture", record: Record
    ) -> tuple[Path, "VideoFile", "Canvas", "Overlay"]:
        """A new part, as large as its first frame."""
        from pipeline.sinks.canvas import Canvas
        from pipeline.sinks.overlay import Overlay
        from pipeline.sinks.video_file import VideoFile

        height, width = picture.pixels.shape[:2]
        canvas = Canvas(width, height)
        path = self._parts.begin()
        file = VideoFile(
            path,
            canvas.size,
            quality=self._quality,
            threads=self._threads,
            comment=f"{record['source']} from frame {record['frame']}, {record['pts_s']:.3f} s",
        )
        return path, file, canvas, Overlay(canvas.size, self.network)

    def _finish(self) -> None:
        """Close the part, if there is one."""
        if self._part is not None:
            path, file, *_ = self._part
            file.close()
            self._part = None
            self._parts.finished(path, file.frames)
            del file
            gc.collect()  # an encoder's objects refer to each other, and hold megabytes
            give_back()

    def _no_room(self, error: OSError) -> None:
        """Keep of the part what can be played, count the rest, and look again later.

        Raises:
            OSError: It is another trouble.
        """
        if not is_no_room(error):
            raise error
        self.trouble = (
            f"{self._parts.name}: {error.strerror}; frames are not drawn until there is room"
        )
        self._retry_at_s = time.monotonic() + _RETRY_S
        if self._part is not None:
            path, file, *_ = self._part
            self._part = None
            missing = file.frames - self._parts.cut_off(path)
            self._taken -= missing
            self.lost += missing

    def _picture(self, record: Record) -> "Picture | None":
        from pipeline.frame_ring import RingReader, ring_path

        reader, slot = record["picture"]
        if self._ring is None or self._ring[0] != reader:
            if self._ring is not None:
                self._ring[1].close()
                self._ring = None
            if self.frames_folder is None:
                return None
            try:
                ring = RingReader(ring_path(self.frames_folder, reader))
            except FileNotFoundError:
                return None  # its reader died twice since
            self._ring = (reader, ring)
        return self._ring[1].picture(slot, record["frame"])
