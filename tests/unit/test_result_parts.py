"""Results in parts: every line once, and whoever goes on needs the last part alone."""

import contextlib
import errno
import json
import os
from pathlib import Path

import msgspec
import pytest

from pipeline.cli.schema import schema_of
from pipeline.config import JsonlSinkConfig
from pipeline.errors import ConfigError
from pipeline.file_series import FileSeries
from pipeline.results import PartRecord
from pipeline.sinks import build_sink
from pipeline.sinks.progress import Scan
from pipeline.sinks.result_parts import (
    ResultParts,
    read_all_records,
    read_held,
    recover,
    scan_progress,
    scan_results,
)

LIMITED = JsonlSinkConfig(max_mb=1)
PART_BYTES = 125_000


def result(frame, region=0, source="a"):
    place = {"source": source, "frame": frame, "region": region, "pts_s": frame / 10}
    return {"schema": 1, **place, "segment": frame // 100, "pad": "x" * 400}


def end(source="a", reason="complete", session=1):
    frames = {"captured": 3, "processed": 3, "dropped": {}, "skipped": 0, "corrupt": 0}
    told = {"event": "end_of_stream", "source": source, "reason": reason, "frames": frames}
    return {"schema": 1, **told, "session": session, "first_frame": 0, "end_frame": 10_000}


def written(folder, records, config=LIMITED, at_once=16):
    """Write, some at a time; the sink is closed."""
    sink = build_sink(config, folder)
    sink.open(0)
    for begin in range(0, len(records), at_once):
        sink.write(records[begin : begin + at_once])
        sink.flush()
    sink.close()
    return folder / "results.jsonl"


def many(frames, sources="ab", regions=2):
    return [
        result(frame, region, source)
        for frame in range(frames)
        for source in sources
        for region in range(regions)
    ]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_parts_carry_numbers_and_hold_every_line_once_in_order(tmp_path):
    records = many(150)
    path = written(tmp_path, records)
    assert names(tmp_path) == ["results.000001.jsonl", "results.000002.jsonl", "results.jsonl"]
    assert list(read_all_records(path)) == records
    for part in FileSeries(path).paths()[:-1]:
        assert PART_BYTES <= part.stat().st_size < PART_BYTES + 16 * 600


def test_without_a_limit_there_is_one_file(tmp_path):
    written(tmp_path, many(150), JsonlSinkConfig())
    assert names(tmp_path) == ["results.jsonl"]


def test_the_oldest_parts_go_beyond_the_limit(tmp_path):
    path = written(tmp_path, many(2_000, "a"))
    parts = FileSeries(path).numbered()
    assert min(parts) > 5
    assert sum(part.stat().st_size for part in parts.values()) <= 1_000_000 + 16 * 600
    assert len(parts) >= 7
    frames = [record["frame"] for record in read_all_records(path)]
    assert frames[-1] == 1_999
    assert frames == sorted(frames)


@pytest.mark.parametrize("frames", [61, 150, 151, 700])
def test_the_last_part_alone_says_how_far_each_source_has_come(tmp_path, frames):
    records = [*many(frames), end("b", session=1), *many(3, "c")]
    path = written(tmp_path, records)
    whole = Scan()
    for record in records:
        whole.take(record)
    for part in FileSeries(path).paths()[:-1]:
        part.unlink()
    assert scan_results(path) == whole
    assert scan_progress(path)["a"].frames == frames - 1
    assert scan_progress(path)["b"].end == end("b")
    assert whole.results == {"a": 2 * frames, "b": 2 * frames, "c": 6}


def test_sessions_that_are_over_stay_known(tmp_path):
    records = [*many(80, "a"), end(session=1), *many(200, "a"), end(session=2), *many(90, "a")]
    progress = scan_progress(written(tmp_path, records))["a"]
    assert progress.newest == 89
    before = progress.before
    assert (before.end["session"], before.newest, before.segment) == (2, 199, 1)
    assert before.end["frames"] == {
        name: 2 * n for name, n in end()["frames"].items() if n != {}
    } | {"dropped": {}}


def test_many_sessions_do_not_fill_the_parts(tmp_path):
    """What is said of them stays small; a part is due by what follows."""
    records = [
        record
        for session in range(1, 400)
        for record in (result(session), end(session=session), *many(1, f"{session % 90}"))
    ]
    path = written(tmp_path, [*records, *many(60, "z")])
    assert len(path.read_bytes().splitlines()[0]) < PART_BYTES / 2
    frames = [each["frame"] for each in read_all_records(path) if each["source"] == "z"]
    assert frames == [frame for frame in range(60) for _ in range(2)]
    assert scan_results(path).results["a"] == 399


def test_numbers_go_on_though_parts_were_archived(tmp_path):
    for begin in range(0, 600, 200):
        written(tmp_path, many(begin + 200, "a")[2 * begin :])
        parts = sorted(tmp_path.glob("results.0*.jsonl"))
        (tmp_path / f"{begin}").mkdir()
        for part in parts:
            part.rename(tmp_path / f"{begin}" / part.name)
    archived = sorted(part.name for part in tmp_path.glob("*/results.*.jsonl"))
    assert archived == [f"results.{number:06}.jsonl" for number in range(1, len(archived) + 1)]
    path = tmp_path / "results.jsonl"
    head = msgspec.json.decode(path.read_bytes().splitlines()[0], type=PartRecord)
    assert head.part == len(archived) + 1


def test_an_incarnation_that_opens_a_later_part_knows_what_lies_in_earlier_ones(tmp_path):
    records = many(150)
    path = written(tmp_path, records)
    after = build_sink(LIMITED, tmp_path)
    assert after.open(path.stat().st_size - 1) == {"a": (149, 1), "b": (149, 1)}
    after.close()
    unlimited = build_sink(JsonlSinkConfig(), tmp_path)  # the limit was taken out of the run
    assert unlimited.open(0) == {"a": (149, 1), "b": (149, 1)}
    unlimited.close()


def test_a_stop_stays_in_the_part_that_grows(tmp_path):
    """Whoever goes on cuts it off again, and what follows it."""
    records = [*many(60, "a"), end("a", "stopped"), *many(300, "b"), end("b", "stopped")]
    path = written(tmp_path, records)
    held = read_held(path)
    assert held.ends() == []
    assert sum(b"stopped" in line for line in path.read_bytes().splitlines()) == 2


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("call", range(1, 8))
def test_a_part_whose_beginning_breaks_off_anywhere_loses_and_doubles_nothing(
    tmp_path, monkeypatch, call
):
    """Every change of the folder and every sync is a place to die at; two die behind the last."""
    records = many(62, "a")
    path = written(tmp_path, records)
    assert names(tmp_path) == ["results.jsonl"]
    calls = iter(range(1, 100))

    def dying(original):
        def _call(*arguments, **keywords):
            if next(calls) == call:
                raise _KilledError
            return original(*arguments, **keywords)

        return _call

    held = scan_results(path)
    with monkeypatch.context() as patch:
        for name in ("rename", "open", "unlink"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        patch.setattr(os, "fsync", dying(os.fsync))
        with contextlib.suppress(_KilledError):
            parts = ResultParts(path, 1_000_000)
            parts.opened()
            parts.begin(held)
    recover(path)
    assert set(names(tmp_path)) in ({"results.jsonl"}, {"results.jsonl", "results.000001.jsonl"})
    recover(path)  # a second time it has nothing to do
    assert list(read_all_records(path)) == records
    assert scan_results(path) == held


def test_where_there_is_no_room_for_a_part_the_one_that_grows_goes_on(tmp_path, monkeypatch):
    sink = build_sink(LIMITED, tmp_path)
    sink.open(0)
    records = many(250, "a")
    for begin in range(0, len(records), 10):
        with monkeypatch.context() as patch:
            if begin < 300:
                patch.setattr("pipeline.sinks.result_parts._write_durably", _no_room)
            sink.write(records[begin : begin + 10])
    sink.close()
    path = tmp_path / "results.jsonl"
    assert path.stat().st_size > 0
    assert FileSeries(path).path_of(1).stat().st_size > PART_BYTES + 10 * 500
    assert list(read_all_records(path)) == records


def _no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["set_aside", "rename"])
def test_a_folder_without_room_leaves_the_part_as_it_was(tmp_path, monkeypatch, step):
    records = many(62, "a")
    path = written(tmp_path, records)
    parts, held = ResultParts(path, 1_000_000), scan_results(path)
    parts.opened()
    original = Path.rename

    def rename(source, target):
        if source.name.endswith(".next"):
            _no_room()
        return original(source, target)

    with monkeypatch.context() as patch:
        if step == "rename":
            patch.setattr(Path, "rename", rename)
        else:
            patch.setattr(FileSeries, "set_aside", _no_room)
        assert not parts.begin(held)
    assert names(tmp_path) == ["results.jsonl"]
    assert list(read_all_records(path)) == records
    assert parts.begin(held)


def test_more_than_a_line_can_say_begins_no_part(tmp_path, caplog):
    path = written(tmp_path, many(3, "a"))
    held = Scan(keys={f"{number:0200}": (1, 1) for number in range(6_000)})
    parts = ResultParts(path, 1_000_000)
    assert not parts.begin(held)
    assert not parts.begin(held)
    assert names(tmp_path) == ["results.jsonl"]
    assert [record.getMessage() for record in caplog.records] == [
        "results.jsonl: too many sources for parts; it grows on"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head["held"]["keys"].update(a=[-1]),
        lambda head: head["held"]["sources"]["a"].update(frame=-2),
        lambda head: head["held"].update(more=1),
        lambda head: head["held"]["sources"]["a"].update(end={"event": "end_of_stream"}),
        lambda head: head.pop("held"),
    ],
)
def test_a_damaged_first_line_is_refused_in_one(tmp_path, change):
    path = written(tmp_path, many(70))
    first, rest = path.read_text().split("\n", 1)
    head = json.loads(first)
    change(head)
    path.write_text(json.dumps(head, separators=(",", ":")) + "\n" + rest)
    with pytest.raises(ConfigError, match="expected its first line to say what earlier parts hold"):
        scan_progress(path)


def test_the_first_line_of_a_part_is_in_the_schema(tmp_path):
    path = written(tmp_path, many(70))
    head = msgspec.json.decode(path.read_bytes().splitlines()[0], type=PartRecord)
    assert head.part == 2
    assert "PartRecord" in schema_of("results")["$defs"]
