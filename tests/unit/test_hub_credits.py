"""How many frames a source may have in the pipeline."""

import pytest

from pipeline.config import PipelineConfig, RuntimeConfig, SourceConfig
from pipeline.messages import Counters, Credit, FrameMessage, Hello
from pipeline.readers import open_reader
from pipeline.stages.hub import Hub, HubPlan
from pipeline.supervisor.plan import _credits_of


@pytest.fixture
def make_hub():
    """A hub and a source that has said hello; frames without regions need no worker."""

    def _make(count):
        hub = Hub(
            HubPlan(
                sources=["a"],
                workers=["0"],
                sinks=[],
                labels=["x", "y"],
                num_exits=1,
                full_macs=1,
                crop_bytes=1,
                policy_version=1,
                policy_body={},
                credits_of={"a": count},
            )
        )
        for role, name in (("worker", "0"), ("reader", "a")):
            hub.child_started(f"{role}/{name}#0", role, name)
            hub.receive(f"{role}/{name}#0", Hello(role, name, 1), b"", 0)
        return hub

    return _make


def granted(hub):
    actions = hub.step(0)
    return sum(a.message.frames for a in actions if isinstance(getattr(a, "message", 0), Credit))


def send(hub, first, count):
    for frame in range(first, first + count):
        message = FrameMessage("a", frame, float(frame), 0, 0, 0.0, [], Counters(frame + 1))
        hub.receive("reader/a#0", message, b"", 0)


@pytest.mark.parametrize("credits_", [1, 2, 3, 5, 8, 32])
def test_a_source_that_has_used_all_its_credits_always_hears_of_more(make_hub, credits_):
    hub = make_hub(credits_)
    held, sent = 0, 0
    for _ in range(50):
        held += granted(hub)
        assert 0 < held <= credits_
        send(hub, sent, held)
        sent, held = sent + held, 0


@pytest.mark.parametrize(
    ("source", "can_wait"),
    [
        ({"uri": "a.mp4"}, True),
        ({"uri": "a.mp4", "loop": True}, True),
        ({"uri": "a.mp4", "realtime": True}, False),
        ({"uri": "a.mp4", "on_full": "latest"}, False),
        ({"uri": "rtsp://camera/stream"}, False),
        ({"uri": "rtsp://camera/stream", "on_full": "block"}, False),
        ({"uri": "webcam://0"}, False),
    ],
)
def test_only_a_file_at_its_own_speed_can_wait(source, can_wait):
    assert open_reader(SourceConfig(**source)).can_wait is can_wait


@pytest.mark.parametrize(("files", "each"), [(1, 64), (2, 64), (4, 32), (10, 12), (40, 8)])
def test_files_share_what_may_wait_and_cameras_keep_their_few(files, each):
    sources = {f"file{number}": SourceConfig(uri="a.mp4") for number in range(files)}
    camera = SourceConfig(uri="rtsp://camera/stream")
    config = PipelineConfig(sources={**sources, "camera": camera})
    assert _credits_of(config) == {**dict.fromkeys(sources, each), "camera": 8}


def test_a_configured_number_counts_for_all():
    sources = {"a": SourceConfig(uri="a.mp4"), "b": SourceConfig(uri="rtsp://camera/stream")}
    config = PipelineConfig(sources=sources, runtime=RuntimeConfig(credits=3))
    assert _credits_of(config) == {"a": 3, "b": 3}
