"""The recording of a run: segments, their limit, damage, and a disk without room."""

import contextlib
from types import SimpleNamespace

import pytest
from file_limit import files_end_at
from sample_snapshot import sample_snapshot

from pipeline.errors import ConfigError
from pipeline.file_series import FileSeries
from pipeline.recording import TELEMETRY, RecordedRun, Recording
from pipeline.recording.segment_walk import SegmentWalk
from pipeline.recording.writer import RETRY_S, SEGMENTS

RECORD = {"kind": "n", "bytes": bytes(1_000)}


@pytest.fixture
def begin(tmp_path):
    """Begin a recording whose head counts how often it was asked for."""
    open_ones = []

    def _begin(max_bytes=None):
        heads = iter(range(1_000_000))
        recording = Recording(
            tmp_path,
            head=lambda: [{"kind": "head", "number": next(heads)}],
            max_bytes=max_bytes,
        )
        recording.begin()
        open_ones.append(recording)
        return recording

    yield _begin
    for recording in open_ones:
        with contextlib.suppress(OSError):  # the test has closed it
            recording.close()


def read(folder):
    run = RecordedRun(folder)
    return SimpleNamespace(records=list(run.records()), complaints=run.complaints, run=run)


def numbers(folder):
    return [record["number"] for record in read(folder).records if record["kind"] == "n"]


def size(folder):
    return sum(path.stat().st_size for path in folder.glob("telemetry*.mpk"))


def test_a_recording_goes_on_behind_its_last_whole_record(tmp_path, begin):
    recording = begin()
    for number in range(3):
        recording.note({**RECORD, "number": number})
    recording.close()
    whole = (tmp_path / TELEMETRY).read_bytes()
    for lost in (1, 50, 1_000):
        (tmp_path / TELEMETRY).write_bytes(whole[:-lost])
        again = begin()
        again.note({**RECORD, "number": 9})
        again.close()
        assert numbers(tmp_path) == [0, 1, 9]
        assert read(tmp_path).complaints == []


def test_segments_keep_the_limit_and_the_newest_records(tmp_path, begin):
    limit = 80_000
    recording = begin(limit)
    for number in range(400):
        recording.note({**RECORD, "number": number})
        recording.settle(0.0)
        assert size(tmp_path) <= limit + 2_000
    recording.close()
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 400))
    assert len(kept) >= limit / 1_000 * (SEGMENTS - 2) / SEGMENTS
    assert len(read(tmp_path).run.paths) >= SEGMENTS - 1


def test_every_segment_begins_with_a_head_of_its_own_moment(tmp_path, begin):
    recording = begin(80_000)
    for number in range(400):
        recording.note({**RECORD, "number": number})
        recording.settle(0.0)
    recording.close()
    heads = []
    for path in RecordedRun(tmp_path).paths:
        alone = tmp_path / path.stem
        alone.mkdir()
        path.rename(alone / TELEMETRY)
        first = read(alone).records[0]
        assert first["kind"] == "head"
        heads.append(first["number"])
    assert heads == list(range(heads[0], heads[0] + len(heads)))
    assert heads[0] > 0


def test_a_long_head_does_not_fill_the_recording_with_heads(tmp_path):
    recording = Recording(
        tmp_path, head=lambda: [{"kind": "head", "state": bytes(20_000)}], max_bytes=80_000
    )
    recording.begin()
    for number in range(300):
        recording.note({**RECORD, "number": number})
        recording.settle(0.0)
    recording.close()
    assert size(tmp_path) < 3 * 80_000
    kept = numbers(tmp_path)
    assert kept[-1] == 299
    assert len(kept) >= 60


def test_segments_that_are_begun_while_one_is_read_are_read_too_and_none_twice(tmp_path, begin):
    """A new segment begins between two records, at every record in turn."""
    for moment in range(12):
        folder = tmp_path / str(moment)
        folder.mkdir()
        recording = Recording(folder, head=list, max_bytes=40_000)
        noted = iter(range(1_000))

        def note(count, recording=recording, noted=noted):
            for _ in range(count):
                recording.note({**RECORD, "number": next(noted)})
                recording.settle(0.0)

        note(8)
        run, found = RecordedRun(folder), []
        for number, record in enumerate(run.records()):
            found.append(record["number"])
            if number == moment:
                note(9)
        recording.close()
        assert found == list(range(len(found)))
        assert len(found) >= (17 if moment < 8 else 8)
        assert run.complaints == []


def test_what_is_written_to_a_segment_behind_its_reader_is_read_once_it_is_set_aside(
    tmp_path, begin, monkeypatch
):
    recording = begin()
    for number in range(3):
        recording.note({**RECORD, "number": number})
    recording.close()
    path = tmp_path / TELEMETRY
    whole = path.read_bytes()
    path.write_bytes(whole[:-300])
    look, looks = SegmentWalk.next, []

    def look_later(walk):
        looks.append(walk)
        if len(looks) == 2:  # the reader is at the end of the first
            with path.open("ab") as stream:
                stream.write(whole[-300:])
            path.rename(tmp_path / "telemetry.000001.mpk")
            path.write_bytes(whole[:-1])
        return look(walk)

    monkeypatch.setattr(SegmentWalk, "next", look_later)
    run = RecordedRun(tmp_path)
    assert [record["number"] for record in run.records()] == [0, 0, 1, 2, 0, 0, 1]
    assert run.complaints == [f"{path}: the last 1,040 bytes are no whole record"]
    assert run.bytes_read == 2 * len(whole) - 1_041


def test_segments_that_are_missing_between_others_are_named(tmp_path, begin):
    recording = begin(80_000)
    for number in range(400):
        recording.note({**RECORD, "number": number})
        recording.settle(0.0)
    recording.close()
    run = RecordedRun(tmp_path)
    gone = run.paths[1], run.paths[3]
    gone[0].unlink()
    records = run.records()
    next(records)
    gone[1].unlink()
    kept = [record["number"] for record in records if record["kind"] == "n"]
    assert kept[-1] == 399
    assert run.complaints == [f"{path}: is not there any more" for path in gone]


def test_a_segment_that_cannot_be_opened_is_said_and_the_others_are_read(tmp_path, begin):
    recording = begin()
    recording.note({**RECORD, "number": 0})
    recording.close()
    (tmp_path / "telemetry.000001.mpk").symlink_to(tmp_path / "nothing")
    found = read(tmp_path)
    assert [record["kind"] for record in found.records] == ["head", "n"]
    assert found.complaints == [f"{tmp_path}/telemetry.000001.mpk: No such file or directory"]


def test_a_segment_that_is_damaged_is_set_aside_and_a_new_one_begins(tmp_path, begin):
    recording = begin()
    for number in range(10):
        recording.note({**RECORD, "number": number})
    recording.close()
    data = bytearray((tmp_path / TELEMETRY).read_bytes())
    data[5_000:6_200] = b"\xc1" * 1_200  # the one byte that MessagePack never uses
    (tmp_path / TELEMETRY).write_bytes(data)
    again = begin()
    again.note({**RECORD, "number": 10})
    again.close()
    found = read(tmp_path)
    kept = [record["number"] for record in found.records if record["kind"] == "n"]
    assert kept[-1] == 10
    assert kept[:-1] == list(range(len(kept) - 1))
    assert 2 <= len(kept) <= 6
    assert len(found.complaints) == 1


@pytest.mark.parametrize(
    "garbage", [b"\xc1", b"hello", b"\x80", b"\x93\x01\x02\x03", b"\xc7\x0c\xff" + bytes(12)]
)
def test_garbage_ends_a_segment_in_words(tmp_path, begin, garbage):
    recording = begin()
    recording.note({**RECORD, "number": 0})
    recording.close()
    with (tmp_path / TELEMETRY).open("ab") as stream:
        stream.write(garbage)
    found = read(tmp_path)
    assert [record["kind"] for record in found.records] == ["head", "n"]
    (words,) = found.complaints
    assert f"{TELEMETRY}: damaged behind byte 1,0" in words


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "policy", "version": 1},
        {"kind": "policy", "version": "1", "body": {"kind": "full"}},
        {"kind": "policy", "version": 1, "body": {"kind": "dart", "coefficients": [["x"]]}},
        {"kind": "policy", "version": 1, "body": {"kind": "always-full", "policy": 3}},
        {"kind": "gap"},
        {"kind": "gap", "records": -1},
        {"kind": "batch", "worker": "w", "policy_version": 1, "regions": [[0, 1]]},
        {"kind": "batch", "worker": "w", "policy_version": 1, "regions": [[-1, 1, 0]]},
        {"kind": "segment", "host": "here"},
        {"kind": "retune", "settings": {"epsilon": float("nan")}},
        {"kind": "adapter", "state": {"settings": {"epsilon": "2 %"}}},
        {"kind": "n", "time_s": float("inf")},
        {"kind": "n", "time_s": 1e300},
    ],
    ids=str,
)
def test_a_record_that_lacks_what_its_kind_has_is_damage(tmp_path, begin, odd):
    recording = begin()
    recording.note(odd)
    recording.note({**RECORD, "number": 0})
    recording.close()
    found = read(tmp_path)
    assert [record["kind"] for record in found.records] == ["head"]
    (words,) = found.complaints
    assert "what follows is no record: " in words
    assert "\n" not in words


def test_half_a_record_at_the_end_is_told_from_damage(tmp_path, begin):
    recording = begin()
    recording.note({**RECORD, "number": 0})
    recording.close()
    path = tmp_path / TELEMETRY
    path.write_bytes(path.read_bytes()[:-900])
    found = read(tmp_path)
    assert [record["kind"] for record in found.records] == ["head"]
    assert "bytes are no whole record" in found.complaints[0]


def test_a_folder_without_a_recording_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=f"{tmp_path} holds no telemetry.mpk"):
        RecordedRun(tmp_path)


def test_a_snapshot_comes_back_without_the_log(tmp_path, begin):
    recording = begin()
    recording.snapshot(sample_snapshot(regions=7, log=["a line"]))
    recording.note({"kind": "snapshot", "snapshot": {"of": "another version"}})
    recording.close()
    run = RecordedRun(tmp_path)
    assert list(run.snapshots()) == [sample_snapshot(regions=7)]
    assert run.complaints == ["1 snapshots are of another version and were left out"]


@pytest.mark.parametrize("time_s", [1e300, -1e300, 1e12, -1.0])
def test_a_snapshot_of_no_time_that_a_calendar_can_write_is_left_out(tmp_path, begin, time_s):
    recording = begin()
    recording.snapshot(sample_snapshot(time_s=time_s))
    recording.close()
    run = RecordedRun(tmp_path)
    assert list(run.snapshots()) == []
    assert run.complaints == ["1 snapshots are of another version and were left out"]


def test_no_room_costs_whole_records_which_are_counted_until_there_is_room(tmp_path, begin):
    recording = begin()
    for number in range(5):
        recording.note({**RECORD, "number": number})
    recording.settle(0.0)
    with files_end_at(size(tmp_path) + 20):
        for number in range(5, 10):
            recording.note({**RECORD, "number": number})
            recording.settle(1.0)
        assert recording.lost == 5
        (words,) = recording.take_words()
        assert words.startswith(f"{TELEMETRY}: File too large; nothing is recorded until")
        recording.settle(1.0 + RETRY_S)  # still full: nothing more is said
        assert recording.take_words() == []
    recording.note({**RECORD, "number": 10})  # room, but nobody has looked yet
    recording.settle(2.0 + RETRY_S)
    assert recording.lost == 6
    recording.settle(1.0 + 2 * RETRY_S + 2.0)
    recording.note({**RECORD, "number": 11})
    recording.close()
    found = read(tmp_path)
    kinds = [record["kind"] for record in found.records]
    assert kinds == ["head", *["n"] * 5, "gap", "head", "n"]
    assert found.records[-3]["records"] == 6
    assert found.complaints == []


def test_a_second_lack_of_room_is_news_again(begin):
    recording = begin()
    for outage in range(2):
        with files_end_at(500):
            recording.note(RECORD)
            recording.settle(0.0)
        assert len(recording.take_words()) == 1
        recording.settle(1.0)
        recording.settle(1.0 + RETRY_S)
        assert recording.lost == outage + 1


def removed(path):
    path.unlink()


def renamed(path):
    path.rename(path.with_name("kept.mpk"))


def replaced(path):
    path.write_bytes(path.read_bytes()[:-700])  # half a record
    path.write_bytes(path.read_bytes())
    renamed(path)
    path.write_bytes(path.with_name("kept.mpk").read_bytes())


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("change", [removed, renamed, replaced, emptied])
def test_a_file_that_somebody_takes_away_begins_anew_and_loses_nothing_that_follows(
    tmp_path, begin, change
):
    recording = begin()
    for number in range(5):
        recording.note({**RECORD, "number": number})
    recording.settle(0.0)
    change(tmp_path / TELEMETRY)
    recording.note({**RECORD, "number": 5})
    recording.settle(1.0)
    (words,) = recording.take_words()
    assert words == f"{TELEMETRY}: somebody removed or changed it; it begins anew"
    recording.note({**RECORD, "number": 6})
    recording.settle(2.0)
    assert recording.take_words() == []
    recording.close()
    found = read(tmp_path)
    # What was noted before stands before the head: a head says where things stand behind it.
    kinds = [record["kind"] for record in found.records]
    assert kinds[-4:] == ["gap", "n", "head", "n"]
    assert numbers(tmp_path)[-2:] == [5, 6]
    assert (found.complaints, recording.lost) == ([], 0)


def test_a_file_that_is_taken_away_at_the_very_end_begins_anew(tmp_path, begin):
    recording = begin()
    recording.settle(0.0)
    (tmp_path / TELEMETRY).unlink()
    recording.note({**RECORD, "number": 5})
    recording.close()
    assert numbers(tmp_path) == [5]


def test_a_folder_that_is_gone_is_said_and_the_run_goes_on(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    recording = Recording(folder, head=list)
    (folder / TELEMETRY).unlink()
    folder.rmdir()
    recording.note({**RECORD, "number": 0})
    recording.settle(0.0)
    words = recording.take_words()
    assert words[-1].startswith(f"{TELEMETRY}: No such file or directory; nothing is recorded")
    folder.mkdir()
    recording.settle(1.0)
    recording.settle(1.0 + RETRY_S)
    recording.close()
    assert [(r["kind"], r["records"]) for r in read(folder).records] == [("gap", 1)]


def test_segments_that_somebody_removes_while_the_oldest_go_do_no_harm(
    tmp_path, begin, monkeypatch
):
    listed = FileSeries._older

    def removed_since(series):
        found = listed(series)
        if len(found) > 3:
            list(found.values())[1].unlink(missing_ok=True)
        return found

    monkeypatch.setattr(FileSeries, "_older", removed_since)
    recording = begin(80_000)
    for number in range(400):
        recording.note({**RECORD, "number": number})
        recording.settle(0.0)
    recording.close()
    assert recording.take_words() == []
    assert recording.lost == 0
    assert numbers(tmp_path)[-1] == 399


def test_a_recording_that_a_person_removed_to_make_room_begins_again(tmp_path, begin):
    recording = begin()
    with files_end_at(500):
        recording.note(RECORD)
        recording.settle(0.0)
    (tmp_path / TELEMETRY).unlink()
    recording.settle(1.0)
    recording.settle(1.0 + RETRY_S)
    recording.close()
    assert [record["kind"] for record in read(tmp_path).records] == ["gap", "head"]
