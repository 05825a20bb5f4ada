"""Video files as they come: damaged, cut off, turned, without times, not video at all."""

import os
import socket

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError, SourceError
from pipeline.readers import ResumePoint, check_source, open_reader
from pipeline.readers.video import Video
from pipeline.stages.segments import Segments

WIDTH, HEIGHT = 64, 48


def picture(number):
    pixels = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    pixels[: HEIGHT // 3, : WIDTH // 3] = (250, 0, 0)  # upper left
    pixels[30:, number * 2 % WIDTH : number * 2 % WIDTH + 6] = number * 8 % 256
    return pixels


def write(path, frames=30, *, codec="libx264", keyint=10, rotation=0, times=None, **container):
    with av.open(str(path), "w", **container) as output:
        video = output.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.gop_size = keyint
        if codec == "libx264":
            video.options = {"x264-params": f"keyint={keyint}:scenecut=0:bframes=2:b-adapt=0"}
        if rotation:
            video.set_display_rotation(rotation)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number))
            if times is not None:
                frame.pts = times[number]
            output.mux(video.encode(frame))
        output.mux(video.encode())
    return path


def read(uri, resume=None, **settings):
    reader = open_reader(SourceConfig(uri=str(uri), **settings))
    return reader, list(reader.frames(resume))


FASTSTART = {"container_options": {"movflags": "faststart"}}


# --- damage ---------------------------------------------------------------------------------------


def test_a_file_cut_off_gives_its_first_part_and_says_so(tmp_path):
    whole = write(tmp_path / "whole.mp4", 100, **FASTSTART).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    reader, frames = read(cut)
    assert 10 < len(frames) < 90
    got = len(frames) + reader.corrupt
    assert reader.end_reason == f"file ends early: expected 100 frames, got {got}"
    assert reader.corrupt <= 3  # the last packet is cut, and what refers to it is lost


def test_of_several_files_the_one_that_is_cut_off_is_named(tmp_path):
    whole = write(tmp_path / "a1.mp4", 100, **FASTSTART).read_bytes()
    (tmp_path / "a2.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    reader, frames = read(tmp_path / "a*.mp4")
    assert 110 < len(frames) < 190
    assert reader.end_reason.startswith(f"{tmp_path / 'a2.mp4'}: file ends early: expected 100 ")


def test_a_file_cut_off_says_so_after_a_resume_too(tmp_path):
    whole = write(tmp_path / "whole.mp4", 100, **FASTSTART).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    whole_run, frames = read(cut)
    reader, rest = read(cut, ResumePoint(20, 0.8))
    assert len(rest) == len(frames) - 21
    assert reader.end_reason == whole_run.end_reason
    assert reader.corrupt == whole_run.corrupt


def test_a_cut_matroska_file_is_short_of_its_duration(tmp_path):
    whole = write(tmp_path / "whole.mkv", 200).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    reader, frames = read(cut)
    assert 20 < len(frames) < 180
    assert reader.end_reason.startswith("file ends early: expected 8.0 s, got ")


def test_corrupt_packets_are_counted_and_the_rest_goes_on(tmp_path):
    path = write(tmp_path / "clip.mp4", 200, **FASTSTART)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 800] = bytes((value * 7 + 13) % 256 for value in data[middle:][:800])
    path.write_bytes(data)
    reader, frames = read(path)
    assert reader.corrupt > 0
    assert frames[-1].index == 199
    assert frames[-1].corrupt == reader.corrupt
    assert len(frames) + reader.corrupt == 200
    assert reader.end_reason == "complete"


def test_resuming_a_damaged_file_keeps_numbers_and_times(tmp_path):
    path = write(tmp_path / "clip.mp4", 200, **FASTSTART)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 800] = bytes((value * 7 + 13) % 256 for value in data[middle:][:800])
    path.write_bytes(data)
    _, whole = read(path)
    for k in (10, len(whole) // 2, len(whole) - 20):
        _, rest = read(path, ResumePoint(whole[k].index, whole[k].pts_s))
        assert [(f.index, f.pts_s) for f in rest] == [(f.index, f.pts_s) for f in whole[k + 1 :]]


def test_one_unreadable_file_of_a_pattern_is_named_and_passed_over(tmp_path):
    write(tmp_path / "1.mp4", 10)
    (tmp_path / "2.mp4").write_bytes(b"no video" * 50)
    write(tmp_path / "3.mp4", 10)
    reader, frames = read(tmp_path / "*.mp4")
    assert [frame.index for frame in frames] == list(range(20))
    assert reader.end_reason.startswith(f"{tmp_path}/2.mp4: expected a video")


def test_a_long_last_picture_is_not_a_missing_part(tmp_path):
    for name in ("clip.mp4", "clip.mkv"):
        reader, frames = read(write(tmp_path / name, 3, times=[0, 100, 101]))
        assert len(frames) == 3
        assert reader.end_reason == "complete"


def test_a_loop_ends_when_its_file_vanishes(tmp_path):
    path = write(tmp_path / "clip.mp4", 10)
    reader = open_reader(SourceConfig(uri=str(path), loop=True))
    frames = reader.frames()
    for _ in range(15):
        next(frames)
    path.unlink()
    assert len(list(frames)) == 5
    assert "no such file" in reader.end_reason.lower()


# --- time -----------------------------------------------------------------------------------------


def test_a_variable_frame_rate_is_kept(tmp_path):
    times = [0, 1, 2, 10, 11, 30, 31, 60]
    path = write(tmp_path / "clip.mkv", len(times), times=times)
    _, frames = read(path)
    assert [frame.pts_s for frame in frames] == pytest.approx([t / 25 for t in times], abs=1e-9)
    _, rest = read(path, ResumePoint(frames[3].index, frames[3].pts_s))
    assert [frame.pts_s for frame in rest] == [frame.pts_s for frame in frames[4:]]


def test_a_stream_without_times_gets_them_from_its_rate(tmp_path):
    path = write(tmp_path / "clip.h264", 20)
    _, frames = read(path)
    assert [f.pts_s for f in frames] == pytest.approx([n / 25 for n in range(20)])
    _, rest = read(path, ResumePoint(7, frames[7].pts_s))
    assert [(f.index, f.pts_s) for f in rest] == [(f.index, f.pts_s) for f in frames[8:]]


def test_a_transport_stream_begins_at_zero(tmp_path):
    _, frames = read(write(tmp_path / "clip.ts", 10))
    assert frames[0].pts_s == 0.0


def test_files_of_a_pattern_follow_in_natural_order(tmp_path):
    for name, length in (("clip10.mp4", 4), ("clip2.mp4", 6)):
        write(tmp_path / name, length)
    _, frames = read(tmp_path / "clip*.mp4", loop=2)
    assert len(frames) == 20
    assert np.diff([frame.pts_s for frame in frames]) == pytest.approx(0.04)
    assert np.array_equal(frames[10].pixels(), frames[0].pixels())
    assert np.abs(frames[6].pixels() - frames[0].pixels().astype(int)).max() < 20


def test_a_name_with_pattern_characters_or_a_colon_is_a_file_first(tmp_path):
    for name in ("clip[1].mp4", "http:clip.mp4", "a b%20c.mp4"):
        write(tmp_path / name, 3)
        assert len(read(tmp_path / name)[1]) == 3
    assert len(read(f"file://{tmp_path}/a%20b%2520c.mp4")[1]) == 3


# --- seeking --------------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """Times of all pictures that were decoded, wanted or not."""
    seen = []
    time_of = Video._time_of

    def spy(self, frame):
        seen.append(time_of(self, frame))
        return seen[-1]

    monkeypatch.setattr(Video, "_time_of", spy)
    return seen


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_resuming_decodes_from_the_last_key_frame_only(tmp_path, decoded, suffix):
    path = write(tmp_path / f"clip.{suffix}", 100, codec="mpeg4" if suffix == "avi" else "libx264")
    _, frames = read(path, ResumePoint(76, 76 / 25))
    assert [frame.index for frame in frames] == list(range(77, 100))
    assert min(decoded) >= 2.8  # 3.04 s lies in the group of pictures from 2.8 s to 3.2 s


def test_start_decodes_from_the_last_key_frame_only(tmp_path, decoded):
    reader, frames = read(write(tmp_path / "clip.mp4", 100), start=3.0)
    assert [frame.index for frame in frames] == list(range(75, 100))
    assert reader.skipped == 75
    assert min(decoded) >= 2.8


def test_a_resume_point_that_does_not_fit_the_timestamps_falls_back_to_counting(tmp_path, decoded):
    _, frames = read(write(tmp_path / "clip.mp4", 30), ResumePoint(20, 99.0))
    assert [frame.index for frame in frames] == list(range(21, 30))
    assert min(decoded) == 0.0


def test_a_pattern_with_an_unreadable_file_is_resumed_all_the_same(tmp_path):
    write(tmp_path / "1.mp4", 10)
    (tmp_path / "2.mp4").write_bytes(b"no video" * 50)
    write(tmp_path / "3.mp4", 10)
    _, whole = read(tmp_path / "*.mp4")
    _, rest = read(tmp_path / "*.mp4", ResumePoint(14, whole[14].pts_s))
    assert [(f.index, f.pts_s) for f in rest] == [(f.index, f.pts_s) for f in whole[15:]]


def segments(frames, first=0):
    numbering = Segments(first, has_one_size=True)
    return [numbering.of(frame.part, (frame.width, frame.height)) for frame in frames]


@pytest.mark.parametrize("shift_s", [0.0, 0.5], ids=["sought", "counted"])
def test_wherever_a_pattern_is_resumed_its_files_are_numbered_as_if_it_had_not_been(
    tmp_path, shift_s
):
    for number in range(3):
        write(tmp_path / f"{number}.mp4", 4)
    _, whole = read(tmp_path / "*.mp4", loop=2, stride=2)
    numbers = segments(whole)
    assert numbers == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for done, last in enumerate(whole, start=1):
        point = ResumePoint(last.index, last.pts_s + shift_s)
        _, rest = read(tmp_path / "*.mp4", point, loop=2, stride=2)
        assert [frame.index for frame in rest] == [frame.index for frame in whole[done:]]
        assert segments(rest, first=numbers[done - 1]) == numbers[done:]


def test_the_first_file_that_is_shown_begins_no_other_stretch(tmp_path):
    for number in range(3):
        write(tmp_path / f"{number}.mp4", 4)
    _, frames = read(tmp_path / "*.mp4", start=0.2)  # which lies in the second
    assert segments(frames) == [0, 0, 0, 1, 1, 1, 1]


def test_resuming_after_the_last_frame_gives_nothing(tmp_path):
    reader, frames = read(write(tmp_path / "clip.mp4", 30), ResumePoint(29, 29 / 25))
    assert frames == []
    assert reader.end_reason == "complete"


@pytest.mark.parametrize("threads", [1, 3])
def test_decoding_threads_change_no_pixel(tmp_path, threads):
    path = write(tmp_path / "clip.mp4", 30)
    reader = open_reader(SourceConfig(uri=str(path)))
    reader.decode_threads = threads
    frames = list(reader.frames())
    _, plain = read(path)
    assert [frame.index for frame in frames] == list(range(30))
    assert all(np.array_equal(a.pixels(), b.pixels()) for a, b in zip(frames, plain, strict=True))


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rotation", "corner"),
    [(90, "lower left"), (-90, "upper right"), (180, "lower right"), (0, "upper left")],
)
def test_a_turned_recording_is_shown_upright(tmp_path, rotation, corner):
    """The display matrix turns counterclockwise: the upper left corner wanders that way."""
    _, frames = read(write(tmp_path / "clip.mp4", 3, rotation=rotation))
    sideways = rotation in (90, -90)
    size = (HEIGHT, WIDTH) if sideways else (WIDTH, HEIGHT)
    assert (frames[0].width, frames[0].height) == size
    for pixels in (frames[0].pixels(), frames[0].resized(*size), frames[0].resized(20, 16)):
        assert pixels.flags.c_contiguous
        rows = slice(0, 4) if "upper" in corner else slice(-4, None)
        columns = slice(0, 4) if "left" in corner else slice(-4, None)
        red, green, _ = pixels[rows, columns].reshape(-1, 3).mean(axis=0)
        assert red > 200
        assert green < 60
    small = frames[0].resized(20, 16)
    averaged = cv2.resize(frames[0].pixels(), (20, 16), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - averaged).mean() < 3


def test_pictures_of_a_folder_are_upright_and_in_order(tmp_path):
    turned = Image.fromarray(picture(0))
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "10.png", exif=exif)
    Image.fromarray(picture(1)).save(tmp_path / "9.png")
    (tmp_path / "note.txt").write_text("no picture")
    _, frames = read(f"images://{tmp_path}", options={"fps": 2})
    assert [(f.width, f.height) for f in frames] == [(WIDTH, HEIGHT), (HEIGHT, WIDTH)]
    assert [f.pts_s for f in frames] == [0.0, 0.5]
    assert np.array_equal(frames[0].pixels(), picture(1))
    assert np.array_equal(frames[0].resized(WIDTH, HEIGHT), picture(1))
    assert np.array_equal(frames[1].pixels(), np.rot90(picture(0), -1))


def test_corrupt_pictures_are_counted_and_left_out(tmp_path):
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
    (tmp_path / "1.png").write_bytes(b"\x89PNG no more")
    (tmp_path / "2.png").write_bytes(b"")
    reader, frames = read(f"images://{tmp_path}")
    assert [frame.index for frame in frames] == [0, 3]
    assert (frames[1].corrupt, reader.corrupt, reader.skipped) == (2, 2, 0)


@pytest.mark.timeout(10)
def test_a_pipe_in_a_folder_of_pictures_is_counted_and_left_out(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), picture(0))
    os.mkfifo(tmp_path / "1.png")
    reader, frames = read(f"images://{tmp_path}")
    assert ([frame.index for frame in frames], reader.corrupt) == ([0], 1)


# --- what cannot be played ------------------------------------------------------------------------


def a_text(path):
    path.write_text("hello\n" * 100)


def a_sound(path):
    with av.open(str(path), "w", format="mp4") as output:
        audio = output.add_stream("aac", rate=16000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate, silence.pts = 16000, 0
        output.mux(audio.encode(silence))
        output.mux(audio.encode())


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def a_link_to_a_device(path):
    path.symlink_to("/dev/null")


def a_file_without_its_index(path):
    whole = write(path.with_name("whole.mp4")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("missing.mp4", None, "no such file"),
        ("*.nothing", None, "no file matches this pattern"),
        ("empty.mp4", lambda path: path.touch(), "empty file"),
        ("text.mp4", a_text, "expected a video, got data"),
        ("text.txt", a_text, "expected a video, got a text file"),
        ("sound.mp4", a_sound, "expected a video stream, got only audio"),
        ("cut.mp4", a_file_without_its_index, "moov"),
        ("folder.mp4", lambda path: path.mkdir(), "images://"),
        ("pipe.mp4", os.mkfifo, "expected a video file, got a pipe"),
        ("socket.mp4", a_socket, "expected a video file, got a socket"),
        ("link.mp4", a_link_to_a_device, "expected a video file, got a device"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(tmp_path, name, make, words):
    path = tmp_path / name
    if make is not None:
        make(path)
    config = SourceConfig(uri=str(path))
    with pytest.raises(SourceError, match=words) as checked:
        check_source(config)
    assert name in str(checked.value)
    assert "\n" not in str(checked.value)
    with pytest.raises(SourceError, match=words):
        next(open_reader(config).frames())


@pytest.mark.timeout(10)
def test_a_pattern_passes_over_pipes(tmp_path):
    write(tmp_path / "1.mp4", 4)
    os.mkfifo(tmp_path / "0.mp4")
    check_source(SourceConfig(uri=str(tmp_path / "*.mp4")))
    _, frames = read(tmp_path / "*.mp4")
    assert len(frames) == 4


def test_a_file_whose_pictures_are_all_corrupt_is_refused(tmp_path):
    path = write(tmp_path / "clip.mkv", 30)
    data = path.read_bytes()
    path.write_bytes(data[:700])
    with pytest.raises(SourceError, match="no picture in it can be decoded"):
        read(path, loop=True)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("rstp://camera/stream", r"unknown scheme rstp://.*did you mean rtsp://"),
        ("ftp://user:secret@host/clip.mp4", r"ftp://\*\*\*@host.*unknown scheme"),
        ("webcam://front", "expected webcam://N"),
        ("webcam://97", "no camera 97"),
        ("97", "no camera 97"),
        ("/dev/video97", "no camera 97"),
        ("images:///no/such/folder", "no such folder"),
        ("synthetic://?widht=3", "widht"),
        ("synthetic://?width=wide", "width"),
        ("synthetic://?fps=0", "must be positive"),
        ("synthetic://?frames=0", "must be positive"),
        ("synthetic://?fps=nan", "fps must be a finite number"),
        ("synthetic://?fps=inf", "fps must be a finite number"),
        ("synthetic://?seed=-1", "seed must not be negative"),
        ("", "expected a path or URL"),
    ],
)
def test_a_uri_that_cannot_work_is_refused_in_one_line(uri, words):
    with pytest.raises(SourceError, match=words) as refused:
        check_source(SourceConfig(uri=uri))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("no_such_module:Reader", "cannot import 'no_such_module'"),
        ("pipeline.readers", "expected package.module:Class"),
        ("pipeline.readers:NoSuchReader", "no such name"),
        ("pipeline.readers.base:Frame", "derived from pipeline.readers.base.Reader"),
    ],
)
def test_a_reader_of_ones_own_must_exist_and_be_a_reader(path, words):
    with pytest.raises(ConfigError, match=words):
        open_reader(SourceConfig(uri="anything", reader=path))


def test_a_reader_of_ones_own_may_use_any_uri():
    config = SourceConfig(
        uri="mine://x", reader="pipeline.readers.synthetic:SyntheticReader", options={"frames": 2}
    )
    assert len(list(open_reader(config).frames())) == 2


@pytest.mark.parametrize(
    "settings",
    [{"stride": 0}, {"max_fps": 0.0}, {"max_fps": float("nan")}, {"start": -1.0}, {"loop": 0}],
)
def test_options_out_of_range_are_refused(settings):
    (name,) = settings
    reader = open_reader(SourceConfig(uri="synthetic://?frames=3", **settings))
    with pytest.raises(ConfigError, match=f"{name}: expected"):
        next(reader.frames())
