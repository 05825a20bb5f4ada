"""What every sink must do, by being registered."""

import contextlib
import json

import msgspec
import numpy as np
import pytest

from pipeline.config import JsonlSinkConfig
from pipeline.frame_ring import RingWriter, ring_path
from pipeline.readers import ArrayFrame
from pipeline.sinks import END_KEY, SINKS, Network, build_sink
from pipeline.sinks.result_parts import scan_progress


def record(frame, region=0, source="a"):
    return {"schema": 1, "source": source, "frame": frame, "region": region, "pts_s": frame / 10}


def end(source="a"):
    frames = {"captured": 3, "processed": 3, "dropped": {}, "skipped": 0, "corrupt": 0}
    return {
        "schema": 1,
        "event": "end_of_stream",
        "source": source,
        "reason": "complete",
        "frames": frames,
    }


@pytest.fixture(params=SINKS, ids=lambda kind: kind.__struct_config__.tag)
def config(request):
    return request.param()


@pytest.fixture
def build():
    """Build sinks that are closed when the test is over."""
    with contextlib.ExitStack() as stack:

        def _build(config, out):
            sink = build_sink(config, out)
            sink.network = Network(num_exits=3, full_macs=100)
            sink.frames_folder = out
            stack.callback(sink.close)
            return sink

        yield _build


@pytest.fixture
def given(config, tmp_path):
    """Records of so many frames as this kind of sink gets them: lines, or frames to draw."""
    reader = "reader/a#0"
    ring = RingWriter(ring_path(tmp_path, reader), 64)

    def _given(*frames):
        if not SINKS[type(config)].draws:
            return [record(n) for n in frames]
        return [drawn(n, reader, ring.put(picture(n))) for n in frames]

    return _given


def picture(number):
    pixels = np.full((24, 32, 3), 10 * number, np.uint8)
    return ArrayFrame(number, number / 10, (32, 24), lambda: pixels)


def drawn(number, reader, slot):
    place = {"source": "a", "frame": number, "pts_s": number / 10, "picture": [reader, slot]}
    return {"schema": 1, "event": "frame", **place, "regions": []}


def test_how_many_sinks_are_held_to_this():
    assert len(SINKS) == 2


def test_a_new_sink_holds_nothing(build, config, tmp_path):
    assert build(config, tmp_path).open(0) == {}


def test_what_was_written_and_closed_is_not_lost(build, config, tmp_path, given):
    sink = build(config, tmp_path)
    sink.open(0)
    sink.write([*given(0, 1, 2), end()])
    offset = sink.flush()
    sink.close()
    after = build(config, tmp_path)
    after.open(offset)
    assert (sink.lost, after.lost) == (0, 0)
    after.write(given(3))
    offset = after.flush()
    after.close()
    last = build(config, tmp_path)
    last.open(offset)
    assert last.lost == 0


def test_an_end_without_a_record_is_enough(build, config, tmp_path):
    sink = build(config, tmp_path)
    sink.open(0)
    sink.write([end()])
    sink.flush()
    sink.close()
    assert sink.lost == 0


def test_what_was_flushed_is_held_by_the_next_incarnation(build, tmp_path):
    config = JsonlSinkConfig()
    sink = build(config, tmp_path)
    sink.open(0)
    sink.write([record(0), record(0, 1), record(0, source="b"), end("b")])
    offset = sink.flush()
    sink.write([record(1)])
    sink.flush()
    after = build(config, tmp_path)
    assert after.open(0) == {"a": (1, 0), "b": END_KEY}
    assert build(config, tmp_path).open(offset) == {"a": (1, 0)}


def test_closing_twice_is_harmless(build, config, tmp_path):
    sink = build(config, tmp_path)
    sink.open(0)
    sink.close()
    sink.close()


class TestJsonl:
    """Beyond the contract."""

    def written(self, tmp_path, records):
        sink = build_sink(JsonlSinkConfig(), tmp_path)
        sink.open(0)
        sink.write(records)
        sink.close()
        return tmp_path / "results.jsonl"

    @pytest.mark.parametrize("cut", range(1, 40, 3))
    def test_a_half_written_line_is_cut_wherever_the_death_came(self, build, tmp_path, cut):
        path = self.written(tmp_path, [record(n) for n in range(5)])
        whole = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(whole[:-1]) + whole[-1][:-cut])
        sink = build(JsonlSinkConfig(), tmp_path)
        assert sink.open(0) == {"a": (3, 0)}
        sink.write([record(4)])
        sink.close()
        assert [json.loads(line)["frame"] for line in path.read_text().splitlines()] == [
            0,
            1,
            2,
            3,
            4,
        ]

    def test_a_file_that_is_one_half_line_becomes_empty(self, build, tmp_path):
        (tmp_path / "results.jsonl").write_bytes(b'{"schema": 1' * 10_000)
        assert build(JsonlSinkConfig(), tmp_path).open(0) == {}
        assert (tmp_path / "results.jsonl").stat().st_size == 0

    def test_progress_counts_whole_frames_only(self, tmp_path):
        records = [record(n, r) for n in (0, 2, 5) for r in (0, 1)] + [record(7, source="b")]
        progress = scan_progress(self.written(tmp_path, [*records, end("c")]))
        a = progress["a"]
        assert (a.frame, a.frames, a.regions, a.pts_s, a.newest, a.end) == (2, 2, 4, 0.2, 5, None)
        assert (progress["b"].frame, progress["b"].frames) == (-1, 0)
        assert progress["c"].end == end("c")

    def test_options_come_from_the_configuration(self, build, tmp_path):
        config = msgspec.convert({"type": "jsonl", "file": "x.jsonl"}, JsonlSinkConfig)
        build(config, tmp_path).open(0)
        assert (tmp_path / "x.jsonl").exists()
