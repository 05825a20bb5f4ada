"""H.264 in fragments: times are kept, and what was written plays wherever it is cut off."""

import av
import numpy as np
import pytest

from pipeline.sinks.video_file import VideoFile, kept_frames, mend

SIZE = (64, 48)


def picture(number):
    pixels = np.full((48, 64, 3), 40, np.uint8)
    pixels[10:30, number % 40 : number % 40 + 16] = (220, 30, 30)
    return pixels


def write(path, times_s, close=True):
    file = VideoFile(path, SIZE, quality=23, threads=1, comment="lot from frame 7")
    for number, time_s in enumerate(times_s):
        file.add(picture(number), time_s)
    if close:
        file.close()
    return file


def read(path):
    """Frames, their times in seconds, and the length of the whole in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return frames, [float(frame.time) for frame in frames], container.duration / 1e6


@pytest.mark.parametrize("begin_s", [0.0, 12.48, 3_600.0])
def test_every_frame_stands_as_long_as_before(tmp_path, begin_s):
    rng = np.random.default_rng(0)
    times_s = begin_s + np.cumsum(rng.uniform(0.01, 0.3, 60))
    write(tmp_path / "v.mp4", times_s)
    frames, seen_s, length_s = read(tmp_path / "v.mp4")
    assert len(frames) == 60
    assert seen_s == pytest.approx(list(times_s - times_s[0]), abs=1e-4)
    last_s = times_s[-1] - times_s[-2]
    assert length_s == pytest.approx(times_s[-1] - times_s[0] + last_s, abs=1e-3)
    assert kept_frames(tmp_path / "v.mp4") == 60


def test_colours_are_those_that_were_given(tmp_path):
    write(tmp_path / "v.mp4", [0.0, 0.04])
    (frame, _), _, _ = read(tmp_path / "v.mp4")
    pixels = frame.to_ndarray(format="rgb24").astype(int)
    assert np.abs(pixels[20, 8] - (220, 30, 30)).max() < 12
    assert np.abs(pixels[40, 60] - 40).max() < 6


@pytest.mark.parametrize("seconds", [3, 10])
def test_what_a_killed_writer_left_is_whole_but_for_the_last_second(tmp_path, seconds):
    writing = tmp_path / "writing.mp4"
    file = write(writing, [n / 25 for n in range(25 * seconds)], close=False)
    left = writing.read_bytes()  # as a kill at this moment would leave it
    file.close()
    (tmp_path / "left.mp4").write_bytes(left)
    kept = kept_frames(tmp_path / "left.mp4")
    assert 25 * (seconds - 1) - 1 <= kept < 25 * seconds
    frames, seen_s, _ = read(tmp_path / "left.mp4")
    assert len(frames) == kept
    assert seen_s == pytest.approx([n / 25 for n in range(kept)], abs=1e-4)


def test_a_file_plays_wherever_it_is_cut_once_it_is_mended(tmp_path):
    write(tmp_path / "v.mp4", [n / 10 for n in range(40)])
    whole = (tmp_path / "v.mp4").read_bytes()
    counts = []
    for size in [*range(0, len(whole), 61), len(whole)]:
        (tmp_path / "cut.mp4").write_bytes(whole[:size])
        mend(tmp_path / "cut.mp4")
        counts.append(kept_frames(tmp_path / "cut.mp4"))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 40)


def test_a_whole_file_needs_no_mending(tmp_path):
    write(tmp_path / "v.mp4", [n / 10 for n in range(40)])
    whole = (tmp_path / "v.mp4").read_bytes()
    mend(tmp_path / "v.mp4")
    assert (tmp_path / "v.mp4").read_bytes() == whole


def test_times_that_stand_still_or_fall_become_the_next_ones_possible(tmp_path):
    write(tmp_path / "v.mp4", [0.0, 0.04, 0.04, 0.02, 0.08])
    frames, seen_s, _ = read(tmp_path / "v.mp4")
    assert len(frames) == 5
    assert seen_s == sorted(set(seen_s))
    assert seen_s[-1] == pytest.approx(0.08, abs=1e-4)


def test_a_gap_that_is_longer_than_the_format_can_say_is_shortened_to_six_hours(tmp_path):
    hour_s = 3_600.0
    write(tmp_path / "v.mp4", [9.0, 9.04, 7 * hour_s, 7 * hour_s + 0.04, 30 * hour_s])
    frames, seen_s, _ = read(tmp_path / "v.mp4")
    assert len(frames) == kept_frames(tmp_path / "v.mp4") == 5
    after_s = 6 * hour_s + 0.04
    expected_s = [0.0, 0.04, after_s, after_s + 0.04, after_s + 0.04 + 6 * hour_s]
    assert seen_s == pytest.approx(expected_s, abs=1e-4)


def test_a_single_frame_is_a_video(tmp_path):
    write(tmp_path / "v.mp4", [5.0])
    frames, seen_s, length_s = read(tmp_path / "v.mp4")
    assert (len(frames), seen_s, length_s) == (1, [0.0], pytest.approx(0.04))


def test_a_file_says_what_it_is_of(tmp_path):
    write(tmp_path / "v.mp4", [0.0])
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert container.metadata["comment"] == "lot from frame 7"
        assert container.streams.video[0].codec_context.name == "h264"
