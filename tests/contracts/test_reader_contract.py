"""What every reader promises, asked of every reader."""

import functools
import http.server
import inspect
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.config import SourceConfig
from pipeline.readers import READERS, ResumePoint, open_reader
from pipeline.readers.camera import CameraReader
from pipeline.readers.rtsp import RtspReader

FRAMES = 30
WIDTH, HEIGHT = 64, 48


def picture(number):
    """A gradient with a bright bar that moves, so that neighbouring frames differ."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 200, WIDTH)[None, :]
    pixels[..., 1] = np.linspace(0, 200, HEIGHT)[:, None]
    pixels[10:30, number * 2 % WIDTH : number * 2 % WIDTH + 6] = (250, 250, 40)
    return pixels


def write_clip(path, frames=FRAMES, first=0):
    """H.264 with B-frames, a key frame every ten, and a track of silence."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"x264-params": "keyint=10:min-keyint=10:scenecut=0:bframes=2:b-adapt=0"}
        audio = container.add_stream("aac", rate=16000)
        for number in range(first, first + frames):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(number))))
        container.mux(video.encode())
        for chunk in range(frames * 640 // 1024):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 16000, chunk * 1024
            container.mux(audio.encode(silence))
        container.mux(audio.encode())
    return path


class RecordedCapture:
    """Stands for cv2.VideoCapture where no camera is: plays pictures on a clock of its own."""

    def __init__(self):
        self.shown = -1

    def seconds(self):
        return 100 + self.shown / 25

    def isOpened(self):  # noqa: N802  # OpenCV's name
        return True

    def grab(self):
        self.shown += 1
        return self.shown < FRAMES

    def retrieve(self):
        return True, cv2.cvtColor(picture(self.shown), cv2.COLOR_RGB2BGR)

    def release(self):
        pass


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for suffix in ("mp4", "mkv", "ts"):
        write_clip(folder / f"clip.{suffix}")
    parts = folder / "parts"
    parts.mkdir()
    for part, name in enumerate(("part2.mp4", "part10.mp4", "part11.mp4")):
        write_clip(parts / name, frames=10, first=10 * part)
    pictures = folder / "pictures" / "deeper"
    pictures.mkdir(parents=True)
    for number in range(FRAMES):
        cv2.imwrite(
            str(pictures / f"{number}.png"), cv2.cvtColor(picture(number), cv2.COLOR_RGB2BGR)
        )
    return folder


@pytest.fixture(scope="module")
def server(clips):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def copyfile(self, source, outputfile):
            try:
                super().copyfile(source, outputfile)
            except ConnectionError:  # FFmpeg hangs up when it has seen enough
                self.close_connection = True

    handler = functools.partial(Quiet, directory=str(clips))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join(10)


@dataclass
class Source:
    """A reader under test: what to open, and how."""

    uri: Callable[[Path, str], str]
    cls: str
    live: bool = False
    options: dict = field(default_factory=dict)

    def open(self, clips, server, **settings):
        uri = self.uri(clips, server)
        config = SourceConfig(uri=uri, options=self.options, **settings)
        if self.cls == "CameraReader":
            capture = RecordedCapture()
            return CameraReader(uri, config, opener=lambda _: capture, clock=capture.seconds)
        if self.cls == "RtspReader":  # no camera here: the same FFmpeg path plays a file
            return RtspReader(uri, config)
        return open_reader(config)


RECORDED_SOURCES = {
    "mp4": Source(lambda clips, _: str(clips / "clip.mp4"), "FileReader"),
    "mkv": Source(lambda clips, _: f"file://{clips}/clip.mkv", "FileReader"),
    "ts": Source(lambda clips, _: str(clips / "clip.ts"), "FileReader"),
    "glob": Source(lambda clips, _: str(clips / "parts" / "*.mp4"), "FileReader"),
    "http": Source(lambda _, server: f"{server}/clip.mkv", "FileReader"),
    "images": Source(lambda clips, _: f"images://{clips}/pictures", "ImagesReader"),
    "synthetic": Source(
        lambda *_: f"synthetic://?width={WIDTH}&height={HEIGHT}&seed=3",
        "SyntheticReader",
        options={"frames": FRAMES},
    ),
}
LIVE_SOURCES = {
    "camera": Source(lambda *_: "webcam://0", "CameraReader", live=True),
    "rtsp": Source(lambda clips, _: str(clips / "clip.mp4"), "RtspReader", live=True),
}
SOURCES = RECORDED_SOURCES | LIVE_SOURCES
recorded = pytest.mark.parametrize("source", RECORDED_SOURCES, indirect=True)
live = pytest.mark.parametrize("source", LIVE_SOURCES, indirect=True)


@pytest.fixture(params=SOURCES)
def source(request):
    return SOURCES[request.param]


@pytest.fixture
def read(source, clips, server):
    """Read the source to its end: (reader, frames)."""

    def read_all(resume=None, **settings):
        reader = source.open(clips, server, **settings)
        frames = list(reader.frames(resume))
        reader.close()
        return reader, frames

    return read_all


def test_every_reader_of_the_registry_is_under_contract():
    assert {source.cls for source in SOURCES.values()} == {cls.__name__ for cls in READERS.values()}
    assert len(READERS) == 8
    assert not any(inspect.isabstract(cls) for cls in READERS.values())


def test_frames_are_numbered_from_zero_and_time_never_falls(read, source):
    reader, frames = read()
    assert [frame.index for frame in frames] == list(range(FRAMES))
    times = [frame.pts_s for frame in frames]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert times[-1] == pytest.approx((FRAMES - 1) / 25, abs=0.002)
    assert reader.live == source.live
    assert (reader.skipped, reader.corrupt) == (0, 0)
    assert (reader.end_reason == "complete") == (not source.live)


def test_pixels_are_contiguous_rgb_of_the_frame(read, source):
    _, frames = read()
    for frame in (frames[0], frames[-1]):
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        pixels = frame.pixels()
        assert (pixels.shape, pixels.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        assert pixels.flags.c_contiguous
        if source.cls != "SyntheticReader":
            error = np.abs(pixels.astype(int) - picture(frame.index))
            assert error.mean() < 4
            assert np.median(error) <= 2


def test_resized_is_the_area_average_of_the_pixels(read):
    _, frames = read()
    small = frames[7].resized(16, 8)
    assert (small.shape, small.dtype) == ((8, 16, 3), np.uint8)
    assert small.flags.c_contiguous
    averaged = cv2.resize(frames[7].pixels(), (16, 8), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - averaged).mean() < 3


def test_resized_to_the_frames_own_size_is_the_frame(read):
    _, frames = read()
    same = frames[3].resized(WIDTH, HEIGHT)
    assert np.abs(same.astype(int) - frames[3].pixels()).max() <= 1


def test_frames_carry_when_they_were_captured(read):
    _, frames = read()
    stamps = [frame.captured_mono_ns for frame in frames]
    assert stamps == sorted(stamps)
    assert stamps[0] > 0
    assert all(frame.captured_at_ns > 1_600_000_000 * 10**9 for frame in frames)
    assert all(frame.decode_ms >= 0 for frame in frames)


@recorded
@pytest.mark.parametrize("settings", [{}, {"stride": 3}, {"max_fps": 9.0}, {"start": 0.5}])
def test_resuming_after_any_frame_gives_exactly_the_rest(read, settings):
    _, whole = read(**settings)
    last_one = len(whole) - 1
    for k in {0, 1, last_one // 2, last_one - 1, last_one}:
        reader, rest = read(ResumePoint(whole[k].index, round(whole[k].pts_s, 6)), **settings)
        expected = whole[k + 1 :]
        assert [f.index for f in rest] == [f.index for f in expected]
        assert [f.pts_s for f in rest] == [f.pts_s for f in expected]
        assert [f.skipped for f in rest] == [f.skipped for f in expected]
        for frame, same in zip(rest, expected, strict=True):
            assert np.array_equal(frame.pixels(), same.pixels())
        assert reader.skipped == FRAMES - len(whole)


@live
def test_a_live_source_goes_on_numbering_after_a_restart(read):
    _, frames = read(ResumePoint(100, 4.0))
    assert [frame.index for frame in frames] == list(range(101, 101 + FRAMES))
    assert frames[0].pts_s >= 4.0


@pytest.mark.parametrize("settings", [{"stride": 4}, {"max_fps": 5.0}, {"start": 0.6}])
def test_thinning_accounts_for_every_frame(read, settings):
    reader, frames = read(**settings)
    assert 0 < len(frames) < FRAMES
    assert all(f.index + 1 == number + f.skipped for number, f in enumerate(frames, start=1))
    assert reader.skipped + len(frames) == FRAMES


def test_stride_keeps_every_nth_number(read):
    _, frames = read(stride=4)
    assert [frame.index for frame in frames] == list(range(0, FRAMES, 4))


def test_max_fps_bounds_the_rate_of_source_time(read):
    _, frames = read(max_fps=5.0)
    times = [frame.pts_s for frame in frames]
    assert len(frames) == pytest.approx(FRAMES / 25 * 5, abs=1)
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.1


def test_start_passes_over_the_beginning(read):
    _, frames = read(start=0.6)
    assert frames[0].pts_s == pytest.approx(0.6, abs=0.021)


@recorded
def test_a_loop_goes_on_in_number_and_time(read):
    _, frames = read(loop=2)
    assert [frame.index for frame in frames] == list(range(2 * FRAMES))
    steps = np.diff([frame.pts_s for frame in frames])
    assert steps == pytest.approx(1 / 25, abs=0.002)
    assert np.array_equal(frames[5].pixels(), frames[FRAMES + 5].pixels())


@recorded
def test_resuming_inside_a_loop_gives_exactly_the_rest(read):
    _, whole = read(loop=3, stride=7)
    for k in range(0, len(whole), 4):
        _, rest = read(ResumePoint(whole[k].index, whole[k].pts_s), loop=3, stride=7)
        assert [(f.index, f.pts_s, f.skipped) for f in rest] == [
            (f.index, f.pts_s, f.skipped) for f in whole[k + 1 :]
        ]


@recorded
def test_an_endless_loop_can_be_left_at_any_time(source, clips, server):
    reader = source.open(clips, server, loop=True)
    frames = reader.frames()
    assert [next(frames).index for _ in range(3 * FRAMES + 2)][-1] == 3 * FRAMES + 1
    frames.close()
    reader.close()


def test_closing_twice_or_before_reading_is_harmless(source, clips, server):
    reader = source.open(clips, server)
    reader.close()
    next(iter(reader.frames()))
    reader.close()
    reader.close()


@recorded
def test_a_reader_may_be_read_twice(source, clips, server):
    reader = source.open(clips, server)
    first = [frame.index for frame in reader.frames()]
    assert [frame.index for frame in reader.frames()] == first
