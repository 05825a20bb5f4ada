"""Results on a disk without room: whole lines, each once, however often it is tried."""

import errno
import json
import os

import pytest
from file_limit import files_end_at

from pipeline.config import JsonlSinkConfig
from pipeline.sinks import NoRoomError, build_sink
from pipeline.sinks.line_file import LineFile


def record(number):
    return {"source": "a", "frame": number, "region": 0, "pad": "x" * 80}


@pytest.fixture
def sink(tmp_path):
    sink = build_sink(JsonlSinkConfig(), tmp_path)
    sink.open(0)
    yield sink
    sink.close()


def frames(folder):
    lines = (folder / "results.jsonl").read_text().splitlines()
    return [json.loads(line)["frame"] for line in lines]


def test_what_finds_no_room_is_taken_back_and_can_be_written_again(sink, tmp_path):
    sink.write([record(0), record(1)])
    before = sink.flush()
    more = [record(n) for n in range(2, 10)]
    with files_end_at(before + 250):  # room for two of them and a half
        for _ in range(3):
            with pytest.raises(NoRoomError, match=r"results\.jsonl: File too large; results wait"):
                sink.write(more)
            assert frames(tmp_path) == [0, 1]
    sink.write(more)
    assert sink.flush() == (tmp_path / "results.jsonl").stat().st_size
    assert frames(tmp_path) == list(range(10))


def test_another_error_of_the_disk_is_not_waited_for(sink, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    sink.write([record(0)])
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.sinks.line_file.os.fsync", broken)
        with pytest.raises(OSError, match="Input/output error"):
            sink.flush()


def test_what_a_sync_could_not_bring_to_the_disk_is_written_again_in_its_place(
    tmp_path, monkeypatch
):
    path = tmp_path / "lines"
    path.write_bytes(b"old\n")
    file = LineFile(path)
    file.append(b"synced\n")
    file.sync(at_least_s=0.0)
    file.append(b"lost\n")

    def full(_descriptor):
        path.write_bytes(path.read_bytes().replace(b"lost", b"\0" * 4))  # what a system may do
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.sinks.line_file.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            file.sync(at_least_s=0.0)
    assert b"lost" not in path.read_bytes()
    file.sync(at_least_s=0.0)
    file.close()
    assert path.read_bytes() == b"old\nsynced\nlost\n"
