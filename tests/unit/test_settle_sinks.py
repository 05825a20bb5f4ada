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
        ([{"type": "jsonl", "file": "./summary.json"}], "which the run itself writes"),
        (
            [{"type": "jsonl"}, {"type": "jsonl", "file": "./results.jsonl"}],
            "expected a file of its own for each jsonl sink",
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
            r"a file of its own for each video sink, got \['lot\.mp4', 'lot\.mp4'\]",
        ),
        (
            [{"type": "jsonl"}, {"type": "jsonl"}],
            r"a file of its own for each jsonl sink, got \['results\.jsonl', 'results\.jsonl'\]",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(sinks, match):
    with pytest.raises(ConfigError, match=match):
        settle_sinks(load(*sinks, sources=("lot", "gate")))


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
