"""The sink `video`, over its lives: parts, what comes again, and what is counted as lost."""

import av
import numpy as np
import pytest
from file_limit import files_end_at

from pipeline.config import VideoSinkConfig
from pipeline.errors import ConfigError
from pipeline.frame_ring import RingWriter, ring_path
from pipeline.readers import ArrayFrame
from pipeline.sinks import Network, build_sink
from pipeline.sinks.base import UNKNOWN_OFFSET
from pipeline.sinks.video_file import kept_frames
from pipeline.sinks.video_parts import VideoParts

READER = "reader/lot#0"


def frame(number):
    pixels = np.full((48, 64, 3), 5 * number % 256, np.uint8)
    return ArrayFrame(number, number / 10, (64, 48), lambda: pixels)


@pytest.fixture
def ring(tmp_path):
    return RingWriter(ring_path(tmp_path, READER), 200)


@pytest.fixture
def records(ring):
    def _records(*numbers):
        return [record(number, ring.put(frame(number))) for number in numbers]

    return _records


def record(number, slot, reader=READER):
    body = {"source": "lot", "frame": number, "pts_s": number / 10, "picture": [reader, slot]}
    return {"schema": 1, "event": "frame", **body, "regions": []}


@pytest.fixture
def live(tmp_path):
    """Begin a life of the sink; given `offset`, what the hub knows of the lives before."""
    begun = []

    def _live(offset=0, **options):
        sink = build_sink(VideoSinkConfig(source="lot", file="lot.mp4", **options), tmp_path)
        sink.network = Network(num_exits=3, full_macs=100)
        sink.frames_folder = tmp_path
        assert sink.open(offset) == {}
        begun.append(sink)
        return sink

    yield _live
    for sink in begun:
        sink.close()


def kill(path, sink):
    """Leave the file as SIGKILL would at this moment."""
    left = path.read_bytes()
    sink.close()
    path.write_bytes(left)


def times(path):
    with av.open(str(path)) as container:
        return [round(float(f.time) * 10) for f in container.decode(video=0)]


def test_a_life_without_accident_is_one_file(tmp_path, live, records):
    sink = live()
    sink.write(records(*range(25)))
    assert sink.flush() == 25
    sink.close()
    assert times(tmp_path / "lot.mp4") == list(range(25))
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["lot.mp4"]
    assert sink.lost == 0


def test_after_a_kill_part_2_goes_on_and_what_is_in_no_part_is_counted(tmp_path, live, records):
    first = live()
    first.write(records(*range(35)))
    offset = first.flush()
    kill(tmp_path / "lot.mp4", first)
    kept = len(times(tmp_path / "lot.mp4"))
    assert 20 <= kept < 35

    second = live(offset)
    assert second.lost == 35 - kept
    second.write(records(*range(35, 60)))
    assert second.flush() == kept + 25
    second.close()
    assert len(times(tmp_path / "lot.part2.mp4")) == 25

    third = live(second.flush())
    assert third.lost == 0  # what was lost before is not counted again
    third.write(records(60))
    third.close()
    assert times(tmp_path / "lot.part3.mp4") == [0]


def test_what_was_given_and_not_answered_comes_again_and_is_in_the_video_once(
    tmp_path, live, records
):
    given = records(*range(35))
    first = live()
    first.write(given)
    kill(tmp_path / "lot.mp4", first)
    kept = len(times(tmp_path / "lot.mp4"))

    second = live(offset=10)  # of 35, the hub had heard of 10
    assert second.lost == 0
    second.write(given[10:])
    second.close()
    assert kept + len(times(tmp_path / "lot.part2.mp4")) == 35


def test_a_picture_that_is_gone_is_counted(tmp_path, live, records, ring):
    sink = live()
    sink.write([*records(0, 1), record(2, 0), record(3, 0, "reader/lot#7"), *records(4)])
    assert (sink.lost, sink.flush()) == (2, 3)
    sink.close()
    assert times(tmp_path / "lot.mp4") == [0, 1, 4]


def test_a_picture_that_is_overwritten_while_it_is_copied_is_counted(
    tmp_path, live, records, ring, monkeypatch
):
    sink = live()
    sink.write(records(0))
    overtaken = records(1)
    place = sink._part[2].place

    def late(*given):
        for number in range(2, 202):  # the ring has 200 slots
            ring.release(1)
            ring.put(frame(number))
        return place(*given)

    monkeypatch.setattr(sink._part[2], "place", late)
    sink.write(overtaken)
    sink.close()
    assert sink.lost == 1
    assert times(tmp_path / "lot.mp4") == [0]


def test_a_second_reader_brings_a_ring_of_its_own(tmp_path, live, records):
    sink = live()
    sink.write(records(0, 1))
    other = RingWriter(ring_path(tmp_path, "reader/lot#1"), 4)
    sink.write([record(2, other.put(frame(2)), "reader/lot#1"), *records(3)])
    sink.close()
    assert times(tmp_path / "lot.mp4") == [0, 1, 2, 3]
    assert sink.lost == 0


def test_of_an_earlier_run_of_a_camera_nothing_is_counted_and_nothing_comes_again(
    tmp_path, live, records
):
    first = live()
    first.write(records(*range(20)))
    first.close()
    second = live(UNKNOWN_OFFSET)
    second.write(records(20, 21))
    second.close()
    assert second.lost == 0
    assert len(times(tmp_path / "lot.part2.mp4")) == 2


def test_without_an_encoder_the_error_says_what_to_do(live, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"h264", "libx265"})
    with pytest.raises(ConfigError, match=r"video needs the encoder libx264, PyAV .* install"):
        live()


def test_a_frame_as_wide_as_no_encoder_takes_it_enlarged_is_drawn(tmp_path, live, ring):
    pixels = np.zeros((16, 2_048, 3), np.uint8)
    wide = ArrayFrame(0, 0.0, (2_048, 16), lambda: pixels)
    sink = live()
    sink.write([record(0, ring.put(wide))])
    sink.close()
    assert sink.lost == 0
    assert times(tmp_path / "lot.mp4") == [0]


def test_results_that_are_no_frames_are_passed_over(live, tmp_path):
    sink = live()
    sink.write([{"source": "lot", "frame": 0, "region": 0}])
    sink.close()
    assert list(tmp_path.glob("*.mp4")) == []


@pytest.fixture
def noise(ring):
    """Frames that take some 50 kB each, and so fill a part soon."""
    rng = np.random.default_rng(0)

    def _noise(*numbers):
        found = []
        for number in numbers:
            pixels = rng.integers(0, 255, (48, 64, 3), np.uint8)
            picture = ArrayFrame(number, number / 10, (64, 48), lambda pixels=pixels: pixels)
            found.append(record(number, ring.put(picture)))
        return found

    return _noise


@pytest.fixture
def small_parts(monkeypatch):
    """A megabyte is a thousand bytes here."""
    monkeypatch.setattr("pipeline.sinks.video.MEGABYTE", 1_000)
    monkeypatch.setattr("pipeline.sinks.video_parts._LEAST_PART_BYTES", 1)


def test_the_oldest_parts_go_and_no_frame_of_theirs_is_counted_as_lost(
    tmp_path, live, noise, small_parts
):
    limit = {"max_mb": 1_500, "quality": 1}
    first = live(**limit)
    first.write(noise(*range(60)))
    offset = first.flush()
    assert offset == 60
    first.close()
    left = sorted(tmp_path.glob("*.mp4"))
    assert len(left) >= 2
    assert not (tmp_path / "lot.mp4").exists()
    size = sum(path.stat().st_size for path in left)
    assert 500_000 < size < 2_000_000
    kept = sum(len(times(path)) for path in left)
    assert kept < 60

    second = live(offset, **limit)
    assert second.lost == 0
    second.write(noise(*range(60, 80)))
    assert second.flush() == 80
    second.close()
    newest = max(tmp_path.glob("*.mp4"), key=lambda path: path.stat().st_mtime_ns)
    assert times(newest)[-1] > 0
    assert live(80, **limit).lost == 0


def test_without_a_limit_there_is_one_file_however_long(tmp_path, live, noise, small_parts):
    sink = live(max_mb=0, quality=1)
    sink.write(noise(*range(30)))
    sink.close()
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["lot.mp4"]
    assert not list(tmp_path.glob("*.json"))


def test_a_full_disk_costs_counted_frames_until_there_is_room(tmp_path, live, noise, monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr("pipeline.sinks.video.time.monotonic", lambda: now[0])
    sink = live(quality=1)
    given = noise(*range(60))
    with files_end_at(1_500_000):
        sink.write(given)
        assert sink.trouble is not None
        assert sink.trouble.startswith("lot.mp4: File too large; frames are not drawn until")
    kept = kept_frames(tmp_path / "lot.mp4")
    assert 0 < kept < 60
    assert (sink.flush(), sink.lost) == (kept, 60 - kept)
    sink.write(noise(60, 61))  # there is room, but it has not looked yet
    assert (sink.flush(), sink.lost) == (kept, 62 - kept)
    now[0] += 30.0
    sink.write(noise(62, 63))
    assert sink.trouble is None
    assert (sink.flush(), sink.lost) == (kept + 2, 62 - kept)
    sink.close()
    assert len(times(tmp_path / "lot.part2.mp4")) == 2
    assert live(kept + 2).lost == 0


def test_frames_of_a_part_that_was_cut_off_and_removed_later_are_not_counted_as_lost(
    tmp_path, live, noise, small_parts, monkeypatch
):
    now = [1_000.0]
    monkeypatch.setattr("pipeline.sinks.video.time.monotonic", lambda: now[0])
    limit = {"max_mb": 1_500, "quality": 1}
    sink, given = live(**limit), noise(*range(60))
    with files_end_at(150_000):
        sink.write(given)
    assert 0 < sink.flush() < 60
    now[0] += 30.0
    sink.write(noise(*range(60, 140)))
    taken = sink.flush()
    sink.close()
    assert not (tmp_path / "lot.mp4").exists()
    assert live(taken, **limit).lost == 0


def test_a_part_that_a_person_removed_to_make_room_is_counted_and_the_next_begins(
    tmp_path, live, noise, monkeypatch
):
    now = [1_000.0]
    monkeypatch.setattr("pipeline.sinks.video.time.monotonic", lambda: now[0])
    sink = live(quality=1)
    sink.write(noise(*range(5)))
    (tmp_path / "lot.mp4").unlink()
    given = noise(*range(5, 60))
    with files_end_at(150_000):
        sink.write(given)
    assert (sink.flush(), sink.lost) == (0, 60)
    now[0] += 30.0
    sink.write(noise(60, 61))
    sink.close()
    assert len(times(tmp_path / "lot.mp4")) == 2


def test_the_limit_is_kept_though_a_person_removes_parts_meanwhile(
    tmp_path, live, noise, small_parts, monkeypatch
):
    sink = live(max_mb=1_500, quality=1)
    sink.write(noise(*range(20)))
    found = VideoParts._found

    def removed_since(parts):
        listed = found(parts)
        for path in list(listed.values())[:1]:
            path.unlink(missing_ok=True)
        return listed

    monkeypatch.setattr(VideoParts, "_found", removed_since)
    sink.write(noise(*range(20, 60)))
    assert sink.flush() == 60
    assert sink.trouble is None
    sink.close()


def test_a_disk_that_is_full_from_the_first_byte_leaves_no_empty_part(tmp_path, live, noise):
    sink = live(quality=1)
    given = noise(*range(20))
    with files_end_at(10):
        sink.write(given)
        sink.close()
    assert (sink.flush(), sink.lost) == (0, 20)
    assert list(tmp_path.glob("*.mp4")) == []


def test_a_disk_that_is_full_at_the_last_byte_is_counted_too(tmp_path, live, noise):
    sink = live(quality=1)
    sink.write(noise(*range(25)))
    size = (tmp_path / "lot.mp4").stat().st_size
    with files_end_at(size + 10):
        sink.close()
    kept = len(times(tmp_path / "lot.mp4"))
    assert 0 < kept < 25
    assert (sink.flush(), sink.lost) == (kept, 25 - kept)
