"""The sink `video`, over its lives: parts, what comes again, and what is counted as lost."""

import av
import numpy as np
import pytest

from pipeline.config import VideoSinkConfig
from pipeline.errors import ConfigError
from pipeline.frame_ring import RingWriter, ring_path
from pipeline.readers import ArrayFrame
from pipeline.sinks import Network, build_sink
from pipeline.sinks.base import UNKNOWN_OFFSET

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

    def _live(offset=0):
        sink = build_sink(VideoSinkConfig(source="lot", file="lot.mp4"), tmp_path)
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
    place = sink._canvas.place

    def late(*given):
        for number in range(2, 202):  # the ring has 200 slots
            ring.release(1)
            ring.put(frame(number))
        return place(*given)

    monkeypatch.setattr(sink._canvas, "place", late)
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


def test_results_that_are_no_frames_are_passed_over(live, tmp_path):
    sink = live()
    sink.write([{"source": "lot", "frame": 0, "region": 0}])
    sink.close()
    assert list(tmp_path.glob("*.mp4")) == []
