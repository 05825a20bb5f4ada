"""`video`: one source as it was seen, each region with its answer and what that cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.sinks.base import FRAME_EVENT, UNKNOWN_OFFSET, Key, Record, Sink

if TYPE_CHECKING:  # codecs and arrays are loaded where a video is really written
    from pipeline.frame_ring import Picture, RingReader
    from pipeline.sinks.canvas import Canvas
    from pipeline.sinks.overlay import Overlay
    from pipeline.sinks.video_file import VideoFile


class VideoSink(Sink):
    """Draws frames out of shared memory and encodes them.

    Each incarnation writes a part of its own: `lot.mp4`, then `lot.part2.mp4`. What those before it
    were given and did not bring into their files is counted in `lost`.
    """

    draws: ClassVar[bool] = True

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        super().__init__(out, options)
        self._first_part = out / str(options.get("file") or "video.mp4")
        self._quality = int(options.get("quality", 23))
        self._threads = int(options.get("threads", 1))
        self._taken = 0
        """Frames in the files, and in the encoder's hands."""
        self._again = 0
        """Frames that come again although they are in a file."""
        self._file: VideoFile | None = None
        self._canvas: Canvas | None = None
        self._overlay: Overlay | None = None
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

        from pipeline.sinks.video_file import check_encoder, kept_frames, mend

        check_encoder()
        cv2.setNumThreads(1)
        parts = self._parts()
        for part in parts:
            mend(part)
        self._taken = sum(kept_frames(part) for part in parts)
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
            if picture is None or not self._draw(picture, record):
                self.lost += 1

    def flush(self) -> int:
        """Frames taken; those since the last fragment are lost if this process dies."""
        return self._taken

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._ring is not None:
            self._ring[1].close()
            self._ring = None

    def _draw(self, picture: "Picture", record: Record) -> bool:
        """Draw and encode; False if another picture has come into its place meanwhile."""
        if self._file is None or self._canvas is None or self._overlay is None:
            self._file, self._canvas, self._overlay = self._begin(picture, record)
        placed = self._canvas.place(picture.pixels, picture.source_size)
        if self._ring is None or not self._ring[1].holds(record["picture"][1], record["frame"]):
            return False
        self._overlay.draw(placed, record)
        self._file.add(placed.pixels, record["pts_s"])
        self._taken += 1
        return True

    def _begin(self, picture: "Picture", record: Record) -> tuple["VideoFile", "Canvas", "Overlay"]:
        """A new part, as large as its first frame."""
        from pipeline.sinks.canvas import Canvas
        from pipeline.sinks.overlay import Overlay
        from pipeline.sinks.video_file import VideoFile

        height, width = picture.pixels.shape[:2]
        canvas = Canvas(width, height)
        path = self._part(len(self._parts()) + 1)
        file = VideoFile(
            path,
            canvas.size,
            quality=self._quality,
            threads=self._threads,
            comment=f"{record['source']} from frame {record['frame']}, {record['pts_s']:.3f} s",
        )
        return file, canvas, Overlay(canvas.size, self.network)

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

    def _part(self, number: int) -> Path:
        name = self._first_part
        return name if number == 1 else name.with_name(f"{name.stem}.part{number}{name.suffix}")

    def _parts(self) -> list[Path]:
        """What is there already."""
        parts: list[Path] = []
        while (part := self._part(len(parts) + 1)).exists():
            parts.append(part)
        return parts
