"""Video files, globs of them, and HTTP(S) URLs."""

import glob
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers.base import Frame, Reader, ResumePoint
from pipeline.readers.natural_order import natural_key
from pipeline.readers.scan import SAME_TIME_S, Scan, scan
from pipeline.readers.thinning import Thinner, passes
from pipeline.readers.video import Picture, Video
from pipeline.readers.video_frame import Converter, VideoFrame
from pipeline.redact import redact

_HTTP_TIMEOUT_S: Final = 15.0


@dataclass(slots=True)
class _Position:
    """Where playing stands: which file, and what its first picture is called."""

    thinner: Thinner
    entry: int = 0
    """Files played before, all passes counted."""
    part: int = 0
    """Number of the file; 0 where one file goes round and round."""
    first_part: int | None = None
    """That of the last accepted frame, or else of the first that is handed out: frames count from
    it."""
    index: int = 0
    """Number of the next picture."""
    offset_s: float = 0.0
    """Source time at which the current file begins."""
    accepted: int = -1
    """Pictures up to this number are decoded but not handed out."""
    passed_over: int = 0
    """Pictures of the current file before `index`."""
    shown: int = 0
    """Pictures that were decoded; 1 where they were passed over."""
    opened: tuple[Video, Iterator[Picture]] | None = None
    """The current file when it has already been opened at the right place."""


class FileReader(Reader):
    """Plays one file, or all that a pattern matches one after the other, once or in a loop.

    Frames are numbered through and their times go on: a file begins one frame after the last of
    the file before. To resume, the packets are read without decoding, the file is sought to the
    key frame before the last accepted frame, and decoding goes on from there; where the timestamps
    do not allow that, it decodes from the start and discards.
    """

    def __init__(self, uri: str, config: SourceConfig) -> None:
        super().__init__(uri, config)
        self._is_http = uri.lower().startswith(("http://", "https://"))
        self._converter = Converter()
        self._video: Video | None = None

    def check(self) -> None:
        """Raise SourceError unless the first file is there and holds video; URLs are not asked."""
        if not self._is_http:
            self._open(self._locations()[0]).close()

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield the frames after `resume`."""
        self.end_reason = "complete"
        self.skipped = self.corrupt = 0
        last = resume or self._last_before_start()
        position = None if last is None else self._sought(last)
        locations = self._locations()
        if position is None:
            position = _Position(Thinner(self.config), accepted=-1 if last is None else last.frame)
        else:
            position.first_part = _part(position, locations)
        shown_before = 0
        while position.entry < len(locations) * passes(self.config):
            position.part = _part(position, locations)
            location = locations[position.entry % len(locations)]
            yield from self._play(location, position, several=len(locations) > 1)
            position.entry += 1
            if position.entry % len(locations) == 0:
                if position.shown == shown_before:
                    break  # a pass without a picture; the next would be the same
                shown_before = position.shown
        if position.shown == 0:
            raise SourceError(f"{redact(self.uri)}: no picture in it can be decoded")

    def close(self) -> None:
        """Close the file that is being played."""
        if self._video is not None:
            self._video.close()

    def _play(self, location: str, position: _Position, *, several: bool) -> Iterator[Frame]:
        if position.opened is None:
            try:
                video = self._open(location)
            except SourceError as error:
                if position.index == 0:
                    raise
                self._note(str(error))
                return
            position.opened = video, video.pictures()
        video, pictures = position.opened
        position.opened = None
        self._video = video
        first = position.index - position.passed_over
        position.passed_over = 0
        with closing(video):
            yield from self._thinned(pictures, position)
            position.offset_s += video.length_s
            short = video.shortfall(position.index - first)
            self._note(f"{video.name}: {short}" if short and several else short)

    def _thinned(self, pictures: Iterator[Picture], position: _Position) -> Iterator[Frame]:
        thinner = position.thinner
        for picture in pictures:
            index = position.index
            position.index += 1
            if picture.frame is None:
                self.corrupt += index > position.accepted
                continue
            position.shown += 1
            pts_s = position.offset_s + picture.pts_s
            kept = thinner.keep(index, pts_s)
            self.skipped = thinner.skipped
            if not kept or index < position.accepted:
                continue
            if position.first_part is None:
                position.first_part = position.part
            if index > position.accepted:
                frame = VideoFrame(picture.frame, index, pts_s, self._converter)
                frame.decode_ms = picture.decode_ms
                frame.skipped, frame.corrupt = self.skipped, self.corrupt
                frame.part = position.part - position.first_part
                yield frame

    def _note(self, trouble: str | None) -> None:
        """Keep the first trouble as the reason of the end."""
        if trouble is not None and self.end_reason == "complete":
            self.end_reason = trouble

    def _open(self, location: str) -> Video:
        return Video(
            location,
            name=redact(location.removeprefix("file:")),
            threads=self.decode_threads,
            timeout_s=_HTTP_TIMEOUT_S if self._is_http else None,
        )

    # --- resuming ---------------------------------------------------------------------------------

    def _sought(self, last: ResumePoint) -> _Position | None:
        """The position after `last`, None where only decoding from the start finds it."""
        locations = self._locations()
        if self._is_http and (position := self._joined_again(last)) is not None:
            return position
        scans: dict[str, Scan | None] = {}
        position = _Position(Thinner(self.config))
        while position.entry < len(locations) * passes(self.config):
            location = locations[position.entry % len(locations)]
            if location not in scans:
                scans[location] = self._scan(location)
            found = scans[location]
            if found is None:
                return None
            if last.frame < position.index + len(found.times_s):
                return self._sought_in(location, found, last, position)
            _pass_over(position, found.times_s)
            position.offset_s += found.length_s
            position.entry += 1
        return None

    def _sought_in(
        self, location: str, found: Scan, last: ResumePoint, position: _Position
    ) -> _Position | None:
        number = last.frame - position.index
        time_s = found.times_s[number]
        key = found.key_frame_before(time_s)
        if key is None or abs(position.offset_s + time_s - last.pts_s) > SAME_TIME_S:
            return None
        video = self._open(location)
        for timestamp in key.seek_to:
            pictures = video.pictures_from(timestamp)
            if _stands_after(pictures, time_s):
                _pass_over(position, found.times_s[: number + 1])
                self.skipped = position.thinner.skipped
                position.passed_over = number + 1
                position.opened = video, pictures
                position.shown = 1
                return position
        video.close()
        return None

    def _joined_again(self, last: ResumePoint) -> _Position | None:
        """Now, numbered on from `last`, if the URL is a live stream, which has no past."""
        video = self._open(self.uri)
        if not video.endless:
            video.close()
            return None
        return _Position(
            Thinner(self.config),
            index=last.frame + 1,
            offset_s=last.pts_s + video.period_s,
            shown=1,
            opened=(video, video.pictures()),
        )

    def _scan(self, location: str) -> Scan | None:
        try:
            video = self._open(location)
        except SourceError:
            return None  # playing it will say why
        with closing(video):
            return None if video.endless else scan(video)

    def _last_before_start(self) -> ResumePoint | None:
        """The last frame that `start` passes over, if the first file tells."""
        if self.config.start <= 0:
            return None
        found = self._scan(self._locations()[0])
        if found is None:
            return None
        number = bisect_left(found.times_s, self.config.start - SAME_TIME_S) - 1
        if not 0 <= number < len(found.times_s) - 1:
            return None
        return ResumePoint(number, found.times_s[number])

    # --- finding the files ------------------------------------------------------------------------

    def _locations(self) -> list[str]:
        """What FFmpeg is to open, in order; the prefix keeps a colon from being a protocol."""
        if self._is_http:
            return [self.uri]
        text = self.uri
        if text.lower().startswith("file://"):
            text = unquote(text[len("file://") :].removeprefix("localhost"))
        path = Path(text).expanduser()
        if path.exists() or not glob.has_magic(text):
            return [f"file:{_existing_file(path)}"]
        found = glob.iglob(str(path), recursive=True)  # noqa: PTH207  # Path.glob refuses "/a/*"
        matches = [match for match in found if Path(match).is_file()]
        if not matches:
            raise SourceError(f"{text}: no file matches this pattern; check the folder and quotes")
        return [f"file:{match}" for match in sorted(matches, key=natural_key)]


def _part(position: _Position, locations: list[str]) -> int:
    return position.entry if len(locations) > 1 else 0


def _stands_after(pictures: Iterator[Picture], time_s: float) -> bool:
    """Decode up to the picture of this time; False when it does not come."""
    for picture in pictures:
        if picture.frame is not None and picture.pts_s >= time_s:
            return picture.pts_s == time_s
    return False


def _pass_over(position: _Position, times_s: list[float]) -> None:
    """Count pictures that are not decoded, as if they had been."""
    for time_s in times_s:
        position.thinner.keep(position.index, position.offset_s + time_s)
        position.index += 1


def _existing_file(path: Path) -> Path:
    if path.is_dir():
        raise SourceError(
            f"{path}: expected a video file, got a folder; for a folder of pictures give"
            f" images://{path}, for its videos '{path}/*'"
        )
    if not path.exists():
        raise SourceError(f"{path}: no such file; give a path, a pattern in quotes or a URL")
    if not path.is_file():  # opening it might not come back before somebody writes
        raise SourceError(f"{path}: expected a video file, got {_kind(path)}")
    return path


def _kind(path: Path) -> str:
    if path.is_fifo():
        return "a pipe"
    return "a socket" if path.is_socket() else "a device"
