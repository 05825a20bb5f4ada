"""What is said of sinks before a run is started, and who waits for those that draw."""

import pytest

from pipeline.config import PipelineConfig, SourceConfig, VideoSinkConfig
from pipeline.config_file import load_config
from pipeline.errors import ConfigError
from pipeline.supervisor import plan_run
from pipeline.supervisor.run_folder import frames_folder
from pipeline.supervisor.settle_sinks import settle_sinks


def load(*sinks, sources=("lot",)):
    base = {"sources": {name: {"uri": "synthetic://"} for name in sources}, "sinks": list(sinks)}
    return load_config(base=base, environment={}).config


def test_a_video_of_the_only_source_needs_no_word_more():
    (sink,) = settle_sinks(load({"type": "video"})).sinks
    assert sink == VideoSinkConfig(source="lot", file="lot.mp4", max_mb=0)


@pytest.mark.parametrize(
    ("sinks", "match"),
    [
        ([{"type": "video"}], r"sinks\[0\]\.source: expected one of lot, gate, got None"),
        (
            [{"type": "jsonl"}, {"type": "video", "source": "lott"}],
            r"sinks\[1\]\.source: expected one of lot, gate, got 'lott'",
        ),
        (
            [{"type": "video", "source": "lot", "file": "lot.avi"}],
            r"sinks\[0\]\.file: expected a name that ends in \.mp4, got 'lot\.avi'",
        ),
        (
            [{"type": "video", "source": "lot", "file": "../lot.mp4"}],
            r"sinks\[0\]\.file: expected a name",
        ),
        (
            [{"type": "video", "source": "lot"}, {"type": "video", "source": "lot"}],
            r"sinks\[1\]\.file: .* of its own, got 'lot\.mp4', which sinks\[0\] writes",
        ),
        (
            [{"type": "jsonl"}, {"type": "jsonl"}],
            r"sinks\[1\]\.file: .*, got 'results\.jsonl', which sinks\[0\] writes",
        ),
        ([{"type": "video", "source": "lot", "file": ""}], r"expected a name that ends in \.mp4"),
    ],
)
def test_what_cannot_be_written_is_refused(sinks, match):
    with pytest.raises(ConfigError, match=match):
        settle_sinks(load(*sinks, sources=("lot", "gate")))


@pytest.mark.parametrize(
    "file", ["", ".", "..", "/abs/shared.jsonl", "sub/r.jsonl", "../r.jsonl", "./results.jsonl"]
)
def test_results_lie_in_the_folder_of_their_run(file):
    with pytest.raises(ConfigError, match=r"sinks\[0\]\.file: expected a name without a folder"):
        settle_sinks(load({"type": "jsonl", "file": file}))


@pytest.mark.parametrize(
    "file",
    [
        *("summary.json", "summary.json.partial", "telemetry.mpk", "telemetry.000001.mpk"),
        *("run.log.1", "verify.json", "verify.partial", "report.html", "adapter.mpk.partial"),
    ],
)
def test_what_the_run_itself_writes_is_no_name_for_results(file):
    with pytest.raises(ConfigError, match=r"sinks\[0\]\.file: .* which the run itself writes"):
        settle_sinks(load({"type": "jsonl", "file": file}))


@pytest.mark.parametrize(
    "file",
    ["lot.mp4", "lot.part2.mp4", "lot.parts.json", "r.jsonl", "r.000001.jsonl", "r.jsonl.next"],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_no_name_is_that_of_another_sinks_part(file, is_first):
    others = [{"type": "video"}, {"type": "jsonl", "file": "r.jsonl"}]
    own = {"type": "jsonl", "file": file}
    with pytest.raises(ConfigError, match=r"sinks\[\d\]\.file: expected a file of its own"):
        settle_sinks(load(*([own, *others] if is_first else [*others, own])))


def test_names_that_are_only_alike_are_fine():
    files = ["r.jsonl", "r.01.jsonl", "lot.jsonl", "lot.mp4.jsonl", "telemetry.1.mpk", "r"]
    sinks = [{"type": "video"}, *({"type": "jsonl", "file": file} for file in files)]
    settled = settle_sinks(load(*sinks)).sinks
    assert [sink.file for sink in settled] == ["lot.mp4", *files]


def plan(**source):
    config = PipelineConfig(
        sources={
            "lot": SourceConfig(uri="synthetic://", **source),
            "b": SourceConfig(uri="synthetic://"),
        },
        sinks=[VideoSinkConfig(source="lot")],
    )
    return plan_run(config)


def test_a_file_waits_for_its_video_and_has_a_slot_for_each_credit():
    lot, other = plan().hub_plan().sources
    assert lot.waits_for_sinks
    assert not other.waits_for_sinks
    assert lot.ring_slots == lot.credits == 16
    assert (other.ring_slots, other.credits) == (0, 128)


@pytest.mark.parametrize("on_full", ["latest", "drop_oldest", "drop_newest"])
def test_what_drops_frames_does_not_wait_and_has_slots_for_more_than_its_credits(on_full):
    lot = plan(realtime=True, on_full=on_full).source_plan("lot")
    assert not lot.waits_for_sinks
    assert (lot.ring_slots, lot.credits) == (16, 8)


def test_nothing_is_kept_where_nobody_draws():
    config = PipelineConfig(sources={"lot": SourceConfig(uri="synthetic://")})
    planned = plan_run(config)
    assert planned.draws == {}
    lot = planned.source_plan("lot")
    assert (lot.ring_slots, lot.credits) == (0, 128)


def test_shared_memory_that_cannot_be_written_is_an_error_in_words(tmp_path):
    with pytest.raises(ConfigError, match=r"a sink that draws needs shared memory, .* cannot be"):
        frames_folder(tmp_path / "none")
